//! The state file: what a member remembers of its clock when its node is
//! started anew.

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

/// The state directory of one member, and the lock on it.
#[derive(Debug)]
pub(crate) struct StateFile {
    folder: PathBuf,
    record: Record,
    /// Held for as long as the node runs.
    _lock: File,
}

/// What is in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    turno_state: u32,
    id: u16,
    group: String,
    /// The clock was, and is, below this in every run.
    clock_below: u64,
    /// Whether all peers' clocks were heard since the file was made.
    heard: bool,
    /// The first bytes of a SHA-256 of the other fields, against damage.
    check: String,
}

/// Why there is no state to go on from. The message says what to do.
#[derive(Debug, Error)]
pub enum StateError {
    /// The system does not let us.
    #[error("cannot use the state directory {}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// Another node uses it.
    #[error("the state directory {} is in use by another node", .0.display())]
    InUse(PathBuf),
    /// The directory is there, and the file is not.
    #[error(
        "{} is missing: if this member never ran with this directory, or its state is lost, start it with --new-state, and it hears every member's clock before its first request",
        .0.display()
    )]
    Missing(PathBuf),
    /// The file cannot be read as what it should be.
    #[error(
        "{} is damaged ({why}): put back a copy if it is the latest, else start with --new-state, and this member hears every member's clock before its first request",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It was written by another member, or for another member list.
    #[error(
        "{} is of {theirs}, and this is {ours}: name that member's own directory; or, if the member list was changed, stop all members and start each with --new-state",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        theirs: String,
        /// Who we are.
        ours: String,
    },
}

impl StateFile {
    /// The state of this member in this directory. A directory that does not
    /// exist is made, for a member that never ran; with `anew` so is the file.
    ///
    /// # Errors
    /// [`StateError`] says what is in the way and what to do about it.
    pub(crate) fn open(
        folder: &Path,
        id: NodeId,
        group: GroupDigest,
        anew: bool,
    ) -> Result<Self, StateError> {
        let is_first = !folder.exists();
        if is_first {
            let mut builder = fs::DirBuilder::new();
            let made = builder.recursive(true).mode(0o700).create(folder);
            made.map_err(|error| io_error(folder, error))?;
        }
        let lock = lock(folder)?;
        let fresh = Record::new(id, group, 1, false);
        let path = folder.join(FILE);
        if is_first || anew {
            let state = StateFile {
                folder: folder.to_owned(),
                record: fresh,
                _lock: lock,
            };
            if let Err(error) = state.write() {
                // Or the next start would miss what never was there.
                if is_first {
                    let _ = fs::remove_dir_all(folder);
                }
                return Err(io_error(&path, error));
            }
            return Ok(state);
        }
        let record = read(&path)?;
        if (record.id, &record.group) != (fresh.id, &fresh.group) {
            return Err(StateError::Foreign {
                path,
                theirs: record.whose(),
                ours: fresh.whose(),
            });
        }
        Ok(StateFile {
            folder: folder.to_owned(),
            record,
            _lock: lock,
        })
    }

    /// What it says to the algorithm.
    pub(crate) fn durability(&self) -> Durability {
        Durability::Durable {
            below: self.record.clock_below,
            synced: self.record.heard,
        }
    }

    /// Makes sure that this bound survives everything: written, synced, renamed
    /// over the old file, the directory synced.
    pub(crate) fn reserve(&mut self, below: u64) -> io::Result<()> {
        let (id, group) = (NodeId(self.record.id), self.record.group.clone());
        self.record = Record::sealed(id, group, below, true);
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let mut text = serde_json::to_vec(&self.record)?;
        text.push(b'\n');
        file::replace(&self.folder.join(FILE), &text)
    }
}

impl Record {
    fn new(id: NodeId, group: GroupDigest, clock_below: u64, heard: bool) -> Self {
        Record::sealed(id, group.to_string(), clock_below, heard)
    }

    fn sealed(id: NodeId, group: String, clock_below: u64, heard: bool) -> Self {
        let mut record = Record {
            turno_state: 1,
            id: id.0,
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
    let damaged = |why: String| StateError::Damaged {
        path: path.to_owned(),
        why,
    };
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StateError::Missing(path.to_owned()));
        }
        Err(error) => return Err(io_error(path, error)),
    };
    let record: Record =
        serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if record.turno_state != 1 {
        return Err(damaged(format!("its format is {}", record.turno_state)));
    }
    if record.check != record.sum() {
        return Err(damaged("its check sum is wrong".to_owned()));
    }
    Ok(record)
}

fn lock(folder: &Path) -> Result<File, StateError> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(|error| io_error(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(io_error(&path, error)),
    }
}

fn io_error(path: &Path, error: io::Error) -> StateError {
    StateError::Io {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: GroupDigest = GroupDigest(7);

    fn open(folder: &Path, anew: bool) -> Result<StateFile, StateError> {
        StateFile::open(folder, NodeId(2), GROUP, anew)
    }

    fn durability(below: u64, heard: bool) -> Durability {
        Durability::Durable {
            below,
            synced: heard,
        }
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
    fn what_was_reserved_is_there_in_the_next_run() {
        let (_parent, folder) = used();
        assert_eq!(
            open(&folder, false).unwrap().durability(),
            durability(5, true)
        );
    }

    #[test]
    fn a_member_that_ran_but_never_heard_all_still_has_to() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("deep/state");
        drop(open(&folder, false).unwrap());
        assert_eq!(
            open(&folder, false).unwrap().durability(),
            durability(1, false)
        );
    }

    #[test]
    fn a_file_that_is_missing_where_it_was_is_an_error() {
        let (_parent, folder) = used();
        fs::remove_file(folder.join(FILE)).unwrap();
        assert!(matches!(open(&folder, false), Err(StateError::Missing(_))));
        assert_eq!(
            open(&folder, true).unwrap().durability(),
            durability(1, false)
        );
    }

    #[test]
    fn a_damaged_file_is_an_error_whichever_byte_it_is() {
        let (_parent, folder) = used();
        let path = folder.join(FILE);
        let whole = fs::read(&path).unwrap();
        for place in 0..whole.len() - 1 {
            let mut changed = whole.clone();
            changed[place] ^= 4;
            for damaged in [&changed[..], &whole[..place]] {
                fs::write(&path, damaged).unwrap();
                let error = open(&folder, false).unwrap_err();
                assert!(
                    matches!(error, StateError::Damaged { .. }),
                    "{place}: {error}"
                );
                assert!(error.to_string().contains("--new-state"));
            }
        }
    }

    #[test]
    fn another_members_or_groups_file_is_an_error() {
        let (_parent, folder) = used();
        for (id, group) in [(NodeId(3), GROUP), (NodeId(2), GroupDigest(8))] {
            let error = StateFile::open(&folder, id, group, false).unwrap_err();
            assert!(matches!(error, StateError::Foreign { .. }), "{error}");
        }
    }

    #[test]
    fn two_nodes_do_not_share_a_directory() {
        let (_parent, folder) = used();
        let _first = open(&folder, false).unwrap();
        assert!(matches!(open(&folder, false), Err(StateError::InUse(_))));
    }

    #[test]
    fn half_a_write_leaves_the_old_state() {
        let (_parent, folder) = used();
        fs::write(folder.join(format!("{FILE}.new")), b"{\"turno_st").unwrap();
        assert_eq!(
            open(&folder, false).unwrap().durability(),
            durability(5, true)
        );
    }
}
