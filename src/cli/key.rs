//! `turno key`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::wire::Key;

/// Make a key for a group.
///
/// Writes a new key to a file that only its owner can read. Copy the file to every
/// member, and start all of them, and turno shared, with --key FILE. They then sign
/// every datagram, and drop those that are not signed.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The file to create
    file: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  turno key turno.key
  scp -p turno.key beta:
  turno agent --id 1 alpha:7001 beta:7001 --key turno.key";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let file = &self.file;
        let failed = |error: io::Error| {
            let why = if error.kind() == io::ErrorKind::AlreadyExists {
                "it exists, and is not overwritten".to_owned()
            } else {
                error.to_string()
            };
            let file = file.display();
            Failure::failed(format!("cannot create the key file {file}: {why}"))
        };
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| failed(error.into()))?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).mode(0o600);
        let mut opened = options.open(file).map_err(failed)?;
        writeln!(opened, "{}", Key::new(secret).to_secret_text()).map_err(failed)?;
        opened.sync_all().map_err(failed)
    }
}
