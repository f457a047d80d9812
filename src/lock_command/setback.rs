//! Why a client that waits has not acquired its lock yet.

use std::io;
use std::time::{Duration, Instant};

use super::LockCommandError;
use super::connection::{Connection, ConnectionError};
use crate::agent::protocol::Answer;

/// How long to look for an answer that was sent before.
const AT_ONCE: Duration = Duration::from_millis(5);

/// Why the client has not acquired the lock.
pub(super) enum Setback {
    /// No agent is there, or it is lost.
    Absent(String),
    /// The agent has the client ask again.
    Again(String),
    /// The user stops this process.
    Stopped,
    Failed(LockCommandError),
}

impl From<ConnectionError> for Setback {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Absent(why) => Setback::Absent(why),
            error => Setback::Failed(error.into()),
        }
    }
}

impl From<io::Error> for Setback {
    fn from(error: io::Error) -> Self {
        Setback::Failed(error.into())
    }
}

/// Why the record of an entry cannot be locked: if this process was stopped meanwhile, the
/// agent may have passed its turn on, or be another one.
pub(super) fn not_locked(connection: &mut Connection, error: LockCommandError) -> Setback {
    match connection.receive(Some(Instant::now() + AT_ONCE)) {
        Ok(Some(Answer::Failed { why, again: true })) => {
            Setback::Again(format!("the agent says: {why}"))
        }
        Err(ConnectionError::Absent(why)) => Setback::Absent(why),
        _ => Setback::Failed(error),
    }
}
