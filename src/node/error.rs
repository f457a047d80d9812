//! Why a lock was not acquired.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::engine::{MissingPeer, Stall, write_missing};
use crate::mutex::{LockName, LockNameError};

/// Why a lock was not acquired. The caller holds nothing and waits no longer.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LockError {
    /// The text cannot be the name of a lock.
    #[error(transparent)]
    Name(#[from] LockNameError),
    /// The lock was not acquired in time, since another caller has it or comes first. All
    /// members that an entry needs are up.
    #[error("{} was not acquired within {}: {}", shown(lock), seconds(*waited), blocked.reason())]
    Busy {
        /// The lock.
        lock: LockName,
        /// How long the caller waited.
        waited: Duration,
        /// What came first at the end.
        blocked: Blocked,
    },
    /// The lock was not acquired in time, since members do not answer. Whether another
    /// caller has it is not known.
    #[error("{} was not acquired within {}: {}", shown(lock), seconds(*waited), blocked.silence())]
    Unanswered {
        /// The lock.
        lock: LockName,
        /// How long the caller waited.
        waited: Duration,
        /// The members that do not answer.
        blocked: Blocked,
    },
    /// The node cannot ask for the lock.
    #[error("{} cannot be acquired: {reason}", shown(lock))]
    Refused {
        /// The lock.
        lock: LockName,
        /// Why, as a sentence.
        reason: String,
    },
    /// The node has ended: it was shut down, or it failed.
    #[error("the node has ended: start a new one")]
    Ended,
    /// The call would block the thread that drives the node, and so never return.
    #[error(
        "this thread drives the node and must not block: use Handle::request, and look at the \
         request between two polls"
    )]
    OwnThread,
    /// The process was forked after the node was started; the node is the parent's.
    #[error("the node belongs to the parent process: start one in this process")]
    Forked,
}

/// What stands between a caller and its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blocked {
    /// Callers of the same node come first.
    Local {
        /// How many, the holder included.
        ahead: usize,
        /// The first of them, if it said who it is ([`Handle::described`](crate::Handle::described)).
        first: Option<String>,
    },
    /// Another member comes first. It has refused a try.
    Member {
        /// Its id.
        id: u16,
        /// Its address, as the member list has it.
        address: String,
        /// Whether it is in the critical section. Otherwise it waits, with an older request.
        is_held: bool,
    },
    /// With failover: the view of the group has changed since the try was made, and another
    /// member may have had the lock meanwhile.
    ViewChanged,
    /// The permission of other members is missing.
    Peers {
        /// These members.
        missing: Vec<MissingPeer>,
        /// Another node uses this member's id: neither may enter.
        has_duplicate_id: bool,
        /// With failover, a majority of the members is not heard, so none here may enter.
        lacks_majority: bool,
    },
}

impl Blocked {
    /// What came first: `beta:7001 (2) has it`.
    pub(crate) fn reason(&self) -> String {
        match self {
            Blocked::Local { ahead: 0 | 1, .. } => format!("{self} comes first"),
            Blocked::Local { .. } => format!("{self} come first"),
            Blocked::Peers { .. } => format!("waiting for {self}"),
            Blocked::Member { .. } | Blocked::ViewChanged => self.to_string(),
        }
    }

    /// Whether this member itself may not enter, independent of the holder.
    #[cfg(feature = "cli")]
    pub(crate) fn is_about_this_member(&self) -> bool {
        match self {
            Blocked::Peers {
                has_duplicate_id,
                lacks_majority,
                ..
            } => *has_duplicate_id || *lacks_majority,
            _ => false,
        }
    }

    /// The members that do not answer: `gamma:7001 (3) does not answer, last heard 2h ago`.
    pub(crate) fn silence(&self) -> String {
        match self {
            Blocked::Peers {
                missing,
                has_duplicate_id: false,
                lacks_majority: false,
            } if !missing.is_empty() => {
                let missing: Vec<_> = missing.iter().map(MissingPeer::silence).collect();
                missing.join("; ")
            }
            Blocked::ViewChanged => format!("{self}: try again"),
            blocked => format!("waiting for {blocked}"),
        }
    }
}

impl From<Stall> for Blocked {
    fn from(stall: Stall) -> Self {
        Blocked::Peers {
            missing: stall.missing,
            has_duplicate_id: stall.has_duplicate_id,
            lacks_majority: stall.lacks_majority,
        }
    }
}

/// The name in quotes, or what the nameless lock is called.
fn shown(lock: &LockName) -> String {
    if lock.is_nameless() {
        "the nameless lock".to_owned()
    } else {
        format!("the lock {:?}", lock.as_str())
    }
}

fn seconds(time: Duration) -> String {
    match time.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        _ => format!("{} s", time.as_secs()),
    }
}

/// The error's message: what `fn main() -> Result<(), turno::LockError>` prints.
impl fmt::Debug for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whom the caller waits for: `gamma:7001 (3), not heard yet`.
impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blocked::ViewChanged => f.write_str("the view of the group changed meanwhile"),
            Blocked::Member {
                id,
                address,
                is_held: true,
            } => write!(f, "{address} ({id}) has it"),
            Blocked::Member { id, address, .. } => {
                write!(f, "{address} ({id}) waits for it and comes first")
            }
            Blocked::Local { ahead, first } => match (first, *ahead) {
                (Some(first), 0 | 1) => f.write_str(first),
                (Some(first), ahead) => write!(f, "{first}, and {} more", ahead - 1),
                (None, 0 | 1) => f.write_str("another caller of this node"),
                (None, ahead) => write!(f, "{ahead} callers of this node"),
            },
            Blocked::Peers {
                missing,
                has_duplicate_id,
                lacks_majority,
            } => write_missing(f, missing, *has_duplicate_id, *lacks_majority),
        }
    }
}
