//! Which sending a receipt belongs to.
//!
//! Where there is a choice, [`Datagram`] says how it is made.

use super::event::{Datagram, Event, EventId};
use super::reader::Intake;

/// Both ends of all datagrams, those of the same identity side by side.
pub(super) struct Ends {
    /// The sendings.
    sent: Vec<Datagram>,
    /// The receipts.
    received: Vec<Datagram>,
    sorted: Vec<End>,
}

/// An end of a datagram: a place among the sendings, and beyond them among the
/// receipts. What it is sorted by is here as far as there is room, for the rest
/// is far away in memory.
#[derive(Clone, Copy)]
struct End {
    clock: u64,
    to: u16,
    from: u16,
    place: u32,
}

impl Ends {
    /// Takes them out of what was read. None if there are too many.
    pub(super) fn take(intake: &mut Intake) -> Option<Self> {
        let mut ends = Ends {
            sent: std::mem::take(&mut intake.sent),
            received: std::mem::take(&mut intake.received),
            sorted: Vec::new(),
        };
        let count = u32::try_from(ends.sent.len() + ends.received.len()).ok()?;
        let all = ends.sent.iter().chain(&ends.received).zip(0..count);
        let mut sorted: Vec<End> = all
            .map(|(datagram, place)| End {
                clock: datagram.clock,
                to: datagram.to,
                from: datagram.from,
                place,
            })
            .collect();
        sorted.sort_unstable_by(|one, other| {
            let near = |end: &End| (end.clock, end.to, end.from);
            let far = |end: &End| (ends.datagram(end).identity(), end.place);
            near(one)
                .cmp(&near(other))
                .then_with(|| far(one).cmp(&far(other)))
        });
        ends.sorted = sorted;
        Some(ends)
    }

    fn datagram(&self, end: &End) -> &Datagram {
        let place = end.place as usize;
        match place.checked_sub(self.sent.len()) {
            None => &self.sent[place],
            Some(place) => &self.received[place],
        }
    }

    /// How many ends, from here on, are of the same datagram.
    fn same(&self, ends: &[End]) -> usize {
        let identity = |end: &End| self.datagram(end).identity();
        let first = ends.first().map(identity);
        ends.iter()
            .take_while(|end| Some(identity(end)) == first)
            .count()
    }

    /// Tells each receipt where what was received was sent first.
    pub(super) fn find_origins(&self, events: &mut [Event]) {
        let mut rest = &self.sorted[..];
        while let Some(first) = rest.first() {
            let (same, others) = rest.split_at(self.same(rest));
            // Sendings stand before receipts, those of a run in its order.
            let origin = self.datagram(first).sent;
            for end in same {
                if let Some(receipt) = self.datagram(end).received {
                    events[receipt.index()].origin = origin;
                }
            }
            rest = others;
        }
    }

    /// The datagrams, by sending, and then the arrivals that have no sending of
    /// their own. `rank` says of each event where it comes in the order.
    pub(super) fn matched(mut self, rank: &[u32]) -> Vec<Datagram> {
        let sorted = std::mem::take(&mut self.sorted);
        let mut without = Vec::new();
        let mut rest = &sorted[..];
        while !rest.is_empty() {
            let (same, others) = rest.split_at(self.same(rest));
            self.pair(same, rank, &mut without);
            rest = others;
        }
        without.sort_unstable_by_key(|arrival| arrival.received);
        let mut datagrams = self.sent;
        datagrams.extend(without);
        datagrams
    }

    /// Pairs the ends of one datagram, and those of the same sent again.
    fn pair(&mut self, same: &[End], rank: &[u32], without: &mut Vec<Datagram>) {
        let rank = |place: Option<EventId>| place.map(|place| rank[place.index()]);
        let is_sending = |end: &End| (end.place as usize) < self.sent.len();
        let (sendings, receipts) = same.split_at(same.partition_point(is_sending));
        let mut arrivals: Vec<Datagram> = receipts.iter().map(|end| *self.datagram(end)).collect();
        arrivals.sort_unstable_by_key(|arrival| rank(arrival.received));
        // Those that get one of their own, and how many there are before it.
        let mut with: Vec<(Datagram, usize)> = Vec::new();
        let mut before = 0;
        for (number, mut arrival) in arrivals.into_iter().enumerate() {
            arrival.is_repeated = number > 0;
            let is_before = |end: &&End| rank(self.datagram(end).sent) < rank(arrival.received);
            before += sendings[before..].iter().take_while(is_before).count();
            if with.len() < before {
                with.push((arrival, before));
                continue;
            }
            if let Some(latest) = before.checked_sub(1) {
                arrival.sent = self.datagram(&sendings[latest]).sent;
            }
            without.push(arrival);
        }
        let mut free = sendings.len();
        for (arrival, before) in with.into_iter().rev() {
            free = free.min(before) - 1;
            let sending = &mut self.sent[sendings[free].place as usize];
            sending.received = arrival.received;
            sending.is_repeated = arrival.is_repeated;
        }
    }
}
