//! Why a lock was not had.

use std::fmt;

use thiserror::Error;

use crate::engine::Stall;
use crate::mutex::{LockName, LockNameError, Rejected};

/// Why a lock was not had. Nothing is held, and nothing is waited for any more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LockError {
    /// The text cannot be the name of a lock.
    #[error(transparent)]
    Name(#[from] LockNameError),
    /// Others had it, or did not answer, for as long as the caller would wait.
    #[error("{} was not had in time: {blocked}", shown(lock))]
    TimedOut {
        /// The lock.
        lock: LockName,
        /// What stood in the way at the end.
        blocked: Blocked,
    },
    /// The algorithm cannot go on.
    #[error("{} cannot be had: {why}", shown(lock))]
    Refused {
        /// The lock.
        lock: LockName,
        /// Its reason.
        why: Rejected,
    },
    /// The node has ended, or is about to: it was shut down, or could not go on.
    #[error("the node has ended: start it anew")]
    Ended,
    /// The call would wait on the thread that drives the node, and so for ever.
    #[error(
        "this thread drives the node, so it cannot wait for a lock: ask with Handle::request, and look at the request between two turns"
    )]
    OwnThread,
    /// The process was forked after the node was started. The node is the
    /// parent's.
    #[error("the node belongs to the process that this one was forked from: start one here")]
    Forked,
}

/// What stands between a caller and its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// So many callers of this node come first.
    Here {
        /// How many, the holder among them.
        ahead: usize,
    },
    /// Members that have not replied.
    Peers(Stall),
}

/// The name in quotes, or what the nameless lock is called.
fn shown(lock: &LockName) -> String {
    if lock.is_nameless() {
        "the nameless lock".to_owned()
    } else {
        format!("the lock {:?}", lock.as_str())
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blocked::Here { ahead: 1 } => write!(f, "another caller of this node comes first"),
            Blocked::Here { ahead } => write!(f, "{ahead} callers of this node come first"),
            Blocked::Peers(waiting) => waiting.fmt(f),
        }
    }
}
