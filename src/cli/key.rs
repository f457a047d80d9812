//! `turno key`, and the key files that the other commands read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Failure;
use crate::wire::Key;

/// Make a key for a group.
///
/// Writes a new key to a file that only its owner can read. Copy the file to
/// every member, and start all of them, and turno shared, with --key FILE: then
/// every datagram is signed, and what is not is dropped.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The file to make
    file: PathBuf,
}

const EXAMPLES: &str = "\
Example:
  turno key turno.key
  scp -p turno.key beta:
  turno process 1 alpha:7001 beta:7001 --key turno.key";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let file = &self.file;
        let failed = |error: io::Error| {
            let why = if error.kind() == io::ErrorKind::AlreadyExists {
                "it exists, and is not overwritten".to_owned()
            } else {
                error.to_string()
            };
            Failure::failed(format!("cannot make {}: {why}", file.display()))
        };
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| failed(error.into()))?;
        let mut options = OpenOptions::new();
        let mut opened = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .map_err(failed)?;
        writeln!(opened, "{}", Key::new(secret).to_secret_text()).map_err(failed)?;
        opened.sync_all().map_err(failed)
    }
}

/// The key in a file that its owner alone can read.
pub(super) fn read(file: &Path) -> Result<Key, Failure> {
    let failed = |why: String| Failure::failed(format!("the key file {}: {why}", file.display()));
    let mut opened = File::open(file).map_err(|error| failed(error.to_string()))?;
    let metadata = opened
        .metadata()
        .map_err(|error| failed(error.to_string()))?;
    if metadata.mode() & 0o077 != 0 {
        let path = file.display();
        return Err(failed(format!(
            "others than its owner can read or write it: chmod 600 {path}"
        )));
    }
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us {
        return Err(failed(format!(
            "it belongs to user {}, and this is user {us}",
            metadata.uid()
        )));
    }
    let mut text = String::new();
    opened
        .read_to_string(&mut text)
        .map_err(|error| failed(error.to_string()))?;
    text.parse()
        .map_err(|error| failed(format!("{error}; turno key makes one")))
}
