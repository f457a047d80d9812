//! What comes due, and when: virtual time goes on from one thing to the next.

use std::collections::BTreeMap;

use super::cluster::Parcel;
use super::plan::Micros;
use crate::mutex::NodeId;

/// Something that comes due.
pub(super) enum Due {
    Arrival(Parcel),
    /// A timer, by the number under which it is put down.
    Timer(NodeId, u64),
    /// The end of what is done in the section, by the number under which it is put
    /// down.
    Leave(NodeId, u64),
    /// Tokens are wanted for the entry of this token.
    Lend(NodeId, u64),
    Wish(usize),
    FaultBegins(usize),
    FaultEnds(usize),
    Restart(NodeId),
    Heals,
}

/// All that is to come.
#[derive(Default)]
pub(super) struct EventQueue {
    pub(super) now: Micros,
    due: BTreeMap<(Micros, u64), Due>,
    ordinal: u64,
}

impl EventQueue {
    /// Puts something down for that time; of the same time, what was put down
    /// first comes first.
    pub(super) fn at(&mut self, at: Micros, due: Due) {
        self.numbered(at, |_| due);
    }

    /// As [`EventQueue::at`], with the number under which it is put down.
    pub(super) fn numbered(&mut self, at: Micros, due: impl FnOnce(u64) -> Due) -> u64 {
        self.ordinal += 1;
        let key = (at.max(self.now), self.ordinal);
        self.due.insert(key, due(self.ordinal));
        self.ordinal
    }

    /// What comes next, and when.
    pub(super) fn pop(&mut self) -> Option<(Micros, Due)> {
        let ((at, _), due) = self.due.pop_first()?;
        Some((at, due))
    }

    /// Whether nothing is to come any more.
    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}
