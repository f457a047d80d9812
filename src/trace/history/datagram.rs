//! A datagram as numbers of one size.

use super::event::EventId;
use super::names::NameId;
use crate::trace::record::MessageKind;

/// A datagram: its sending, its receipt, or both.
///
/// Datagrams of the same content are indistinguishable, so it is unknown which of
/// several sendings an arrival belongs to. It is only certain that an arrival comes
/// after the *first* sending; the order of events and the check use nothing else
/// ([`Event::origin`](super::event::Event::origin)). For the drawing one sending is chosen,
/// so that
///
/// - no datagram arrives before it is sent, in
///   [`History::order`](crate::trace::History::order): no arrow goes back in time by
///   causality;
/// - as many arrivals as possible have a sending of their own. The arrivals that have
///   none are the later ones: repetitions of the latest sending before them;
/// - the sendings that arrived are the latest that allow this, in their order: it is
///   the earlier ones that were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The clock in its head.
    pub clock: u64,
    /// 0 means none.
    pub(super) echo: u64,
    /// The event that sent it. `None`: the sender left no trace.
    pub sent: Option<EventId>,
    /// The event of its arrival. `None`: it was lost, or the receiver left no trace.
    pub received: Option<EventId>,
    /// The sender's run.
    pub(super) run: NameId,
    pub(in crate::trace) lock: NameId,
    pub from: u16,
    pub to: u16,
    pub kind: MessageKind,
    /// Whether the same datagram arrived there before.
    pub is_repeated: bool,
    /// Whether the trace contains its sending. If not, the network repeated another
    /// datagram, or the sender left no trace.
    pub is_sending: bool,
}

impl Datagram {
    /// The sender with its run, the receiver and the content: equal for a datagram that
    /// was sent again.
    pub(super) fn identity(&self) -> impl Ord {
        (
            self.clock, self.to, self.from, self.kind, self.run, self.lock, self.echo,
        )
    }

    /// The part that a process of the original reads: `req<5,3>`.
    pub fn head(&self) -> String {
        self.kind.head(self.clock, self.from)
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::Event;
    use super::*;

    /// 1,000,000 events are checked in 200 MB. A large group sends a datagram an event,
    /// and both of its ends are kept until they are matched.
    #[test]
    fn an_event_and_a_datagram_take_few_bytes() {
        assert_eq!(size_of::<Event>(), 56);
        assert_eq!(size_of::<Datagram>(), 40);
        assert_eq!(size_of::<Option<EventId>>(), 4);
    }
}
