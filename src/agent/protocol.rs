//! What is said between an agent and its clients, on a Unix socket: one JSON
//! object a line.
//!
//! ```text
//! client                                     agent
//! {"ask":{"name":"nightly",..}}  ──────────>  stands in line
//!               <──────────  {"waiting":{"text":"2 s for 3 (heard 1 s ago)"}}
//!               <──────────  {"granted":{"token":17,"node":2,"record":"/run/turno/turno.sock.held/0"}}
//! locks the record with flock(2)
//! {"locked":{}}  ──────────────────────────>  the record is locked
//!               <──────────  {"go":{}}
//! runs its command, which inherits the record
//! {"done":{}}  ────────────────────────────>  releases, and closes
//! ```
//!
//! A client that goes without `done` still holds its lock for as long as anybody
//! has the record locked: what it started may go on. So does one whose agent was
//! started anew.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Status;

/// The longest line that an agent reads.
pub(crate) const LONGEST_LINE: usize = 256 << 10;

/// The longest line that a client reads: the status of an agent with as many
/// clients as it serves, all with long commands.
pub(crate) const LONGEST_ANSWER: usize = 128 << 20;

/// After how long a client that waits is first told whom for; then after twice as
/// long, and so on.
pub(crate) const FIRST_WORD: Duration = Duration::from_secs(1);

/// What a client says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ClientMessage {
    /// It wants a lock.
    Ask(Ask),
    /// It has locked the record of its entry.
    Locked {},
    /// What it held the lock for is over.
    Done {},
    /// It wants to know how everything stands.
    Status {},
    /// As above, in the text format of Prometheus.
    Metrics {},
}

/// A call for a lock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// Its name.
    pub(crate) name: String,
    /// Only if nobody else comes first.
    #[serde(default)]
    pub(crate) at_once: bool,
    /// For how long it would wait; none: for as long as it takes.
    #[serde(default)]
    pub(crate) wait_ms: Option<u64>,
    /// What it wants the lock for: shown to whoever asks.
    #[serde(default)]
    pub(crate) command: Vec<String>,
}

/// What an agent answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// For whom the client waits; when it is due ([`FIRST_WORD`]).
    Waiting {
        /// In words.
        text: String,
    },
    /// Its turn has come.
    Granted {
        /// The fencing token of its entry.
        token: u64,
        /// Which member this is.
        node: u16,
        /// The file that it has to lock first.
        record: PathBuf,
    },
    /// It may begin.
    Go {},
    /// Its turn has not come in time.
    TimedOut {
        /// What stood in the way.
        why: String,
    },
    /// It cannot be.
    Failed {
        /// Why.
        why: String,
    },
    /// How everything stands.
    Status(Box<AgentStatus>),
    /// As above, in the text format of Prometheus.
    Metrics {
        /// The text.
        text: String,
    },
}

/// How an agent stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AgentStatus {
    /// Its node.
    pub(crate) node: Status,
    /// Those who hold or want locks here: of each lock first whoever has it, then
    /// those who wait, in the order in which their turns come.
    pub(crate) clients: Vec<ClientStatus>,
}

/// Somebody who holds or wants a lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClientStatus {
    /// Of which lock.
    pub(crate) lock: String,
    /// `waiting`, `holding`, or `ending`: it has gone, and what it started goes
    /// on.
    pub(crate) state: String,
    /// The fencing token of its entry.
    pub(crate) token: Option<u64>,
    /// Its process; none if it is of an earlier run of the agent.
    pub(crate) pid: Option<u32>,
    /// Its user.
    pub(crate) uid: Option<u32>,
    /// The machine.
    pub(crate) host: String,
    /// What it wants the lock for.
    pub(crate) command: Vec<String>,
    /// For how long it has held the lock, or waited.
    pub(crate) since_ms: u64,
}

/// One line.
pub(crate) fn line(said: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(said)?;
    line.push(b'\n');
    Ok(line)
}
