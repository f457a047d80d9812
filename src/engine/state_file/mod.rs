//! The state file: the part of a member's clock that survives a restart.

mod change;
mod lists;
mod record;

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::group::Group;
use crate::mutex::{Durability, ViewNumber};
use crate::system::file;
use crate::views::Lease;
pub(crate) use change::Change;
use lists::Lists;
use record::{FailoverRecord, Record};

const FILE: &str = "turno-state.json";

/// Locked while a node uses the directory.
const LOCK: &str = "lock";

/// The state directory of one member, locked against other nodes.
#[derive(Debug)]
pub(crate) struct StateFile {
    folder: PathBuf,
    record: Record,
    lists: Lists,
    /// The latest change of the list.
    change: Option<Change>,
    /// Whether the file has what `record` has.
    is_written: bool,
    /// What the user is told as the run begins.
    notice: Option<String>,
    /// Locked while the node runs.
    _lock: File,
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

/// What is to become of a state that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It must be this member's, and of its list.
    #[default]
    Continued,
    /// It is given up.
    GivenUp,
    /// If it is of another list, it is taken over.
    TakenOver {
        /// The members of the old list that are dead for good, as the user says.
        without: Vec<String>,
    },
}

impl StateFile {
    /// Opens the state of this member in this directory. A missing directory is made,
    /// for a member that never ran. A state that is taken over from another list is not
    /// written before [`StateFile::begin`].
    ///
    /// # Errors
    /// [`StateError`] says what prevents it and what to do.
    pub(crate) fn open(
        folder: &Path,
        group: &Group,
        existing: &Existing,
    ) -> Result<Self, StateError> {
        let is_first = !folder.exists();
        if is_first && matches!(existing, Existing::TakenOver { .. }) {
            return Err(nothing_there(folder));
        }
        if is_first {
            let mut builder = fs::DirBuilder::new();
            let made = builder.recursive(true).mode(0o700).create(folder);
            made.map_err(|error| io_error(folder, &error))?;
        }
        let lock = lock(folder)?;
        let path = folder.join(FILE);
        let state = |found: Found| StateFile {
            folder: folder.to_owned(),
            record: found.record,
            lists: Lists::read(folder),
            is_written: found.is_written,
            change: found.change,
            notice: found.notice,
            _lock: lock,
        };
        if is_first || *existing == Existing::GivenUp {
            let mut state = state(Found {
                notice: Self::given_up(folder, group),
                ..Found::of(Record::new(group.id, group.digest))
            });
            if let Err(error) = state.write() {
                // Otherwise the next start would take it for a lost state.
                if is_first {
                    let _ = fs::remove_dir_all(folder);
                }
                return Err(io_error(&path, &error));
            }
            return Ok(state);
        }
        Ok(state(find(folder, group, existing)?))
    }

    /// Whether this directory has a state of this member that can be read, or taken over.
    /// Changes nothing. Returns whether a start takes it over, and what it tells of it.
    ///
    /// # Errors
    /// As [`StateFile::open`].
    #[cfg(feature = "cli")]
    pub(crate) fn check(
        folder: &Path,
        group: &Group,
        existing: &Existing,
    ) -> Result<(bool, Option<String>), StateError> {
        if !folder.exists() {
            return match existing {
                Existing::TakenOver { .. } => Err(nothing_there(folder)),
                _ => Ok((false, None)),
            };
        }
        find(folder, group, existing).map(|found| (!found.is_written, found.notice))
    }

    /// What is lost as the state in this directory is given up, if it has one that counts.
    pub(crate) fn given_up(folder: &Path, group: &Group) -> Option<String> {
        let record = record::read(&folder.join(FILE)).ok()?;
        let below = record.clock_below;
        if below == 1 {
            return None;
        }
        Some(match record.group == group.digest.to_string() {
            true => format!(
                "--new-state GIVES UP THE CLOCK OF THIS MEMBER (below {below}). It hears the \
                 clocks of all others first. IF THEY ALL GIVE UP THEIRS, TOKENS BEGIN AGAIN NEAR 1"
            ),
            false => format!(
                "--new-state GIVES UP THE CLOCK OF THE OLD LIST (below {below}). IF ALL MEMBERS DO \
                 SO, TOKENS BEGIN AGAIN NEAR 1: A RESOURCE THAT REMEMBERS A TOKEN REFUSES EVERY NEW \
                 HOLDER, AND ONE THAT IS CLEARED NO LONGER REFUSES AN OLD ONE. --adopt-list keeps \
                 the clock"
            ),
        })
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

    /// The latest change of the list.
    pub(crate) fn change(&self) -> Option<&Change> {
        self.change.as_ref()
    }

    /// Whether that change is not complete: this member has not heard the others yet.
    pub(crate) fn is_changing(&self) -> bool {
        self.change.is_some() && self.record.is_carried_over()
    }

    /// Whether this run takes a state over, which is not written yet.
    pub(crate) fn takes_over(&self) -> bool {
        !self.is_written
    }

    /// A run begins, and what it takes over is written: from now on this member has left the
    /// old list. This run has this lease, or none. Returns whether all members must be heard first:
    /// the latest run had another lease, or is forgotten, so the others may count on
    /// something that this run does not know.
    ///
    /// # Errors
    /// Those of writing it down.
    pub(crate) fn begin(&mut self, group: &Group, lease: Option<Lease>) -> io::Result<bool> {
        let put = self.lists.put(group, self.change.as_ref());
        if !self.is_written {
            // First the lists: without the old one the change could not be gone on with.
            put?;
            self.seal_and_write()?;
        } else if let Err(error) = put {
            log::warn!("cannot write the member list down, so that it could be changed: {error}");
        }
        if let Some(notice) = self.notice.take() {
            log::warn!("{notice}");
        }
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

    fn write(&mut self) -> io::Result<()> {
        let mut text = serde_json::to_vec(&self.record)?;
        text.push(b'\n');
        file::replace(&self.folder.join(FILE), &text)?;
        self.is_written = true;
        Ok(())
    }
}

/// The state with which a run begins.
struct Found {
    record: Record,
    is_written: bool,
    change: Option<Change>,
    notice: Option<String>,
}

impl Found {
    fn of(record: Record) -> Self {
        Found {
            record,
            is_written: true,
            change: None,
            notice: None,
        }
    }
}

/// Reads the state of this member, or of what it is to become.
fn find(folder: &Path, group: &Group, existing: &Existing) -> Result<Found, StateError> {
    let path = folder.join(FILE);
    let record = record::read(&path)?;
    let own = Record::new(group.id, group.digest);
    let is_of_list = record.group == own.group;
    let lists = Lists::read(folder);
    if (record.id, is_of_list) == (own.id, true) {
        let change = lists.change_to(group);
        let is_asked = matches!(existing, Existing::TakenOver { .. });
        let is_told = is_asked && !record.is_carried_over();
        return Ok(Found {
            notice: is_told.then(|| NOTHING_TO_ADOPT.to_owned()),
            change,
            ..Found::of(record)
        });
    }
    let shown = path.display();
    let Existing::TakenOver { without } = existing else {
        return Err(StateError(format!(
            "{shown} belongs to {}, and this is {}. Give each member a directory of its own; or, \
             if the member list has changed, stop all members and start each with \
             --adopt-list, so that tokens go on rising",
            record.whose(),
            own.whose()
        )));
    };
    let refused = |why: &dyn std::fmt::Display| StateError(format!("{shown}: {why}"));
    if is_of_list {
        return Err(refused(&format!(
            "it belongs to {}, and this is {}: the list is the same",
            record.whose(),
            own.whose()
        )));
    }
    if !record.heard && !record.is_carried_over() {
        return Err(refused(&NOTHING_HEARD));
    }
    let old = lists
        .with_digest(&record.group)
        .ok_or_else(|| refused(&LIST_UNKNOWN))?;
    let change = Change::new(&record, old, group, without).map_err(|why| refused(&why))?;
    let new = change.record(&record, group).map_err(|why| refused(&why))?;
    Ok(Found {
        notice: Some(change.told(record.clock_below, new.clock_below)),
        change: Some(change),
        is_written: false,
        record: new,
    })
}

/// A member that is new, or whose directory is another one, has no clock to carry over.
fn nothing_there(folder: &Path) -> StateError {
    StateError(format!(
        "there is no state directory {} to take over: a member that is new starts without \
         --adopt-list",
        folder.display()
    ))
}

/// `--adopt-list` was left where the agent is started.
const NOTHING_TO_ADOPT: &str = "--adopt-list: the state is of this member list already, so there \
                                is nothing to take over; the option, and --without, can go";

/// A member that never knew the others' clocks cannot carry them over.
const NOTHING_HEARD: &str = "this state has never heard the clocks of the other members, so there \
                             is nothing to take over. Start this member with --new-state, as a new \
                             one, and the others with --adopt-list; if the group has failover, name \
                             it to them with --without, too";

/// An older turno wrote the state.
const LIST_UNKNOWN: &str = "which members the old list has is not known, because an older turno \
                            wrote this state. Start the agent once with the old list (it may wait \
                            there), stop it, and start it with the new one";

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
mod tests;
