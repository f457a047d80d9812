//! Events in words: one wording for the plain output, the screen's log, the log of a
//! library node, the simulation's transcript and the drawings of traces.
//!
//! ```text
//! live node ─┐
//!            ├─> Account ─┬─ words: whole lines
//! trace ─────┘            └─ notes: what fits beside an arrow
//! ```

mod account;
#[cfg(feature = "cli")]
mod notes;
#[cfg(feature = "cli")]
mod recorded;
mod views;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use crate::engine::NodeEvent;
use crate::group::Group;
use crate::mutex::NodeId;
use crate::printable::Printable;

pub(crate) use account::Account;
#[cfg(feature = "cli")]
pub(crate) use {
    notes::{add, state, state_text},
    words::{ENTERED, EXITED, received, remark, sent},
};

/// A lock in a sentence.
#[cfg(feature = "cli")]
pub(crate) fn lock_called(name: &str) -> &str {
    match name {
        "" => "the nameless lock",
        name => name,
    }
}

/// A line about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What happened.
    pub text: String,
    /// Its meaning for the user.
    pub tone: Tone,
}

/// What a [`Line`] means for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Normal operation.
    Ordinary,
    /// The critical section was entered or left.
    Section,
    /// An event without effect, as expected.
    Ignored,
    /// Something is wrong.
    Trouble,
}

impl Tone {
    fn line(self, text: impl Into<String>) -> Line {
        Line {
            text: text.into(),
            tone: self,
        }
    }
}

/// Puts an event into words, in order; some events need none.
pub fn narrate(what: &NodeEvent<'_>) -> Vec<Line> {
    let (tone, text) = match what {
        NodeEvent::Began {
            group,
            section,
            has_key,
        } => return began(group, *section, *has_key),
        NodeEvent::Handled {
            event,
            outcome,
            member,
        } => {
            let clock = format!(", clock {}", member.clock());
            let account = Account::new(event, *outcome, member);
            return account.map_or_else(Vec::new, |account| account.lines(&clock));
        }
        NodeEvent::Dropped {
            source,
            bytes,
            reason,
            member,
        } => {
            let (clock, bytes) = (member.clock(), Printable::new(bytes));
            let text = format!("dropped, {reason}, clock {clock}: \"{bytes}\" from {source}");
            (Tone::Trouble, text)
        }
        NodeEvent::DroppedMore(more) => (Tone::Trouble, format!("dropped {more} more")),
        NodeEvent::Drops(drops) => (Tone::Ordinary, format!("dropped so far: {}", counts(drops))),
        NodeEvent::NotSent { address, error } => {
            let text = format!("nothing can be sent to {address}: {error}");
            (Tone::Trouble, text)
        }
        NodeEvent::TraceEnds { path, error } => {
            let path = Printable::whole(path.as_os_str().as_encoded_bytes());
            let text =
                format!("the trace ends here, and the process goes on without it: {path}: {error}");
            (Tone::Trouble, text)
        }
        NodeEvent::Moved { group, id, before } => (Tone::Ordinary, moved(group, *id, *before)),
        NodeEvent::StillWaiting(waiting) => (Tone::Ordinary, waiting.to_string()),
        NodeEvent::SectionUnreachable { address } => {
            let text = format!(
                "no process listens at the critical section, {address}: start turno shared there"
            );
            (Tone::Trouble, text)
        }
    };
    vec![tone.line(text)]
}

/// `beta:7001 (2) is at 10.0.0.9:7001 now, was 10.0.0.7:7001`.
fn moved(group: &Group, id: NodeId, before: Option<SocketAddr>) -> String {
    let (name, now) = (group.name(id), group.address(id));
    let now = now.map(|now| now.to_string()).unwrap_or_default();
    let before = before.map(|before| before.to_string());
    format!("{name} ({id}) {}", is_at_now(&now, before.as_deref()))
}

/// `is at 10.0.0.9:7001 now, was 10.0.0.7:7001`.
pub(crate) fn is_at_now(now: &str, before: Option<&str>) -> String {
    match before {
        Some(before) => format!("is at {now} now, was {before}"),
        None => format!("is at {now} now, its name was not known"),
    }
}

fn began(group: &Group, section: Option<SocketAddr>, has_key: bool) -> Vec<Line> {
    let (id, members, listen) = (group.id, group.members.len(), group.listen);
    let mut listens = format!("process {id} of {members} listens at {listen}");
    if let Some(section) = section {
        listens.push_str(&format!(", the critical section is at {section}"));
    }
    let mut lines = vec![Tone::Ordinary.line(listens)];
    if !has_key && !listen.ip().is_loopback() {
        lines.push(Tone::Trouble.line(format!(
            "WARNING: no --key, so any host that can send to {listen} in the name of a member's host can break the lock; turno key makes one"
        )));
    }
    for (id, why) in (1..).map(NodeId).zip(&group.unknown) {
        if let Some(why) = why {
            let why = Printable::whole(why.as_bytes());
            lines.push(Tone::Trouble.line(format!(
                "WARNING: {why}; {} ({id}) is not heard until its name is known, which is looked up again",
                group.name(id)
            )));
        }
    }
    lines
}

/// `malformed 3, not signed 5`.
pub(crate) fn counts<C: fmt::Display>(drops: &BTreeMap<C, u64>) -> String {
    if drops.is_empty() {
        return "nothing".to_owned();
    }
    let counts = drops.iter();
    listed(counts.map(|(cause, count)| format!("{cause} {count}")))
}

/// `1, 3`.
pub(crate) fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    texts.join(", ")
}

#[cfg(test)]
#[cfg(feature = "cli")]
mod tests;
