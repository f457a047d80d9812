//! What a member tells of its locks, and how that is divided into pieces.

use std::ops::Not;

use serde::{Deserialize, Serialize};

/// The most pieces that a report has.
pub const MAX_PIECES: u16 = 64;

/// The largest piece, in bytes: it fits into a packet of every usual network.
const MAX_PIECE: usize = 1150;

/// The largest caller, in bytes of JSON.
const MAX_CALLER: usize = 900;

/// How much of a command line is sent, in bytes.
const MAX_COMMAND: usize = 200;

/// The state of a caller that holds a lock.
pub const HOLDING: &str = "holding";

/// The state of a caller that waits.
pub const WAITING: &str = "waiting";

/// The state of a caller whose client has gone while its command still runs.
pub const ENDING: &str = "ending";

/// The states of a caller.
pub const CALLER_STATES: [&str; 3] = [HOLDING, WAITING, ENDING];

/// What a member tells of a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockReport {
    /// Its name.
    pub name: String,
    /// The clock of the member's request, while it waits for permissions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// The members whose permission is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waits_for: Vec<u16>,
    /// Its callers: first the holder, then those that wait, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<CallerReport>,
}

/// A caller that holds a lock or waits for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerReport {
    /// The number by which its member knows it.
    pub ticket: u64,
    /// `waiting`, `holding`, or `ending`: its client has gone, and its command still runs.
    pub state: String,
    /// The fencing token of its entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<u64>,
    /// It has the lock, or wants it, in shared mode.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub shared: bool,
    /// Its process id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Its user id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Its user, as that machine names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its command line, or what it says of itself. Not sent in a group without a key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// How long it has held the lock or waited for it, in milliseconds.
    pub since_ms: u64,
    /// It was granted the lock, and has not taken its turn up.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub not_begun: bool,
    /// Its process is stopped.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub stopped: bool,
    /// The entries under which a caller that waits runs already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under: Vec<OuterEntry>,
}

/// An entry under which a caller runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OuterEntry {
    /// The lock.
    pub lock: String,
    /// The fencing token of the entry.
    pub token: u64,
}

impl CallerReport {
    /// Whether it holds the lock.
    #[must_use]
    pub fn is_holder(&self) -> bool {
        self.state != WAITING
    }
}

/// The locks of each piece, and how many callers there is no room for.
pub(super) fn pieces(locks: &[LockReport]) -> (Vec<Vec<LockReport>>, u64) {
    let mut pieces = vec![Vec::new()];
    let mut length = 0;
    let mut left_out = 0;
    let mut push = |part: &LockReport| {
        let more = json(part).len() + 1;
        let count = pieces.len();
        match pieces.last_mut() {
            Some(piece) if piece.is_empty() || length + more < MAX_PIECE => {
                piece.push(part.clone());
                length += more;
            }
            _ if count < usize::from(MAX_PIECES) => {
                pieces.push(vec![part.clone()]);
                length = more;
            }
            _ => left_out += part.callers.len() as u64,
        }
    };
    for lock in locks {
        // In parts that fit into a piece each.
        let mut part = LockReport {
            callers: Vec::new(),
            ..lock.clone()
        };
        for caller in &lock.callers {
            part.callers.push(shortened(caller));
            if part.callers.len() > 1 && json(&part).len() > MAX_PIECE {
                let last = part.callers.pop();
                push(&part);
                part.callers = last.into_iter().collect();
            }
        }
        push(&part);
    }
    (pieces, left_out)
}

/// A caller with so much of its texts that it fits into a piece.
fn shortened(caller: &CallerReport) -> CallerReport {
    let mut short = caller.clone();
    let command = short.command.join(" ");
    if command.len() > MAX_COMMAND {
        let mut ends = (0..=MAX_COMMAND).rev();
        let end = ends.find(|end| command.is_char_boundary(*end));
        short.command = vec![format!("{}…", &command[..end.unwrap_or_default()])];
    }
    // A deadlock of more than a few locks is not found.
    short.under.truncate(3);
    // Characters that JSON escapes take more room.
    if json(&short).len() > MAX_CALLER {
        short.under.clear();
    }
    if json(&short).len() > MAX_CALLER {
        short.command.clear();
    }
    short
}

/// The text of a value in JSON.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("texts and numbers are always JSON")
}
