//! The state file: the part of a member's clock that survives a restart.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::mutex::{Durability, NodeId, ViewNumber};
use crate::system::file;
use crate::views::Lease;
use crate::wire::GroupDigest;

const FILE: &str = "turno-state.json";

/// Locked while a node uses the directory.
const LOCK: &str = "lock";

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
    /// Since the group first had failover: what a member must not forget of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failover: Option<FailoverRecord>,
    /// The first bytes of a SHA-256 of the other fields, against damage.
    check: String,
}

/// What a member must not forget of failover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailoverRecord {
    /// The lease of the latest run, in microseconds; 0 if that run had no failover.
    lease: u64,
    /// The highest view number that was voted for: counter and proposer.
    promised: (u64, u16),
    /// Whether all members were heard since the lease is this one.
    heard: bool,
}

/// What an event makes durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Durable {
    /// The clock stays below this.
    pub(super) below: Option<u64>,
    /// No vote for this number or a smaller one follows.
    pub(super) promised: Option<ViewNumber>,
    /// All members must be heard again before anything is promised.
    pub(super) is_forgotten: bool,
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
        let fresh = Record::new(id, group);
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
        Ok(state(own(&path, id, group)?))
    }

    /// Whether this directory has a state of this member that can be read. Changes nothing.
    ///
    /// # Errors
    /// As [`StateFile::open`].
    #[cfg(feature = "cli")]
    pub(crate) fn check(folder: &Path, id: NodeId, group: GroupDigest) -> Result<(), StateError> {
        own(&folder.join(FILE), id, group).map(drop)
    }

    /// Whether a node uses this directory. For an instant no node can begin to.
    #[cfg(feature = "cli")]
    pub(crate) fn is_in_use(folder: &Path) -> bool {
        let lock = File::open(folder.join(LOCK));
        lock.is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// What the algorithm needs to know of it.
    pub(crate) fn durability(&self) -> Durability {
        Durability::Durable {
            below: self.record.clock_below,
            synced: self.record.heard,
        }
    }

    /// The highest view number that an earlier run has voted for.
    pub(crate) fn promised(&self) -> ViewNumber {
        let (counter, proposer) = self.record.failover.unwrap_or_default().promised;
        ViewNumber { counter, proposer }
    }

    /// This run has this lease, or none. Returns whether all members must be heard first:
    /// the latest run had another lease, or is forgotten, so the others may count on
    /// something that this run does not know.
    ///
    /// # Errors
    /// Those of writing it down.
    pub(crate) fn begin(&mut self, lease: Option<Lease>) -> io::Result<bool> {
        let lease = lease.map_or(0, Lease::micros);
        let known = self.record.failover;
        if known.is_none() && lease == 0 {
            return Ok(false);
        }
        let known = known.unwrap_or_default();
        if known.lease != lease {
            self.record.failover = Some(FailoverRecord {
                lease,
                heard: false,
                ..known
            });
            self.seal_and_write()?;
        }
        Ok(!self.record.failover.is_some_and(|failover| failover.heard))
    }

    /// Makes the bound of the clock and the promise durable: written, synced, renamed over
    /// the old file, and the directory synced.
    ///
    /// # Errors
    /// Those of writing it down.
    pub(super) fn persist(&mut self, durable: Durable) -> io::Result<()> {
        if let Some(below) = durable.below {
            (self.record.clock_below, self.record.heard) = (below, true);
        }
        if let Some(failover) = &mut self.record.failover {
            if let Some(ViewNumber { counter, proposer }) = durable.promised {
                (failover.promised, failover.heard) = ((counter, proposer), true);
            }
            failover.heard &= !durable.is_forgotten;
        }
        self.seal_and_write()
    }

    fn seal_and_write(&mut self) -> io::Result<()> {
        self.record.check = self.record.sum();
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let mut text = serde_json::to_vec(&self.record)?;
        text.push(b'\n');
        file::replace(&self.folder.join(FILE), &text)
    }
}

impl Record {
    /// Of a member that never ran.
    fn new(id: NodeId, group: GroupDigest) -> Self {
        let mut record = Record {
            turno_state: 1,
            id: id.0,
            group: group.to_string(),
            clock_below: 1,
            heard: false,
            failover: None,
            check: String::new(),
        };
        record.check = record.sum();
        record
    }

    fn sum(&self) -> String {
        let mut fields = format!(
            "{} {} {} {} {}",
            self.turno_state, self.id, self.group, self.clock_below, self.heard
        );
        if let Some(FailoverRecord {
            lease,
            promised: (counter, proposer),
            heard,
        }) = self.failover
        {
            fields += &format!(" {lease} {counter} {proposer} {heard}");
        }
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

/// Reads the state of this member.
fn own(path: &Path, id: NodeId, group: GroupDigest) -> Result<Record, StateError> {
    let (record, own) = (read(path)?, Record::new(id, group));
    if (record.id, &record.group) != (own.id, &own.group) {
        return Err(StateError(format!(
            "{} belongs to {}, and this is {}. Give each member a directory of its own; or, \
             if the member list has changed, stop all members and start each with --new-state",
            path.display(),
            record.whose(),
            own.whose()
        )));
    }
    Ok(record)
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
    let path = folder.join(LOCK);
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
        state
            .persist(Durable {
                below: Some(5),
                ..Durable::default()
            })
            .unwrap();
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
