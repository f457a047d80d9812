//! What is kept in memory of each event and each datagram: numbers of one size,
//! whatever the trace says. Its text is read again where it is quoted.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;

use super::record::{EventKind, MessageKind, Phase};

/// An event: its number in its history, in which the runs stand one after the
/// other. Those of one run are in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(NonZeroU32);

impl EventId {
    /// None beyond 4,294,967,295 events.
    pub(super) fn new(index: usize) -> Option<Self> {
        let number = u32::try_from(index).ok()?.checked_add(1)?;
        NonZeroU32::new(number).map(EventId)
    }

    /// From 0.
    pub(super) fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// The one before it, of whichever run.
    pub(super) fn before(self) -> Option<Self> {
        NonZeroU32::new(self.0.get() - 1).map(EventId)
    }
}

/// An event's name in a drawing: `RUN-RECORD`, both from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventLabel {
    /// The run, as a place in [`History::runs`](super::History::runs).
    pub run: usize,
    /// Which of its events.
    pub record: usize,
}

impl fmt::Display for EventLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.run, self.record)
    }
}

/// An event, without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The time, as in [`Record::at`](super::Record::at).
    pub at: u64,
    /// The Lamport clock, after it.
    pub clock: u64,
    /// 0: none. No clock of a request and no token is.
    pub(super) number: u64,
    /// Where its line begins in the file.
    pub(super) line: u64,
    /// Of a receipt, the first sending of what was received.
    pub origin: Option<EventId>,
    /// Its run, as a place in [`History::runs`](super::History::runs).
    pub(super) run: u32,
    pub(super) lock: NameId,
    /// Whose it is.
    pub id: u16,
    /// Of a receipt, the sender.
    pub peer: u16,
    /// Of a receipt, what was received.
    pub received: Option<MessageKind>,
    /// What happened.
    pub occasion: EventKind,
    /// FREE, WAIT or HELD, after it.
    pub phase: Phase,
    /// Whether it changed nothing.
    pub is_ignored: bool,
    /// Whether something was sent, besides greetings.
    pub(super) has_sent: bool,
}

impl Event {
    /// The clock of the request that waits.
    #[must_use]
    pub fn request(&self) -> Option<u64> {
        (self.phase == Phase::Wait && self.number > 0).then_some(self.number)
    }

    /// The fencing token of the entry.
    #[must_use]
    pub fn token(&self) -> Option<u64> {
        (self.phase == Phase::Held && self.number > 0).then_some(self.number)
    }
}

/// A datagram: its sending, its receipt, or both.
///
/// One that is sent again is the same, so where one of several arrives it cannot
/// be known which. What is certain is that an arrival comes after the *first*
/// sending, and only that is used to order and to judge ([`Event::origin`]). For
/// the eye one is chosen, such that
///
/// - none arrives before it is sent, in [`History::order`](super::History::order):
///   so no arrow goes back in time by causality;
/// - as many arrivals as can be have a sending of their own, and those that have
///   none are the later ones: repetitions, of the latest sending before them;
/// - of the sendings those have arrived that are the latest which allow it, in
///   their order: so it is the earlier ones that were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The clock in its head.
    pub clock: u64,
    /// 0: none.
    pub(super) echo: u64,
    /// Where it was sent. None: by somebody who left no trace.
    pub sent: Option<EventId>,
    /// Where it arrived. None: it was lost, or arrived where no trace is left.
    pub received: Option<EventId>,
    /// The sender's run.
    pub(super) run: NameId,
    pub(super) lock: NameId,
    /// Who sent it.
    pub from: u16,
    /// Whom it is for.
    pub to: u16,
    /// Its kind.
    pub kind: MessageKind,
    /// The same has arrived there before.
    pub is_repeated: bool,
    /// Whether it was sent, as far as the trace tells. Otherwise the network has
    /// repeated another one, or the sender left no trace.
    pub is_sending: bool,
}

impl Datagram {
    /// What makes it the same as another: who sent it in which run, to whom, and
    /// what it says. Sent again it is the same.
    pub(super) fn identity(&self) -> impl Ord {
        (
            self.clock, self.to, self.from, self.kind, self.run, self.lock, self.echo,
        )
    }

    /// Its text, as far as the original reads it: `req<5,3>`.
    #[must_use]
    pub fn head(&self) -> String {
        self.kind.head(self.clock, self.from)
    }
}

/// A name that occurs in a trace, a lock's or a run's: its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NameId(u32);

impl NameId {
    /// Of the original's lock, and the run of a process of the original.
    pub(super) const NONE: NameId = NameId(0);
    /// None is greater.
    pub(super) const LAST: NameId = NameId(u32::MAX);
}

/// All names, each once.
#[derive(Debug)]
pub(super) struct Names {
    all: Vec<String>,
    numbers: HashMap<String, NameId>,
}

impl Default for Names {
    fn default() -> Self {
        Names {
            all: vec![String::new()],
            numbers: HashMap::new(),
        }
    }
}

impl Names {
    /// The number of a name. Without a name it is [`NameId::NONE`].
    pub(super) fn number(&mut self, name: Option<&str>) -> NameId {
        let name = name.unwrap_or_default();
        if name.is_empty() {
            return NameId::NONE;
        }
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = NameId(u32::try_from(self.all.len()).expect("names are fewer than bytes"));
        self.all.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The number of a name, if it occurs.
    pub(super) fn known(&self, name: &str) -> Option<NameId> {
        match name {
            "" => Some(NameId::NONE),
            name => self.numbers.get(name).copied(),
        }
    }

    pub(super) fn name(&self, number: NameId) -> &str {
        &self.all[number.0 as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1,000,000 events are to be judged in 200 MB, and a group of many sends a
    /// datagram an event, of which both ends are kept until they are matched.
    #[test]
    fn an_event_and_a_datagram_take_few_bytes() {
        assert_eq!(size_of::<Event>(), 56);
        assert_eq!(size_of::<Datagram>(), 40);
        assert_eq!(size_of::<Option<EventId>>(), 4);
    }

    #[test]
    fn a_name_has_one_number_and_no_name_is_the_empty_one() {
        let mut names = Names::default();
        let (one, other) = (names.number(Some("one")), names.number(Some("other")));
        assert!(one != other && one == names.number(Some("one")));
        assert_eq!(names.name(other), "other");
        assert_eq!(names.number(None), names.number(Some("")));
        assert_eq!((names.known("one"), names.known("none")), (Some(one), None));
    }
}
