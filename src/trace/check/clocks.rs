//! How far the clocks of two members can be compared.
//!
//! A datagram arrives after it was sent. So an arrival at B of what A sent bounds how far
//! the clock of B is ahead of that of A from above, and one at A of what B sent from
//! below. No two clocks differ in their rates by more than [`RATES`].

use std::collections::HashMap;

use crate::trace::history::History;

/// The bound on the difference of two clocks' rates: one part in this many.
const RATES: i128 = 1_000;

/// An arrival: its time by the receiver's clock, and by how much that is after the time
/// of the sending by the sender's clock.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    at: u64,
    later_by: i128,
}

/// The arrivals at one member from another one, by time.
#[derive(Debug, Default)]
struct Arrivals {
    all: Vec<Arrival>,
    /// The least bound of the arrivals until each, as it drifts afterwards, in parts of
    /// [`RATES`].
    earlier: Vec<i128>,
    /// The least bound of the arrivals from each on, as it drifts before.
    later: Vec<i128>,
}

impl Arrivals {
    fn new(mut all: Vec<Arrival>) -> Self {
        all.sort_by_key(|arrival| arrival.at);
        let bound = |it: &Arrival, drift: i128| it.later_by * RATES + drift * i128::from(it.at);
        let least = |least: &mut i128, bound: i128| {
            *least = bound.min(*least);
            Some(*least)
        };
        let earlier = all.iter().map(|it| bound(it, -1));
        let later = all.iter().rev().map(|it| bound(it, 1));
        let earlier = earlier.scan(i128::MAX, least).collect();
        let mut later: Vec<i128> = later.scan(i128::MAX, least).collect();
        later.reverse();
        Arrivals {
            all,
            earlier,
            later,
        }
    }

    /// How far the receiver's clock is ahead at most, at this time.
    fn ahead(&self, at: u64) -> Option<i128> {
        let index = self.all.partition_point(|arrival| arrival.at <= at);
        let earlier = index.checked_sub(1).map(|index| self.earlier[index]);
        let earlier = earlier.map(|bound| bound + i128::from(at));
        let later = self.later.get(index).map(|bound| bound - i128::from(at));
        let least = earlier.into_iter().chain(later).min();
        // Rounded down, as the bounds are of whole microseconds.
        least.map(|bound| bound.div_euclid(RATES))
    }
}

/// All arrivals, by (sender, receiver).
pub(super) struct Clocks(HashMap<(u16, u16), Arrivals>);

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
        let arrivals = arrivals.into_iter();
        Clocks(
            arrivals
                .map(|(pair, all)| (pair, Arrivals::new(all)))
                .collect(),
        )
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
        self.0.get(&(sender.id, receiver.id))?.ahead(receiver.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clock of 2 is ahead of that of 1 by 80 to 110.
    fn clocks() -> Clocks {
        let arrival = |at, later_by| Arrivals::new(vec![Arrival { at, later_by }]);
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
        let arrivals = |all: &[(u64, i128)]| {
            let all = all.iter().map(|(at, later_by)| Arrival {
                at: *at,
                later_by: *later_by,
            });
            Arrivals::new(all.collect())
        };
        let clocks = Clocks(HashMap::from([
            ((1, 2), arrivals(&[(1_100, 50)])),
            ((2, 1), arrivals(&[(1_000, -80), (1_001, -200)])),
        ]));
        let (one, other) = (Time { id: 1, at: 1_000 }, Time { id: 2, at: 5_000 });
        let is_before = clocks.is_before(one, other);
        assert_eq!(is_before, None);
    }

    #[test]
    fn the_nearest_arrivals_count_most_on_either_side() {
        let arrivals = [(10_000, 50), (90_000, 20), (50_000, 40)];
        let all = arrivals.map(|(at, later_by)| Arrival { at, later_by });
        let arrivals = Arrivals::new(all.to_vec());
        for at in [0, 10_000, 30_000, 45_000, 50_000, 80_000, 90_000, 200_000] {
            let bound = |it: &Arrival| it.later_by + i128::from(it.at.abs_diff(at)) / RATES;
            assert_eq!(arrivals.ahead(at), all.iter().map(bound).min(), "{at}");
        }
        assert_eq!(Arrivals::default().ahead(5), None);
    }
}
