//! The critical section as a resource that defends itself: it remembers the
//! highest clock that it admitted, and refuses whoever comes with less.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::mutex::MAX_CLOCK;
use crate::mutex::{NodeId, Timestamp};
use crate::wire::{BEGINS, ENDS, SectionMessage};

/// How far ahead of the highest clock admitted the next one may be: 2^32. One
/// forged message must not be able to shut out everybody for ever.
const MAX_JUMP: u64 = 1 << 32;

/// The highest clock that the first one may have: half of all, like the clock
/// that a member may tell of itself.
const MOST_AT_FIRST: u64 = MAX_CLOCK / 2;

/// What the critical section knows of those who used it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// The highest clock admitted, and whose it was.
    highest: Option<Timestamp>,
    /// Who has begun and not ended.
    inside: Option<NodeId>,
    /// The latest beginning that was admitted.
    begun: Option<Timestamp>,
    /// The latest end that was admitted.
    ended: Option<Timestamp>,
    /// An end that came before its beginning: on the way datagrams may overtake
    /// each other.
    ended_first: Option<EndedFirst>,
    /// Who entered, and how often.
    holders: BTreeMap<NodeId, u64>,
    refused: u64,
    overlaps: u64,
}

/// An end whose beginning is still to come, or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EndedFirst {
    end: Timestamp,
    /// The highest clock admitted before it.
    highest_before: u64,
}

impl EndedFirst {
    /// Whether this stamp can be that of its beginning, and not of an entry
    /// before it.
    fn has_begun_at(self, begin: Timestamp) -> bool {
        begin.id == self.end.id
            && begin.clock <= self.end.clock
            && begin.clock > self.highest_before
    }
}

/// A message that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Who was still inside by all that the resource has heard, though this
    /// message begins another's entry.
    pub overlaps: Option<NodeId>,
}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// A clock that is higher, or another holder's and no lower, was admitted:
    /// whoever sends this held the section before, and comes too late.
    #[error("stale: process {} was admitted with clock {}", .0.id, .0.clock)]
    Stale(Timestamp),
    /// The very same was admitted already.
    #[error("repeated")]
    Repeated,
    /// No honest clock gets so far ahead.
    #[error("its clock is more than 2^32 ahead of the highest admitted, {0}")]
    TooFarAhead(u64),
    /// No honest group is there yet.
    #[error("its clock is higher than any that a group has lived to see")]
    TooHigh,
}

impl Resource {
    /// Lets a message of a holder through, or refuses it.
    ///
    /// # Errors
    /// [`Refused`] says why; it is counted, and nothing else has changed.
    pub fn admit(&mut self, message: &SectionMessage) -> Result<Admitted, Refused> {
        let admitted = self.check(message);
        match admitted {
            Ok(()) => Ok(self.enter_or_leave(message)),
            Err(refused) => {
                self.refused += 1;
                Err(refused)
            }
        }
    }

    fn check(&self, message: &SectionMessage) -> Result<(), Refused> {
        let stamp = message.stamp;
        let begins = message.text == BEGINS.as_bytes();
        let ends = message.text == ENDS.as_bytes();
        let Some(highest) = self.highest else {
            let is_honest = stamp.clock <= MOST_AT_FIRST;
            return is_honest.then_some(()).ok_or(Refused::TooHigh);
        };
        if begins && self.begun == Some(stamp) {
            return Err(Refused::Repeated);
        }
        if stamp.clock.saturating_sub(highest.clock) > MAX_JUMP {
            return Err(Refused::TooFarAhead(highest.clock));
        }
        let is_later = stamp.clock > highest.clock;
        let is_same_holder = stamp.id == highest.id && stamp.clock == highest.clock;
        let was_overtaken = begins && self.was_overtaken(stamp);
        if !(is_later || is_same_holder || was_overtaken) {
            return Err(Refused::Stale(highest));
        }
        if ends && self.ended == Some(stamp) {
            return Err(Refused::Repeated);
        }
        Ok(())
    }

    /// Whether its end was admitted before it.
    fn was_overtaken(&self, begin: Timestamp) -> bool {
        self.ended_first
            .is_some_and(|ended| ended.has_begun_at(begin))
    }

    fn enter_or_leave(&mut self, message: &SectionMessage) -> Admitted {
        let (stamp, id) = (message.stamp, message.stamp.id);
        let highest_before = self.highest.map_or(0, |highest| highest.clock);
        self.highest = self.highest.max(Some(stamp));
        let mut overlaps = None;
        if message.text == BEGINS.as_bytes() {
            let was_overtaken = self.was_overtaken(stamp);
            self.ended_first = None;
            *self.holders.entry(id).or_default() += 1;
            self.begun = Some(stamp);
            overlaps = self.inside.filter(|inside| *inside != id);
            self.overlaps += u64::from(overlaps.is_some());
            self.inside = (!was_overtaken).then_some(id);
        } else if message.text == ENDS.as_bytes() {
            self.ended = Some(stamp);
            if self.inside == Some(id) {
                self.inside = None;
            } else {
                let end = stamp;
                self.ended_first = Some(EndedFirst {
                    end,
                    highest_before,
                });
            }
        }
        Admitted { overlaps }
    }

    /// How often the section was entered.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.holders.values().sum()
    }

    /// Who entered, and how often, by id.
    pub fn holders(&self) -> impl Iterator<Item = (NodeId, u64)> + '_ {
        self.holders.iter().map(|(id, entries)| (*id, *entries))
    }

    /// How many messages were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// How often one began before the other's end was heard.
    #[must_use]
    pub fn overlaps(&self) -> u64 {
        self.overlaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(clock: u64, id: u16) -> Timestamp {
        let id = NodeId(id);
        Timestamp { clock, id }
    }

    fn says(clock: u64, id: u16, text: &str) -> SectionMessage {
        SectionMessage {
            stamp: stamp(clock, id),
            text: text.into(),
        }
    }

    const IN_ORDER: Result<Admitted, Refused> = Ok(Admitted { overlaps: None });

    /// What becomes of these messages, one after the other.
    fn played(messages: &[(u64, u16, &str)]) -> (Resource, Vec<Result<Admitted, Refused>>) {
        let mut resource = Resource::default();
        let mut admit =
            |(clock, id, text): &(u64, u16, &str)| resource.admit(&says(*clock, *id, text));
        let outcomes = messages.iter().map(&mut admit).collect();
        (resource, outcomes)
    }

    #[test]
    fn a_late_holder_is_refused_and_changes_nothing() {
        let (resource, outcomes) = played(&[
            (5, 1, BEGINS),
            (6, 1, ENDS),
            (8, 2, BEGINS),
            (7, 1, "a late write"),
            (8, 3, BEGINS),
            (9, 2, ENDS),
        ]);
        let stale = Err(Refused::Stale(stamp(8, 2)));
        assert_eq!(
            outcomes,
            [IN_ORDER, IN_ORDER, IN_ORDER, stale, stale, IN_ORDER],
            "and two holders never have the same clock"
        );
        assert_eq!((resource.refused(), resource.entries()), (2, 2));
        assert_eq!(
            resource.holders().collect::<Vec<_>>(),
            [(NodeId(1), 1), (NodeId(2), 1)]
        );
    }

    #[test]
    fn a_holder_is_refused_that_comes_late_from_an_earlier_entry_of_its_own() {
        let (resource, outcomes) = played(&[
            (5, 1, BEGINS),
            (5, 1, ENDS),
            (9, 1, BEGINS),
            (10, 1, ENDS),
            (5, 1, "a late write"),
            (5, 1, BEGINS),
        ]);
        assert_eq!(outcomes[4], Err(Refused::Stale(stamp(10, 1))));
        assert_eq!(outcomes[5], Err(Refused::Stale(stamp(10, 1))));
        assert_eq!(resource.entries(), 2);
    }

    #[test]
    fn an_end_may_overtake_its_beginning() {
        let (resource, outcomes) =
            played(&[(6, 1, ENDS), (5, 1, BEGINS), (9, 2, BEGINS), (9, 2, ENDS)]);
        assert_eq!(outcomes, [IN_ORDER; 4]);
        assert_eq!((resource.entries(), resource.overlaps()), (2, 0));
    }

    #[test]
    fn what_arrives_twice_is_counted_once() {
        let (resource, outcomes) = played(&[
            (5, 1, BEGINS),
            (5, 1, BEGINS),
            (6, 1, ENDS),
            (9, 2, BEGINS),
            (6, 1, ENDS),
        ]);
        assert_eq!(outcomes[1], Err(Refused::Repeated));
        assert_eq!(outcomes[4], Err(Refused::Stale(stamp(9, 2))));
        assert_eq!((resource.entries(), resource.overlaps()), (2, 0));
    }

    #[test]
    fn an_end_that_arrives_twice_lets_no_earlier_beginning_in() {
        let (resource, outcomes) = played(&[
            (2, 1, BEGINS),
            (3, 1, ENDS),
            (5, 1, BEGINS),
            (6, 1, ENDS),
            (6, 1, ENDS),
            (2, 1, BEGINS),
        ]);
        assert_eq!(outcomes[4], Err(Refused::Repeated));
        assert_eq!(outcomes[5], Err(Refused::Stale(stamp(6, 1))));
        assert_eq!((resource.refused(), resource.entries()), (2, 2));
    }

    #[test]
    fn an_end_whose_beginning_is_lost_lets_no_earlier_beginning_in() {
        let (resource, outcomes) = played(&[
            (2, 1, BEGINS),
            (3, 1, ENDS),
            (5, 1, BEGINS),
            (6, 1, ENDS),
            (9, 1, ENDS),
            (2, 1, BEGINS),
            (11, 1, BEGINS),
            (14, 2, BEGINS),
        ]);
        assert_eq!(outcomes[5], Err(Refused::Stale(stamp(9, 1))));
        assert_eq!(outcomes[6], IN_ORDER);
        let overlaps = Some(NodeId(1));
        assert_eq!(outcomes[7], Ok(Admitted { overlaps }), "1 is inside still");
        assert_eq!((resource.entries(), resource.overlaps()), (4, 1));
    }

    #[test]
    fn an_entry_before_the_last_one_has_ended_is_an_overlap() {
        let (resource, outcomes) = played(&[(5, 1, BEGINS), (8, 2, BEGINS)]);
        let overlaps = Some(NodeId(1));
        assert_eq!(outcomes[1], Ok(Admitted { overlaps }));
        assert_eq!(resource.overlaps(), 1);
    }

    #[test]
    fn a_group_whose_clock_is_far_ahead_is_served_and_a_leap_beyond_it_is_not() {
        let far = 1 << 40;
        let (_, outcomes) = played(&[
            (far, 1, BEGINS),
            (far + MAX_JUMP + 1, 9, BEGINS),
            (far, 1, ENDS),
        ]);
        assert_eq!(
            outcomes,
            [IN_ORDER, Err(Refused::TooFarAhead(far)), IN_ORDER]
        );
    }
}
