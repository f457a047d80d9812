//! An event as numbers of one size, whatever the trace contains. Its text is read
//! again where it is quoted.

use std::fmt;
use std::num::NonZeroU32;

use super::names::NameId;
use crate::trace::record::{EventKind, MessageKind, Phase};

/// The number of an event in its history. The runs follow one another, each in its
/// own order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(NonZeroU32);

impl EventId {
    /// `None` beyond 4,294,967,295 events.
    pub(in crate::trace) fn new(index: usize) -> Option<Self> {
        let number = u32::try_from(index).ok()?.checked_add(1)?;
        NonZeroU32::new(number).map(EventId)
    }

    /// Counted from 0.
    pub(in crate::trace) fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// The event before it, which may belong to another run.
    pub(super) fn before(self) -> Option<Self> {
        NonZeroU32::new(self.0.get() - 1).map(EventId)
    }
}

/// An event's name in a drawing: `RUN-RECORD`, both counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventLabel {
    /// The index of the run in [`History::runs`](crate::trace::History::runs).
    pub run: usize,
    /// The index of the record in the run.
    pub record: usize,
}

impl fmt::Display for EventLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run, self.record)
    }
}

/// An event without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The time, as in [`Record::at`](crate::trace::Record::at).
    pub at: u64,
    /// The Lamport clock after the event.
    pub clock: u64,
    /// 0 means none: no request has that clock, and no entry that token.
    pub(super) number: u64,
    /// The offset of its line in the file.
    pub(super) line: u64,
    /// For a receipt, the event that first sent what was received.
    pub origin: Option<EventId>,
    /// The index of its run in [`History::runs`](crate::trace::History::runs).
    pub(super) run: u32,
    pub(in crate::trace) lock: NameId,
    /// The member.
    pub id: u16,
    /// For a receipt, the sender.
    pub peer: u16,
    /// For a receipt, the kind of the message.
    pub received: Option<MessageKind>,
    pub kind: EventKind,
    /// FREE, WAIT or HELD after the event.
    pub phase: Phase,
    /// In WAIT and HELD, whether the request or the entry is shared.
    pub is_shared: bool,
    /// Whether it changed nothing.
    pub is_ignored: bool,
    /// Whether it sent anything except hellos and welcomes.
    pub(in crate::trace) has_sent: bool,
}

impl Event {
    /// The clock of the request in WAIT, the token in HELD.
    pub fn number(&self) -> Option<u64> {
        (self.number > 0).then_some(self.number)
    }

    /// Whether it is about its lock, and not about the node or its clock alone.
    pub(super) fn is_about_lock(&self) -> bool {
        match (self.kind, self.received) {
            (EventKind::Start | EventKind::View | EventKind::Tick | EventKind::End, _) => {
                self.phase != Phase::Free
            }
            (EventKind::Received, Some(kind)) => !kind.is_clock_sync(),
            (EventKind::Timer, _) => self.has_sent || self.phase != Phase::Free,
            _ => true,
        }
    }
}
