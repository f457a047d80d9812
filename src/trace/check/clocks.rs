//! How far the clocks of two members can be compared.
//!
//! A datagram arrives after it was sent. So an arrival at B of what A sent bounds how far
//! the clock of B is ahead of that of A from above, and one at A of what B sent from
//! below. No two clocks differ in their rates by more than [`RATES`].

use std::collections::HashMap;

use crate::trace::history::History;

/// The bound on the difference of two clocks' rates: one part in this many.
const RATES: u64 = 1_000;

/// An arrival: its time by the receiver's clock, and by how much that is after the time
/// of the sending by the sender's clock.
struct Arrival {
    at: u64,
    later_by: i128,
}

/// All arrivals, by (sender, receiver).
pub(super) struct Clocks(HashMap<(u16, u16), Vec<Arrival>>);

/// A moment by the clock of a member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Time {
    pub(super) id: u16,
    pub(super) at: u64,
}

impl Clocks {
    pub(super) fn new(history: &History) -> Self {
        let mut arrivals: HashMap<(u16, u16), Vec<Arrival>> = HashMap::new();
        for event_id in history.event_ids() {
            let event = history.event(event_id);
            if let Some(origin) = event.origin {
                let later_by = i128::from(event.at) - i128::from(history.event(origin).at);
                let at = event.at;
                let of_pair = arrivals.entry((event.peer, event.id)).or_default();
                of_pair.push(Arrival { at, later_by });
            }
        }
        Clocks(arrivals)
    }

    /// Whether one moment is before the other one, or at the same time; `None` if their
    /// clocks do not say.
    pub(super) fn is_before(&self, one: Time, other: Time) -> Option<bool> {
        let apart = i128::from(other.at) - i128::from(one.at);
        if one.id == other.id {
            return Some(apart >= 0);
        }
        // How far the clock of the other one is ahead: at most, and at least.
        let most = self.ahead(one, other)?;
        let least = -self.ahead(other, one)?;
        let is_certain = least <= most;
        match (apart >= most, apart < least) {
            (true, false) if is_certain => Some(true),
            (false, true) if is_certain => Some(false),
            _ => None,
        }
    }

    /// How far the clock of the receiver is ahead of the sender's at most, at this time.
    fn ahead(&self, sender: Time, receiver: Time) -> Option<i128> {
        let arrivals = self.0.get(&(sender.id, receiver.id))?.iter();
        let bounds = arrivals.map(|arrival| {
            let drift = receiver.at.abs_diff(arrival.at) / RATES;
            arrival.later_by + i128::from(drift)
        });
        bounds.min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clock of 2 is ahead of that of 1 by 80 to 110.
    fn clocks() -> Clocks {
        let arrival = |at, later_by| vec![Arrival { at, later_by }];
        Clocks(HashMap::from([
            ((1, 2), arrival(1_100, 110)),
            ((2, 1), arrival(1_000, -80)),
        ]))
    }

    fn is_before(one: u64, other: u64) -> Option<bool> {
        let (one, other) = (Time { id: 1, at: one }, Time { id: 2, at: other });
        clocks().is_before(one, other)
    }

    #[test]
    fn two_clocks_order_what_is_farther_apart_than_they_may_differ() {
        assert_eq!(is_before(1_000, 1_110), Some(true));
        assert_eq!(is_before(1_000, 1_079), Some(false));
        for near in [1_080, 1_100, 1_109] {
            assert_eq!(is_before(1_000, near), None, "{near}");
        }
    }

    #[test]
    fn the_longer_no_datagram_arrived_the_less_two_clocks_say() {
        assert_eq!(is_before(1_000_000, 1_000_000 + 110), None);
        assert_eq!(is_before(1_000_000, 1_000_000 + 110 + 1_000), Some(true));
    }

    #[test]
    fn clocks_of_members_that_sent_nothing_to_each_other_say_nothing() {
        let (one, other) = (
            Time { id: 1, at: 0 },
            Time {
                id: 3,
                at: 9_999_999,
            },
        );
        assert_eq!(clocks().is_before(one, other), None);
        let same = Time { id: 1, at: 5 };
        assert_eq!(clocks().is_before(one, same), Some(true));
    }

    #[test]
    fn a_clock_that_was_set_says_nothing() {
        let mut clocks = clocks();
        let back = Arrival {
            at: 1_001,
            later_by: -200,
        };
        clocks.0.get_mut(&(2, 1)).unwrap().push(back);
        clocks.0.get_mut(&(1, 2)).unwrap()[0].later_by = 50;
        let (one, other) = (Time { id: 1, at: 1_000 }, Time { id: 2, at: 5_000 });
        let is_before = clocks.is_before(one, other);
        assert_eq!(is_before, None);
    }
}
