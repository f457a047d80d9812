//! `turno lock`: runs a command while its lock is held.
//!
//! ```text
//! agent ── socket ── client ── channel ── supervisor ── command ── ...
//!                      │                      │             │
//!                      └────── record ────────┴─────────────┘  locked with flock(2)
//! ```
//!
//! The client is the process that the user starts. It acquires the lock from the agent, and
//! asks again when it loses the agent before that ([`acquire`]), then starts the supervisor ([`run_command`]), which starts the command
//! ([`supervise`](mod@supervise)). When one of them dies, the command does not go on
//! without the lock:
//!
//! - the *client*: the channel closes, and the supervisor kills all processes of the
//!   command. It finds them all, because it adopts those whose parents die;
//! - the *supervisor*: the client adopts them, and kills them;
//! - the *command*: it has ended, as any other does;
//! - the *agent*: the socket closes, and the client connects to the next agent, which takes
//!   the entry over by its record ([`agent_link`]); it ends the command if none is there in
//!   time;
//! - with failover, *its member* is cut off: the supervisor ends the command before the
//!   deadline in the record ([`deadline`]); the client does it if the supervisor has not,
//!   and the agent if neither has;
//! - client and supervisor at the same moment: the record stays locked while a process of
//!   the command lives, and the agent waits for that.
//!
//! All are in one process group, so that the terminal treats them as one.

mod absence;
mod acquire;
mod agent_link;
mod ask;
mod channel;
mod command;
pub(crate) mod connection;
mod deadline;
mod exit_code;
mod messages;
mod outer_turns;
mod process_tree;
mod record;
mod run_command;
mod setback;
mod signals;
mod supervise;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::LockName;
use acquire::Turn;
use connection::ConnectionError;
pub(crate) use exit_code::{OWN_FAILURE, UNANSWERED};
use messages::Messages;
pub(crate) use messages::with_lock_name;
pub(crate) use supervise::{Lapse, Supervision, supervise};

/// The subcommand that runs the supervisor.
pub(crate) const SUPERVISOR: &str = "lock-supervisor";

/// A shorter wait is not reported.
const MIN_REPORTED_WAIT: Duration = Duration::from_secs(1);

/// The options of `turno lock`.
#[derive(Debug)]
pub(crate) struct LockOptions {
    pub(crate) lock: LockName,
    /// The agent's socket.
    pub(crate) socket: PathBuf,
    pub(crate) wait_limit: WaitLimit,
    /// Whether the entry is shared.
    pub(crate) is_shared: bool,
    /// How long after SIGTERM the command is killed, when the agent is lost.
    pub(crate) kill_after: Duration,
    /// How long a running command goes on without an agent, when there is no lease.
    pub(crate) agent_patience: Duration,
    /// What to do when the lease was not renewed for two thirds of its length.
    pub(crate) lapse: Lapse,
    /// Whether the command may run under the turn under which this process runs already.
    pub(crate) is_reentrant: bool,
    /// How long the lock is kept at least, from the start of the command.
    pub(crate) at_least: Duration,
    /// Whether to keep the lock until everything that the command has started has ended.
    pub(crate) until_all_end: bool,
    /// The command and its arguments.
    pub(crate) command: Vec<OsString>,
    /// Whether to report for whom the client waits.
    pub(crate) reports_wait: bool,
    /// Whether to report the entry and the release, too.
    pub(crate) is_verbose: bool,
}

/// How long to wait for the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitLimit {
    /// Not at all: fail if another caller comes first.
    AtOnce,
    AtMost(Duration),
    Unlimited,
}

/// Why the command did not run, or not to its end: a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) enum LockCommandError {
    /// Another caller has the lock, or comes first. The command was not run.
    Busy(String),
    /// Members do not answer. The command was not run.
    Unanswered(String),
    Failed(String),
}

impl From<ConnectionError> for LockCommandError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::AgentSilent(silent) => LockCommandError::Failed(silent.conclusion()),
            ConnectionError::Absent(why) | ConnectionError::Failed(why) => {
                LockCommandError::Failed(why)
            }
        }
    }
}

/// The system refuses something that the command needs. The command was not run.
impl From<io::Error> for LockCommandError {
    fn from(error: io::Error) -> Self {
        LockCommandError::Failed(format!("cannot start the command: {error}"))
    }
}

/// Acquires the lock, runs the command, and releases the lock. Returns the exit code of
/// the command, or 128 + N if signal N killed it.
///
/// # Errors
/// [`LockCommandError`]. The command does not run any more.
pub(crate) fn run(options: &LockOptions) -> Result<u8, LockCommandError> {
    let mut messages = Messages::new(options);
    match acquire::acquire(options, &mut messages)? {
        Turn::Own(connection, acquired) => {
            run_command::run_command(connection, acquired, options, &messages)
        }
        Turn::Outer { node, is_shared } => Ok(run_within((node, is_shared), options, &messages)),
    }
}

/// The value of `TURNO_MODE`.
fn mode(is_shared: bool) -> &'static str {
    if is_shared { "shared" } else { "exclusive" }
}

/// Becomes the command, under the turn under which this process runs. Returns the exit code
/// if it cannot.
fn run_within(
    (node, is_shared): (u16, bool),
    options: &LockOptions,
    messages: &Messages<'_>,
) -> u8 {
    let Some(outer) = outer_turns::innermost(&outer_turns::all(), &options.lock) else {
        return OWN_FAILURE;
    };
    let token = outer.token;
    messages.report_entry(&format!("goes on under the outer turn, token {token}"));
    let environment = [
        ("TURNO_LOCK", outer.name),
        ("TURNO_TOKEN", token.to_string()),
        ("TURNO_MODE", mode(is_shared).to_owned()),
        ("TURNO_NODE", node.to_string()),
    ];
    command::become_it(&options.command, environment)
}
