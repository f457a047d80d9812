//! What a check found, as data.

use std::collections::BTreeMap;

use super::entries::Entry;
use crate::trace::history::EventId;

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub events: usize,
    pub runs: usize,
    /// All entries, by lock and token.
    pub entries: Vec<Entry>,
    pub faults: Vec<Fault>,
    pub gaps: Vec<Gap>,
    /// Adjacent entries of a lock that neither datagrams nor the members' clocks order.
    pub unordered: Vec<(Entry, Entry)>,
    /// How many views were joined; `None` without failover.
    pub views: Option<usize>,
    pub nodes: BTreeMap<u16, NodeStats>,
    /// How many requests and replies were sent.
    pub messages: u64,
    /// How many datagrams of any kind did not arrive, or have not arrived yet
    /// ([`History::lost`](crate::trace::History::lost)).
    pub lost: u64,
    /// How many datagrams arrived again.
    pub repeated: u64,
}

impl Report {
    /// Whether the trace shows no violation.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

/// A violation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Neither of two entries ended before the other one began.
    HeldTwice(Box<(Entry, Entry)>),
    /// The second entry happened after the first, and its token is not larger.
    TokenDidNotRise(Box<(Entry, Entry)>),
    /// The member of the first entry asked the member of the second, whose own request
    /// was older, and entered before it.
    Overtaken(Box<(Entry, Entry)>),
    /// At this event the clock is lower than one event before, or than the token of the
    /// entry that this run resumes.
    ClockWentBack(EventId),
    /// The tokens that this event delegates are not larger than all that the entry had
    /// before.
    DelegatedAgain(EventId),
    /// The member that enters at this event has no lease, or is in no view.
    EnteredWithoutLease(EventId),
    /// At these events two views of one number were joined, with different members.
    ViewsDiffer(EventId, EventId),
    /// The number of the view that was voted for or joined at the second event is not
    /// higher than that at the first, of the same member.
    ViewDidNotRise(EventId, EventId),
}

/// Something that the trace does not contain, which limits the check.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// This node left no trace. It may be a process of the original, which writes
    /// none.
    NoTrace(u16),
    /// A datagram arrived from a run of this node that left no trace.
    NoRun(u16, String),
    /// A datagram arrived that the trace of its sender does not contain: that trace is
    /// not whole.
    NotSent(u16, String),
    /// The file of this run of this node ends in half a line.
    Cut(u16, String),
}

/// The entries and waits of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStats {
    pub entries: u64,
    /// How long it waited in all, in microseconds.
    pub waited: u64,
    /// Its longest wait, in microseconds.
    pub longest: u64,
    /// Which reply came last in that wait.
    pub longest_for: Option<u16>,
}
