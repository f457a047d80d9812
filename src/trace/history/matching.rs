//! Which sending a receipt belongs to.
//!
//! [`Datagram`] documents the choice where there are several.

use super::datagram::Datagram;
use super::event::{Event, EventId};

/// Both ends of all datagrams, sorted so that those of one identity are adjacent.
pub(super) struct Ends {
    sent: Vec<Datagram>,
    received: Vec<Datagram>,
    sorted: Vec<End>,
}

/// An end of a datagram: an index into the sendings, or beyond them into the
/// receipts. The sort keys that fit are copied here: the datagram itself is far away
/// in memory.
#[derive(Clone, Copy)]
struct End {
    clock: u64,
    to: u16,
    from: u16,
    index: u32,
}

impl Ends {
    /// Sorts the ends; `None` if there are too many.
    pub(super) fn new(sent: Vec<Datagram>, received: Vec<Datagram>) -> Option<Self> {
        let mut ends = Ends {
            sent,
            received,
            sorted: Vec::new(),
        };
        let count = u32::try_from(ends.sent.len() + ends.received.len()).ok()?;
        let all = ends.sent.iter().chain(&ends.received).zip(0..count);
        let end = |(datagram, index): (&Datagram, u32)| End {
            clock: datagram.clock,
            to: datagram.to,
            from: datagram.from,
            index,
        };
        let mut sorted: Vec<End> = all.map(end).collect();
        sorted.sort_unstable_by(|one, other| {
            let near = |end: &End| (end.clock, end.to, end.from);
            let far = |end: &End| (ends.datagram(end).identity(), end.index);
            let order = near(one).cmp(&near(other));
            order.then_with(|| far(one).cmp(&far(other)))
        });
        ends.sorted = sorted;
        Some(ends)
    }

    fn datagram(&self, end: &End) -> &Datagram {
        let index = end.index as usize;
        match index.checked_sub(self.sent.len()) {
            None => &self.sent[index],
            Some(index) => &self.received[index],
        }
    }

    fn is_same(&self, one: &End, other: &End) -> bool {
        self.datagram(one).identity() == self.datagram(other).identity()
    }

    /// Sets the origin of each receipt: the event that first sent what was received.
    pub(super) fn find_origins(&self, events: &mut [Event]) {
        for same in self.sorted.chunk_by(|one, other| self.is_same(one, other)) {
            // Sendings stand before receipts, and the sendings of a run in its order.
            let origin = self.datagram(&same[0]).sent;
            for end in same {
                if let Some(receipt) = self.datagram(end).received {
                    events[receipt.index()].origin = origin;
                }
            }
        }
    }

    /// Returns the datagrams by sending, then the arrivals without a sending of their
    /// own. `rank` is the position of each event in the order.
    pub(super) fn matched(mut self, rank: &[u32]) -> Vec<Datagram> {
        let sorted = std::mem::take(&mut self.sorted);
        let mut unpaired = Vec::new();
        let mut rest = &sorted[..];
        while let Some(same) = (rest.chunk_by(|one, other| self.is_same(one, other))).next() {
            self.pair(same, rank, &mut unpaired);
            rest = &rest[same.len()..];
        }
        unpaired.sort_unstable_by_key(|arrival| arrival.received);
        let mut datagrams = self.sent;
        datagrams.extend(unpaired);
        datagrams
    }

    /// Pairs the ends of one datagram and of its repetitions.
    fn pair(&mut self, same: &[End], rank: &[u32], unpaired: &mut Vec<Datagram>) {
        let rank = |event: Option<EventId>| event.map(|event| rank[event.index()]);
        let is_sending = |end: &End| (end.index as usize) < self.sent.len();
        let (sendings, receipts) = same.split_at(same.partition_point(is_sending));
        let mut arrivals: Vec<Datagram> = receipts.iter().map(|end| *self.datagram(end)).collect();
        arrivals.sort_unstable_by_key(|arrival| rank(arrival.received));
        // The arrivals that get a sending of their own, each with the number of
        // sendings before it.
        let mut paired: Vec<(Datagram, usize)> = Vec::new();
        let mut before = 0;
        for (number, mut arrival) in arrivals.into_iter().enumerate() {
            arrival.is_repeated = number > 0;
            let is_before = |end: &&End| rank(self.datagram(end).sent) < rank(arrival.received);
            before += sendings[before..].iter().take_while(is_before).count();
            if paired.len() < before {
                paired.push((arrival, before));
                continue;
            }
            if let Some(latest) = before.checked_sub(1) {
                arrival.sent = self.datagram(&sendings[latest]).sent;
            }
            unpaired.push(arrival);
        }
        let mut free = sendings.len();
        for (arrival, before) in paired.into_iter().rev() {
            free = free.min(before) - 1;
            let sending = &mut self.sent[sendings[free].index as usize];
            sending.received = arrival.received;
            sending.is_repeated = arrival.is_repeated;
        }
    }
}
