//! The protocol between an agent and its clients on a Unix socket: one JSON object a
//! line. `docs/socket.md` has it for those who write a client.
//!
//! ```text
//! client                                     agent
//! {"ask":{"name":"nightly",..}}  ──────────>  requests the lock
//!               <──────────  {"waiting":{"text":"4 s for nightly: held by beta:7001 (2), for 12 min"}}
//!               <──────────  {"granted":{"token":17,"node":2,"record":"/run/turno/turno.sock.held/0"}}
//! locks the record with flock(2), within two seconds
//! {"locked":{}}  ──────────────────────────>  the record is locked
//!               <──────────  {"go":{}}
//! runs its command, which inherits the record
//! {"done":{}}  ────────────────────────────>  releases the lock, closes the connection
//! ```
//!
//! A turn that is not taken up with `locked` in time goes to the next, and the client is told
//! to ask again: {"failed":{"why":"...","again":true}}. After `go` it stands.
//!
//! A client that disconnects without `done` keeps its lock while any process has the
//! record locked: its command may still run. A restart of the agent does not change that.
//! The client of a running command connects to the restarted agent, and takes its entry
//! over again:
//!
//! ```text
//! {"resume":{"name":"nightly","token":17,"device":25,"inode":4711}}  ──>  finds the record
//!               <──────────  {"resumed":{}}, or {"not_held":{"why":"..."}}
//! {"done":{}}  ────────────────────────────>  releases the lock, closes the connection
//! ```
//!
//! An older agent answers `resume` with `failed`, as it does every message that it does not
//! know; the entry stays held there while its record is locked.

use std::ops::Not;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::group_status::GroupStatus;
use crate::Status;

/// The longest line that an agent reads, in bytes.
pub(crate) const MAX_LINE: usize = 256 << 10;

/// The longest line that a client reads, in bytes: the status of an agent with as many
/// clients as it serves, all with long commands.
pub(crate) const MAX_ANSWER: usize = 128 << 20;

/// When a waiting client first gets [`Answer::Waiting`]. The time between two of them
/// doubles.
pub(crate) const FIRST_REPORT: Duration = Duration::from_secs(1);

/// The version of the protocol that [`ClientMessage::Hello`] begins.
pub(crate) const VERSION: u32 = 1;

/// A message of a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum ClientMessage {
    /// The first line of a client that speaks this version; `turno lock` leaves it out. An
    /// agent that does not know of it answers `failed`.
    Hello {
        /// The version.
        version: u32,
    },
    /// Requests a lock.
    Ask(Ask),
    /// The client has locked the record of its entry.
    Locked {},
    /// As `locked`, from a client that ends its command before the deadline in the record.
    /// An agent with failover takes no other.
    LockedUntil {},
    /// The client has left the critical section.
    Done {},
    /// Takes over an entry whose command this client runs: the agent that granted it has
    /// ended.
    Resume(Turn),
    /// Requests the status as JSON.
    Status {},
    /// Requests the status with that of the whole group, which takes up to a second. An agent
    /// that does not know of it answers `failed`.
    Group {
        /// Only of this lock. `None`: of all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lock: Option<String>,
        /// Members that say nothing get two round trips, and not a second.
        #[serde(default, skip_serializing_if = "Not::not")]
        brief: bool,
    },
    /// Requests the status in the text format of Prometheus.
    Metrics {},
}

/// A request for a lock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// The name of the lock.
    pub(crate) name: String,
    /// Other callers that ask so may have the lock at the same time. An agent that does not
    /// know the field refuses it.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub(crate) shared: bool,
    /// Fail if another caller comes first.
    #[serde(default)]
    pub(crate) at_once: bool,
    /// How long the client waits, in milliseconds. `None`: without limit.
    #[serde(default)]
    pub(crate) wait_ms: Option<u64>,
    /// The command that is to run under the lock: `turno status` shows it.
    #[serde(default)]
    pub(crate) command: Vec<String>,
    /// The turn with this lock under which the client itself runs, as its environment says.
    /// An agent that does not know the field refuses it, and is asked again without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outer: Option<Turn>,
    /// The command may run under the outer turn.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub(crate) reentrant: bool,
    /// The client runs no command: it is in the critical section itself. `command` then says
    /// what it is. Of version 1.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub(crate) no_command: bool,
    /// All turns under which the client itself runs, the outermost first: two commands can
    /// wait for each other's locks. As `outer`, it is left out for an older agent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) under: Vec<Turn>,
}

/// An entry as its client, and what runs under it, can name it. The record proves it: it is
/// locked as long as a process of the command lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Turn {
    /// The name of the lock.
    pub(crate) name: String,
    /// The fencing token of the entry.
    pub(crate) token: u64,
    /// The device that has the record: a path may be spelled in several ways.
    pub(crate) device: u64,
    /// The inode of the record.
    pub(crate) inode: u64,
}

/// A message of the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The version that the agent speaks with this client: its own, or the client's if that is
    /// lower.
    Hello {
        /// The version.
        version: u32,
    },
    /// The client still waits.
    Waiting {
        /// How long, and for whom.
        text: String,
    },
    /// The lock is the client's.
    Granted {
        /// The fencing token of the entry.
        token: u64,
        /// The id of this member.
        node: u16,
        /// The record of the entry, which the client locks before it begins.
        record: PathBuf,
        /// With failover, the length of the lease in microseconds: the record has a
        /// deadline.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lease_us: Option<u64>,
    },
    /// The client may begin.
    Go {},
    /// The lock was not acquired in time.
    TimedOut {
        /// What stood in the way.
        why: String,
        /// Members do not answer, so whether another caller has the lock is not known.
        #[serde(default, skip_serializing_if = "Not::not")]
        is_unanswered: bool,
    },
    /// The request failed.
    Failed {
        /// The reason.
        why: String,
        /// The client loses nothing when it asks again: the agent is about to be restarted,
        /// say. An older client does not know of this field, and fails.
        #[serde(default, skip_serializing_if = "Not::not")]
        again: bool,
    },
    /// The command may run under the outer turn of a client that has asked for that.
    Within {
        /// The id of this member.
        node: u16,
        /// The turn is shared.
        #[serde(default, skip_serializing_if = "Not::not")]
        shared: bool,
    },
    /// The entry is this client's, as before.
    Resumed {},
    /// The agent does not hold such an entry: its command has to end at once.
    NotHeld {
        /// The reason.
        why: String,
    },
    /// The status.
    Status(Box<AgentStatus>),
    /// The status in the text format of Prometheus.
    Metrics {
        /// The text.
        text: String,
    },
}

impl Answer {
    /// The request failed for this reason.
    pub(crate) fn failed(why: impl Into<String>) -> Self {
        let (why, again) = (why.into(), false);
        Answer::Failed { why, again }
    }

    /// The request failed, and the client may ask again.
    pub(crate) fn ask_again(why: impl Into<String>) -> Self {
        let (why, again) = (why.into(), true);
        Answer::Failed { why, again }
    }
}

/// The status of an agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AgentStatus {
    /// The status of its node.
    pub(crate) node: Status,
    /// The clients that hold or want a lock: by lock, first the holder, then those that
    /// wait, in the order in which they will enter.
    pub(crate) clients: Vec<ClientStatus>,
    /// What all members tell, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<GroupStatus>,
}

/// The status of a client that holds or wants a lock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClientStatus {
    /// The name of the lock.
    pub(crate) lock: String,
    /// The number by which the node's status names it.
    #[serde(default)]
    pub(crate) ticket: u64,
    /// `waiting`, `holding`, or `ending`: the client has gone, and its command still
    /// runs.
    pub(crate) state: String,
    /// The fencing token of its entry.
    pub(crate) token: Option<u64>,
    /// It has the lock, or wants it, in shared mode.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub(crate) shared: bool,
    /// Its process id.
    pub(crate) pid: Option<u32>,
    /// Its user id.
    pub(crate) uid: Option<u32>,
    /// The name of the machine.
    pub(crate) host: String,
    /// The command that it runs or wants to run.
    pub(crate) command: Vec<String>,
    /// How long it has held the lock or waited for it, in milliseconds.
    pub(crate) since_ms: u64,
    /// It was granted the lock, and has not taken its turn up.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub(crate) not_begun: bool,
    /// Its process is stopped, by Ctrl-Z or SIGSTOP.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub(crate) stopped: bool,
    /// The turns under which a client that waits runs already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) under: Vec<Turn>,
}
