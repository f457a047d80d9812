//! A command that runs while its lock is held: `turno lock`.
//!
//! ```text
//! agent ── socket ── client ── channel ── supervisor ── command ── ...
//!                      │                      │             │
//!                      └────── record ────────┴─────────────┘  locked, by flock(2)
//! ```
//!
//! The client is what the user started: it waits for its turn at the agent, and
//! then starts the supervisor, and that the command. Nothing of the command goes
//! on without the lock, whoever is killed:
//!
//! - the *client*: the channel ends, and the supervisor kills all that came of
//!   the command. It can, since all whose parents die become its own children;
//! - the *supervisor*: then they become the client's, and the client does it;
//! - the *command*: then it has ended, like any other;
//! - the *agent*: the socket ends, and the client has the command ended;
//! - client and supervisor at the same moment: then the record stays locked for
//!   as long as anything of the command lives, and the agent waits for that.
//!
//! All are of one process group, so that the terminal treats them as one.

mod acquire;
mod channel;
mod client;
pub(crate) mod connection;
mod messages;
mod process_tree;
mod signals;
mod supervise;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::lock_command::connection::{AgentSilent, Connection, ConnectionError};
use crate::mutex::LockName;
use messages::Messages;
pub(crate) use messages::about;
pub(crate) use supervise::supervise;

/// What a supervisor is started with, before the command.
pub(crate) const SUPERVISOR: &str = "lock-supervisor";

/// turno itself could not do it.
pub(crate) const OWN_FAILURE: u8 = 125;
/// The command is there and cannot be executed.
const NOT_EXECUTABLE: u8 = 126;
/// There is no such command.
const NOT_FOUND: u8 = 127;
/// Killed by a signal: this and its number.
const SIGNALED: u8 = 128;

/// What to run, under which lock.
#[derive(Debug)]
pub(crate) struct LockOptions {
    /// The lock.
    pub(crate) lock: LockName,
    /// Where the agent listens.
    pub(crate) socket: PathBuf,
    /// How long to wait for its turn.
    pub(crate) patience: Patience,
    /// How long a command that is told to end may go on before it is killed.
    pub(crate) kill_after: Duration,
    /// The command and its arguments.
    pub(crate) command: Vec<OsString>,
    /// Whether to say for whom it waits.
    pub(crate) is_told_of_waiting: bool,
    /// Whether to say what it does besides.
    pub(crate) is_told_of_all: bool,
}

/// How long to wait for the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Only if nobody else comes first.
    AtOnce,
    /// So long.
    For(Duration),
    /// As long as it takes.
    Endless,
}

/// How much longer than the client would wait the agent may take to say that the
/// time is over.
const GRACE: Duration = Duration::from_secs(5);

impl Patience {
    /// How long to wait for an agent that says nothing; none without end.
    fn with_grace(self) -> Option<Duration> {
        match self {
            Patience::AtOnce => Some(GRACE),
            Patience::For(time) => Some(time.saturating_add(GRACE)),
            Patience::Endless => None,
        }
    }
}

/// Why the command did not run, or not to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The lock was not to be had in time; nothing was run.
    #[error("{0}")]
    NotInTime(String),
    /// There is no agent, or it was lost before there was anything to run.
    #[error(transparent)]
    Connection(ConnectionError),
    /// The agent could not do it.
    #[error("the agent says: {0}")]
    Refused(String),
    /// The record of the entry could not be locked.
    #[error("cannot lock {record}, the agent's record of this entry: {source}")]
    Record { record: PathBuf, source: io::Error },
    /// The command was ended, because the agent was lost.
    #[error("the command was ended, since the lock was lost")]
    Ended,
    /// The supervisor was killed; all of the command was killed then.
    #[error("the supervisor of the command was lost ({0}): all of the command was killed")]
    Unsupervised(String),
    /// The command could not be supervised; it was not run.
    #[error("cannot run a command: {0}")]
    System(#[from] io::Error),
}

impl From<ConnectionError> for RunError {
    fn from(error: ConnectionError) -> Self {
        match error {
            // What to do about it was told when it had not answered for a while.
            ConnectionError::AgentSilent(silent) => RunError::NotInTime(silent.in_short()),
            error => RunError::Connection(error),
        }
    }
}

/// Waits for the lock, runs the command, and releases the lock: the command's
/// exit code, or 128 and the number of the signal that killed it.
///
/// # Errors
/// [`RunError`]; then nothing of the command runs.
pub(crate) fn run(config: &LockOptions) -> Result<u8, RunError> {
    let tell = Messages::new(config);
    let lock = config.lock.clone();
    let told = move |silent: AgentSilent| messages::say(&about(&lock, &silent.to_string()));
    let mut connection = Connection::open(&config.socket, config.patience.with_grace(), told)?;
    let turn = acquire::wait(&mut connection, config, &tell)?;
    client::run(connection, turn, config, &tell)
}
