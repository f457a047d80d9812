//! `turno key`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Failure, closed_pipe_is_fine};
use crate::engine::key_file;
use crate::narrate::listed;
use crate::system::file::replace_private;
use crate::wire::{Key, MAX_SECRETS};

/// Make a key for a group, or change one without a pause.
///
/// Writes a new key to a file that only its owner can read. Copy the file to every
/// member, and start all of them, and turno shared, with --key FILE. They then sign
/// every datagram, and drop those that are not signed.
///
/// A file may have several keys: all are accepted, and the first signs. So a key is
/// changed in three steps: --add, --switch, --drop. After each of them copy the file to
/// every member, and send SIGHUP to every agent (systemctl reload turno); go on when all
/// agents show the same keys (turno status).
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The file to create, or to change
    file: PathBuf,

    #[command(flatten)]
    change: Change,
}

#[derive(Args)]
#[group(multiple = false)]
struct Change {
    /// Add a new key, which is accepted and does not sign yet
    #[arg(long)]
    add: bool,

    /// Let the key that was added last sign; the others are accepted
    #[arg(long)]
    switch: bool,

    /// Drop all keys but the one that signs
    #[arg(long)]
    drop: bool,
}

const EXAMPLES: &str = "\
Examples:
  turno key turno.key
  scp -p turno.key beta:
  turno agent --id 1 alpha:7001 beta:7001 --key turno.key

A new key, without a pause; after each step copy the file and reload all agents:
  turno key --add turno.key
  turno key --switch turno.key
  turno key --drop turno.key";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let change: fn(Key) -> Result<Key, Failure> = match &self.change {
            Change { add: true, .. } => with_another,
            Change { switch: true, .. } => with_last_first,
            Change { drop: true, .. } => with_first_alone,
            _ => return create(&self.file),
        };
        let failed = |error: io::Error| {
            let file = self.file.display();
            Failure::failed(format!("cannot change the key file {file}: {error}"))
        };
        // A link stays one.
        let file = fs::canonicalize(&self.file).map_err(failed)?;
        let key = key_file::read(&file).map_err(Failure::failed)?;
        let key = change(key)?;
        replace_private(&file, key.to_secret_text().as_bytes()).map_err(failed)?;
        let names = listed(key.names());
        closed_pipe_is_fine(writeln!(
            io::stdout(),
            "{}: {names}; the first signs",
            self.file.display()
        ))
    }
}

fn with_another(key: Key) -> Result<Key, Failure> {
    let count = key.count();
    key.with_another(secret().map_err(Failure::failed)?)
        .map_err(|_| {
            Failure::usage(format!(
                "the file has {count} keys, and may have {MAX_SECRETS}: --drop leaves the one that \
             signs"
            ))
        })
}

fn with_last_first(key: Key) -> Result<Key, Failure> {
    match key.count() {
        1 => Err(Failure::usage(
            "the file has one key, which signs: first --add another",
        )),
        _ => Ok(key.with_last_first()),
    }
}

fn with_first_alone(key: Key) -> Result<Key, Failure> {
    match key.count() {
        1 => Err(Failure::usage(
            "the file has one key alone, which signs: there is none to drop",
        )),
        _ => Ok(key.with_first_alone()),
    }
}

/// Writes a new key to a new file.
fn create(file: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let why = if error.kind() == io::ErrorKind::AlreadyExists {
            "it exists, and is not overwritten (--add adds a key to it)".to_owned()
        } else {
            error.to_string()
        };
        let file = file.display();
        Failure::failed(format!("cannot create the key file {file}: {why}"))
    };
    let secret = secret().map_err(failed)?;
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut opened = options.open(file).map_err(failed)?;
    let text = Key::new(secret).to_secret_text();
    opened.write_all(text.as_bytes()).map_err(failed)?;
    opened.sync_all().map_err(failed)
}

fn secret() -> io::Result<[u8; 32]> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}
