//! The events that are due, in order of virtual time.

use std::collections::BTreeMap;

use super::cluster::Parcel;
use super::plan::Micros;
use crate::mutex::NodeId;

/// An event that becomes due.
pub(super) enum Due {
    Arrival(Parcel),
    /// A member's timer, by the number of this event.
    Timer(NodeId, u64),
    /// The end of a member's entry, by the number of this event.
    EntryEnds(NodeId, u64),
    /// A member delegates tokens in the entry of this token.
    Delegation(NodeId, u64),
    /// A user acts: the index in the plan.
    UserActs(usize),
    FaultBegins(usize),
    FaultEnds(usize),
    Restart(NodeId),
    /// A member requests the lock, as another one is struck.
    Acquires(NodeId),
    /// The deadline of a member's entry of this token may have passed.
    Deadline(NodeId, u64),
    /// All turno nodes try to get the lock.
    Rush,
    Heals,
}

/// The events to come.
#[derive(Default)]
pub(super) struct EventQueue {
    pub(super) now: Micros,
    due: BTreeMap<(Micros, u64), Due>,
    last_number: u64,
    last_first: u64,
}

/// The events that come before all others of their time have smaller numbers.
const FIRSTS: u64 = 1 << 62;

impl EventQueue {
    /// Schedules an event. Of two events at the same time, the first one that was
    /// scheduled comes first.
    pub(super) fn schedule(&mut self, at: Micros, due: Due) {
        self.schedule_numbered(at, |_| due);
    }

    /// Schedules an event that contains its own number, and returns that number.
    pub(super) fn schedule_numbered(&mut self, at: Micros, due: impl FnOnce(u64) -> Due) -> u64 {
        self.last_number += 1;
        let key = (at.max(self.now), FIRSTS + self.last_number);
        self.due.insert(key, due(self.last_number));
        self.last_number
    }

    /// Schedules an event that comes before all others of its time.
    pub(super) fn schedule_first(&mut self, at: Micros, due: Due) {
        self.last_first += 1;
        self.due.insert((at.max(self.now), self.last_first), due);
    }

    /// Removes the next event, and returns it with its time.
    pub(super) fn pop(&mut self) -> Option<(Micros, Due)> {
        let ((at, _), due) = self.due.pop_first()?;
        Some((at, due))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty()
    }
}
