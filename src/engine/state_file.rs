//! The state file: the part of a member's clock that survives a restart.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::mutex::{Durability, NodeId};
use crate::system::file;
use crate::wire::GroupDigest;

const FILE: &str = "turno-state.json";

/// The state directory of one member, locked against other nodes.
#[derive(Debug)]
pub(crate) struct StateFile {
    folder: PathBuf,
    record: Record,
    /// Locked while the node runs.
    _lock: File,
}

/// The contents of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    turno_state: u32,
    id: u16,
    group: String,
    /// The clock of every run so far is below this.
    clock_below: u64,
    /// Whether the clocks of all peers were heard since the file was made.
    heard: bool,
    /// The first bytes of a SHA-256 of the other fields, against damage.
    check: String,
}

/// Why a state directory cannot be used: a sentence that says what to do.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct StateError(String);

/// What a start with a new state costs.
const WAITS: &str = "then waits for the clock of every other member before its first request";

impl StateFile {
    /// Opens the state of this member in this directory. A missing directory is made,
    /// for a member that never ran. `is_reset` makes a new file.
    ///
    /// # Errors
    /// [`StateError`] says what prevents it and what to do.
    pub(crate) fn open(
        folder: &Path,
        id: NodeId,
        group: GroupDigest,
        is_reset: bool,
    ) -> Result<Self, StateError> {
        let is_first = !folder.exists();
        if is_first {
            let mut builder = fs::DirBuilder::new();
            let made = builder.recursive(true).mode(0o700).create(folder);
            made.map_err(|error| io_error(folder, &error))?;
        }
        let lock = lock(folder)?;
        let fresh = Record::new(id.0, group.to_string(), 1, false);
        let path = folder.join(FILE);
        let state = |record| StateFile {
            folder: folder.to_owned(),
            record,
            _lock: lock,
        };
        if is_first || is_reset {
            let state = state(fresh);
            if let Err(error) = state.write() {
                // Otherwise the next start would take it for a lost state.
                if is_first {
                    let _ = fs::remove_dir_all(folder);
                }
                return Err(io_error(&path, &error));
            }
            return Ok(state);
        }
        let record = read(&path)?;
        if (record.id, &record.group) != (fresh.id, &fresh.group) {
            return Err(StateError(format!(
                "{} belongs to {}, and this is {}. Give each member a directory of its own; or, \
                 if the member list has changed, stop all members and start each with --new-state",
                path.display(),
                record.whose(),
                fresh.whose()
            )));
        }
        Ok(state(record))
    }

    /// What the algorithm needs to know of it.
    pub(crate) fn durability(&self) -> Durability {
        Durability::Durable {
            below: self.record.clock_below,
            synced: self.record.heard,
        }
    }

    /// Makes this bound durable: written, synced, renamed over the old file, and the
    /// directory synced.
    pub(crate) fn reserve(&mut self, below: u64) -> io::Result<()> {
        let group = self.record.group.clone();
        self.record = Record::new(self.record.id, group, below, true);
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let mut text = serde_json::to_vec(&self.record)?;
        text.push(b'\n');
        file::replace(&self.folder.join(FILE), &text)
    }
}

impl Record {
    fn new(id: u16, group: String, clock_below: u64, heard: bool) -> Self {
        let mut record = Record {
            turno_state: 1,
            id,
            group,
            clock_below,
            heard,
            check: String::new(),
        };
        record.check = record.sum();
        record
    }

    fn sum(&self) -> String {
        let fields = format!(
            "{} {} {} {} {}",
            self.turno_state, self.id, self.group, self.clock_below, self.heard
        );
        let digest = Sha256::digest(fields);
        digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn whose(&self) -> String {
        format!("member {} of group {}", self.id, self.group)
    }
}

fn read(path: &Path) -> Result<Record, StateError> {
    let damaged = |why: &str| {
        StateError(format!(
            "{} is damaged ({why}). Restore a copy if it is the latest; otherwise start with \
             --new-state: this member {WAITS}",
            path.display()
        ))
    };
    let text = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => StateError(format!(
            "{} is missing. If this member never ran with this directory, or its state is lost, \
             start it with --new-state: it {WAITS}",
            path.display()
        )),
        _ => io_error(path, &error),
    })?;
    let record: Record =
        serde_json::from_slice(&text).map_err(|error| damaged(&error.to_string()))?;
    if record.turno_state != 1 {
        return Err(damaged(&format!("its format is {}", record.turno_state)));
    }
    if record.check != record.sum() {
        return Err(damaged("its checksum is wrong"));
    }
    Ok(record)
}

fn lock(folder: &Path) -> Result<File, StateError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|error| io_error(&path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError(format!(
            "the state directory {} is in use by another node",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(io_error(&path, &error)),
    }
}

fn io_error(path: &Path, error: &io::Error) -> StateError {
    let path = path.display();
    StateError(format!("cannot use the state directory {path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupDigest = GroupDigest(7);

    fn open(folder: &Path, is_reset: bool) -> Result<StateFile, StateError> {
        StateFile::open(folder, NodeId(2), GROUP, is_reset)
    }

    fn error(opened: Result<StateFile, StateError>) -> String {
        opened.unwrap_err().to_string()
    }

    fn durability(below: u64, synced: bool) -> Durability {
        Durability::Durable { below, synced }
    }

    /// What the next run finds.
    fn found(folder: &Path, is_reset: bool) -> Durability {
        open(folder, is_reset).unwrap().durability()
    }

    /// A directory with the state of a member whose clock is below 5.
    fn used() -> (tempfile::TempDir, PathBuf) {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("state");
        let mut state = open(&folder, false).unwrap();
        assert_eq!(state.durability(), durability(1, false));
        state.reserve(5).unwrap();
        (parent, folder)
    }

    #[test]
    fn the_next_run_finds_the_bound() {
        let (_parent, folder) = used();
        assert_eq!(found(&folder, false), durability(5, true));
    }

    #[test]
    fn a_member_that_never_heard_all_clocks_still_has_to() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("deep/state");
        drop(open(&folder, false).unwrap());
        assert_eq!(found(&folder, false), durability(1, false));
    }

    #[test]
    fn a_directory_without_its_file_is_an_error() {
        let (_parent, folder) = used();
        fs::remove_file(folder.join(FILE)).unwrap();
        assert!(error(open(&folder, false)).contains("is missing"));
        assert_eq!(found(&folder, true), durability(1, false));
    }

    #[test]
    fn damage_to_any_byte_is_an_error() {
        let (_parent, folder) = used();
        let path = folder.join(FILE);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[place] ^= 4;
            for damaged in [&changed[..], &whole[..place]] {
                fs::write(&path, damaged).unwrap();
                let error = error(open(&folder, false));
                assert!(error.contains("is damaged ("), "{place}: {error}");
                assert!(error.contains("--new-state"));
            }
        }
    }

    #[test]
    fn the_state_of_another_member_or_group_is_an_error() {
        let (_parent, folder) = used();
        for (id, group) in [(NodeId(3), GROUP), (NodeId(2), GroupDigest(8))] {
            let error = error(StateFile::open(&folder, id, group, false));
            assert!(error.contains(" belongs to member 2 of group "), "{error}");
        }
    }

    #[test]
    fn two_nodes_do_not_share_a_directory() {
        let (_parent, folder) = used();
        let _first = open(&folder, false).unwrap();
        assert!(error(open(&folder, false)).contains("in use by another node"));
    }

    #[test]
    fn half_a_write_leaves_the_old_state() {
        let (_parent, folder) = used();
        fs::write(folder.join(format!("{FILE}.new")), b"{\"turno_st").unwrap();
        assert_eq!(found(&folder, false), durability(5, true));
    }
}
