//! The records of entries: a file each, which whoever uses the section keeps
//! locked with flock(2).
//!
//! A lock file that is inherited says more of a command than its process id: the
//! system keeps it locked for as long as anything that the command started lives,
//! whatever becomes of the client and of the agent, and no other process is ever
//! taken for it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use super::recovery::{self, OpenRecord, RecoveryError};
use crate::system::file::with_suffix;

/// What is known of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) lock: String,
    pub(super) token: u64,
    pub(super) pid: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) command: Vec<String>,
}

/// `process 4711 (rsync -a data backup:)`. Whoever shows it escapes it.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}")?,
            None => write!(f, "another process")?,
        }
        let command = self.command.join(" ");
        if command.is_empty() {
            return Ok(());
        }
        write!(f, " ({command})")
    }
}

/// The record of an entry. It stays on disk, however this process ends, until it
/// is [removed](Record::remove).
#[must_use = "it stays on disk"]
#[derive(Debug)]
pub(super) struct Record {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) entry: Entry,
}

/// The directory with the records of an agent.
#[derive(Debug)]
pub(super) struct Records {
    folder: PathBuf,
    /// Those who may lock them: the owner, or a group too.
    mode: u32,
    gid: Option<u32>,
    written: u64,
}

impl Records {
    /// Opens the directory beside an agent's socket, which is made if it is not
    /// there.
    pub(super) fn beside(socket: &Path, gid: Option<u32>) -> Result<Self, RecoveryError> {
        let path = with_suffix(socket, ".held");
        let folder = std::path::absolute(path).map_err(|error| RecoveryError::Nowhere {
            path: socket.to_owned(),
            error,
        })?;
        match make(&folder, gid) {
            Ok(()) => Ok(Records {
                folder,
                mode: if gid.is_some() { 0o640 } else { 0o600 },
                gid,
                written: 0,
            }),
            Err(error) => Err(RecoveryError::Folder {
                path: folder,
                error,
            }),
        }
    }

    /// Those of an earlier run whose commands go on. The others are removed.
    pub(super) fn left(&self) -> Result<Vec<OpenRecord>, RecoveryError> {
        recovery::open_in(&self.folder, recovery::remove)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn fill(&self, record: &Record) -> io::Result<()> {
        serde_json::to_writer(&record.file, &record.entry)?;
        match self.gid {
            Some(_) => std::os::unix::fs::fchown(&record.file, None, self.gid),
            None => Ok(()),
        }
    }

    /// Writes one down. It is locked by nobody yet.
    pub(super) fn write(&mut self, entry: Entry) -> io::Result<Record> {
        loop {
            let path = self.folder.join(self.written.to_string());
            self.written += 1;
            let mut options = OpenOptions::new();
            options.write(true).read(true).create_new(true);
            let file = match options.mode(self.mode).open(&path) {
                // Of an earlier run.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            let record = Record { path, file, entry };
            return match self.fill(&record) {
                Ok(()) => Ok(record),
                Err(error) => {
                    record.remove();
                    Err(error)
                }
            };
        }
    }
}

impl Record {
    /// The stay is over.
    pub(super) fn remove(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anything of the command goes on.
    pub(super) fn is_locked(&self) -> io::Result<bool> {
        is_locked(&self.file)
    }
}

fn make(folder: &Path, gid: Option<u32>) -> io::Result<()> {
    let mode = if gid.is_some() { 0o750 } else { 0o700 };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(mode).create(folder)?;
    match gid {
        Some(_) => std::os::unix::fs::chown(folder, None, gid),
        None => Ok(()),
    }
}

pub(super) fn is_locked(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            rustix::fs::flock(file, FlockOperation::Unlock)?;
            Ok(false)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(lock: &str) -> Entry {
        Entry {
            lock: lock.into(),
            token: 7,
            pid: Some(1),
            uid: None,
            command: vec!["true".into()],
        }
    }

    #[test]
    fn what_is_still_locked_is_left_after_a_restart_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Records::beside(&folder.path().join("sock"), None).unwrap();
        let mut records = open();
        let (one, two) = (records.write(entry("one")), records.write(entry("two")));
        let (one, two) = (one.unwrap(), two.unwrap());
        let locked = File::open(one.path()).unwrap();
        rustix::fs::flock(&locked, FlockOperation::LockExclusive).unwrap();
        assert!(one.is_locked().unwrap() && !two.is_locked().unwrap());
        // The agent is killed.
        drop((one, two));
        fs::write(folder.path().join("sock.held/9"), "{").unwrap();
        let mut records = open();
        let left = records.left().unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].record.entry, entry("one"));
        let three = records.write(entry("three")).unwrap();
        assert_ne!(three.path(), left[0].record.path());
        drop(locked);
        assert!(!left[0].record.is_locked().unwrap());
        three.remove();
        left.into_iter().for_each(|left| left.record.remove());
        assert_eq!(
            fs::read_dir(folder.path().join("sock.held"))
                .unwrap()
                .count(),
            0
        );
    }
}
