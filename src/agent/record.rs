//! The records of entries: a file each, which the client and its command keep locked with
//! flock(2).
//!
//! The command inherits the locked file, so the system keeps it locked while any process
//! of the command lives, whatever happens to the client and the agent. A process id would
//! say less: it misses the command's children, and the system may give it to another
//! process.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::ops::Not;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::deadline;
use crate::mutex::Mode;
use crate::system::file::with_suffix;
use crate::views::Moment;

/// The content of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) lock: String,
    pub(super) token: u64,
    /// Whether the entry is shared. An older agent takes it for an exclusive one.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub(super) shared: bool,
    pub(super) pid: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) command: Vec<String>,
    /// When it began, in microseconds of the boot clock. `None` in the record of an older
    /// agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) began_us: Option<u64>,
    /// The client itself is in the critical section. An older agent does not know of the field.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub(super) no_command: bool,
}

impl Entry {
    /// The mode of the entry.
    pub(super) fn mode(&self) -> Mode {
        match self.shared {
            true => Mode::Shared,
            false => Mode::Exclusive,
        }
    }
}

/// Describes a client, not escaped yet: `process 4711 (rsync -a data backup:)`.
pub(super) fn description(pid: Option<u32>, command: &[String]) -> String {
    let process = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"));
    match command.join(" ").as_str() {
        "" => process,
        command => format!("{process} ({command})"),
    }
}

/// The record of an entry. It outlives this process: [`Record::remove`] removes it.
#[must_use = "the file stays until it is removed"]
#[derive(Debug)]
pub(super) struct Record {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) entry: Entry,
}

/// The directory with the records of an agent.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) folder: PathBuf,
    /// The mode of a record: its owner may lock it, and the group, if there is one.
    mode: u32,
    gid: Option<u32>,
    written: u64,
}

impl Records {
    /// The directory beside an agent's socket.
    ///
    /// # Errors
    /// The path is relative, and there is no present directory.
    pub(super) fn folder(socket: &Path) -> Result<PathBuf, String> {
        std::path::absolute(with_suffix(socket, ".held")).map_err(|error| {
            format!(
                "cannot make {} an absolute path: {error}; give an absolute one with --socket",
                socket.display()
            )
        })
    }

    /// Opens the directory beside an agent's socket. A missing directory is created.
    pub(super) fn beside(socket: &Path, gid: Option<u32>) -> Result<Self, String> {
        let folder = Self::folder(socket)?;
        let (folder_mode, mode) = match gid {
            Some(_) => (0o750, 0o640),
            None => (0o700, 0o600),
        };
        let create = || -> io::Result<()> {
            let mut builder = DirBuilder::new();
            builder.recursive(true).mode(folder_mode).create(&folder)?;
            // An agent without a group may have created it.
            fs::set_permissions(&folder, Permissions::from_mode(folder_mode))?;
            match gid {
                Some(_) => chown(&folder, None, gid),
                None => Ok(()),
            }
        };
        create().map_err(|error| {
            format!(
                "cannot keep the records of entries in {}: {error}; the agent must be able to \
                 create, read and write this directory",
                folder.display()
            )
        })?;
        Ok(Records {
            folder,
            mode,
            gid,
            written: 0,
        })
    }

    /// Writes the record of an entry. The client locks it.
    /// With failover the record has a deadline.
    pub(super) fn write(&mut self, entry: Entry, until: Option<Moment>) -> io::Result<Record> {
        loop {
            let path = self.folder.join(self.written.to_string());
            self.written += 1;
            let mut options = OpenOptions::new();
            options.write(true).read(true).create_new(true);
            let file = match options.mode(self.mode).open(&path) {
                // An earlier agent wrote it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                opened => opened?,
            };
            let record = Record { path, file, entry };
            if let Err(error) = self.fill(&record, until) {
                record.remove();
                return Err(error);
            }
            return Ok(record);
        }
    }

    fn fill(&self, record: &Record, until: Option<Moment>) -> io::Result<()> {
        let mut text = serde_json::to_string(&record.entry)?;
        if let Some(until) = until {
            text = deadline::before(until, &text);
        }
        (&record.file).write_all(text.as_bytes())?;
        match self.gid {
            Some(_) => fchown(&record.file, None, self.gid),
            None => Ok(()),
        }
    }
}

impl Record {
    /// Removes the file: the entry has ended.
    pub(super) fn remove(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            log::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

/// Whether a process has this record locked, which says that the client or its command
/// still runs.
pub(super) fn is_locked(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            flock(file, FlockOperation::Unlock)?;
            Ok(false)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::recovery::open_records;
    use super::*;

    fn entry(lock: &str) -> Entry {
        Entry {
            lock: lock.into(),
            token: 7,
            shared: false,
            pid: Some(1),
            uid: None,
            command: vec!["true".into()],
            began_us: None,
            no_command: false,
        }
    }

    #[test]
    fn an_existing_directory_is_opened_to_a_group_and_closed_again() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("sock");
        let gid = rustix::process::getgid().as_raw();
        for (gid, mode) in [(None, 0o700), (Some(gid), 0o750), (None, 0o700)] {
            drop(Records::beside(&socket, gid).unwrap());
            let metadata = fs::metadata(folder.path().join("sock.held")).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn after_a_restart_only_the_locked_records_are_open() {
        let folder = tempfile::tempdir().unwrap();
        let held = folder.path().join("sock.held");
        let open = || Records::beside(&folder.path().join("sock"), None).unwrap();
        let mut records = open();
        let (one, two) = (
            records.write(entry("one"), None),
            records.write(entry("two"), None),
        );
        let (one, two) = (one.unwrap(), two.unwrap());
        let locked = File::open(&one.path).unwrap();
        flock(&locked, FlockOperation::LockExclusive).unwrap();
        assert!(is_locked(&one.file).unwrap() && !is_locked(&two.file).unwrap());
        // The agent is killed.
        drop((one, two));
        fs::write(held.join("9"), "{").unwrap();
        let mut records = open();
        let mut open = open_records(&records).unwrap();
        assert_eq!(open.len(), 1);
        let open = open.remove(0).record;
        assert_eq!(open.entry, entry("one"));
        let three = records.write(entry("three"), None).unwrap();
        assert_ne!(three.path, open.path);
        drop(locked);
        assert!(!is_locked(&open.file).unwrap());
        three.remove();
        open.remove();
        assert_eq!(fs::read_dir(held).unwrap().count(), 0);
    }
}
