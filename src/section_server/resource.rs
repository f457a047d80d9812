//! The critical section as a resource that defends itself: it remembers the highest
//! clock that it admitted, and refuses a message with a lower one.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::mutex::{MAX_CLOCK, NodeId, Timestamp};
use crate::wire::{BEGINS, ENDS, SectionMessage};

/// How far the next clock may be ahead of the highest admitted one: 2^36. Otherwise one
/// forged message could shut out every holder for ever. A changed member list skips 2^32
/// clocks, and may change again before the next entry.
const MAX_JUMP: u64 = 1 << 36;

/// The highest clock that the first message may have: half of all clocks, the same limit
/// as for the clock that a member reports of itself.
const MAX_FIRST_CLOCK: u64 = MAX_CLOCK / 2;

/// What the critical section knows about its holders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// The highest stamp admitted.
    highest: Option<Timestamp>,
    /// The holder that has begun and not ended.
    inside: Option<NodeId>,
    /// The stamp of the latest beginning admitted.
    begun: Option<Timestamp>,
    /// The stamp of the latest end admitted.
    ended: Option<Timestamp>,
    /// An end that arrived before its beginning: datagrams may overtake each other.
    ended_first: Option<EndedFirst>,
    /// How often each holder entered.
    pub(super) holders: BTreeMap<NodeId, u64>,
    /// How many messages were refused.
    pub(super) refused: u64,
    /// How often an entry began before the end of another holder's entry arrived.
    pub(super) overlaps: u64,
}

/// An end whose beginning has not arrived yet, or is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EndedFirst {
    end: Timestamp,
    /// The highest clock admitted before it.
    highest_before: u64,
}

impl EndedFirst {
    /// Whether this can be the stamp of its beginning, and not that of an earlier entry.
    fn has_begun_at(self, begin: Timestamp) -> bool {
        begin.id == self.end.id
            && begin.clock <= self.end.clock
            && begin.clock > self.highest_before
    }
}

/// Why a message was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// A higher clock, or another holder's equal one, was admitted: the sender's entry is
    /// over, and its message late.
    #[error("stale: process {} was admitted with clock {}", .0.id, .0.clock)]
    Stale(Timestamp),
    /// The same message was admitted already.
    #[error("repeated")]
    Repeated,
    /// No honest clock is this far ahead.
    #[error("its clock is more than 2^36 ahead of the highest admitted, {0}")]
    TooFarAhead(u64),
    /// No honest group has reached this clock.
    #[error("its clock is higher than any group can have reached")]
    TooHigh,
}

impl Resource {
    /// Admits a message of a holder, or refuses it. Returns the other holder whose end
    /// has not arrived, although this message begins an entry.
    ///
    /// # Errors
    /// [`Refused`] says why. The refusal is counted; nothing else changes.
    pub fn admit(&mut self, message: &SectionMessage) -> Result<Option<NodeId>, Refused> {
        let checked = self.check(message);
        self.refused += u64::from(checked.is_err());
        checked.map(|()| self.enter_or_leave(message))
    }

    fn check(&self, message: &SectionMessage) -> Result<(), Refused> {
        let stamp = message.stamp;
        let begins = message.text == BEGINS.as_bytes();
        let ends = message.text == ENDS.as_bytes();
        let Some(highest) = self.highest else {
            let is_honest = stamp.clock <= MAX_FIRST_CLOCK;
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

    /// Whether the end of this entry was admitted before its beginning.
    fn was_overtaken(&self, begin: Timestamp) -> bool {
        self.ended_first
            .is_some_and(|ended| ended.has_begun_at(begin))
    }

    fn enter_or_leave(&mut self, message: &SectionMessage) -> Option<NodeId> {
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
                self.ended_first = Some(EndedFirst {
                    end: stamp,
                    highest_before,
                });
            }
        }
        overlaps
    }

    /// How often the section was entered.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.holders.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(clock: u64, id: u16) -> Timestamp {
        let id = NodeId(id);
        Timestamp { clock, id }
    }

    type Outcome = Result<Option<NodeId>, Refused>;

    const IN_ORDER: Outcome = Ok(None);

    /// The outcomes of these messages, in this order.
    fn play(messages: &[(u64, u16, &str)]) -> (Resource, Vec<Outcome>) {
        let mut resource = Resource::default();
        let admit = |&(clock, id, text): &(u64, u16, &str)| {
            let (stamp, text) = (stamp(clock, id), text.into());
            resource.admit(&SectionMessage { stamp, text })
        };
        let outcomes = messages.iter().map(admit).collect();
        (resource, outcomes)
    }

    #[test]
    fn a_late_holder_is_refused_and_changes_nothing() {
        let (resource, outcomes) = play(&[
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
        assert_eq!((resource.refused, resource.entries()), (2, 2));
        assert_eq!(resource.holders, [(NodeId(1), 1), (NodeId(2), 1)].into());
    }

    #[test]
    fn a_late_message_of_an_earlier_entry_of_the_same_holder_is_refused() {
        let (resource, outcomes) = play(&[
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
            play(&[(6, 1, ENDS), (5, 1, BEGINS), (9, 2, BEGINS), (9, 2, ENDS)]);
        assert_eq!(outcomes, [IN_ORDER; 4]);
        assert_eq!((resource.entries(), resource.overlaps), (2, 0));
    }

    #[test]
    fn a_repeated_message_is_counted_once() {
        let (resource, outcomes) = play(&[
            (5, 1, BEGINS),
            (5, 1, BEGINS),
            (6, 1, ENDS),
            (9, 2, BEGINS),
            (6, 1, ENDS),
        ]);
        assert_eq!(outcomes[1], Err(Refused::Repeated));
        assert_eq!(outcomes[4], Err(Refused::Stale(stamp(9, 2))));
        assert_eq!((resource.entries(), resource.overlaps), (2, 0));
    }

    #[test]
    fn after_a_repeated_end_no_earlier_beginning_is_admitted() {
        let (resource, outcomes) = play(&[
            (2, 1, BEGINS),
            (3, 1, ENDS),
            (5, 1, BEGINS),
            (6, 1, ENDS),
            (6, 1, ENDS),
            (2, 1, BEGINS),
        ]);
        assert_eq!(outcomes[4], Err(Refused::Repeated));
        assert_eq!(outcomes[5], Err(Refused::Stale(stamp(6, 1))));
        assert_eq!((resource.refused, resource.entries()), (2, 2));
    }

    #[test]
    fn after_an_end_whose_beginning_is_lost_no_earlier_beginning_is_admitted() {
        let (resource, outcomes) = play(&[
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
        assert_eq!(outcomes[7], Ok(Some(NodeId(1))), "1 is still inside");
        assert_eq!((resource.entries(), resource.overlaps), (4, 1));
    }

    #[test]
    fn an_entry_before_the_last_one_has_ended_is_an_overlap() {
        let (resource, outcomes) = play(&[(5, 1, BEGINS), (8, 2, BEGINS)]);
        assert_eq!(outcomes[1], Ok(Some(NodeId(1))));
        assert_eq!(resource.overlaps, 1);
    }

    #[test]
    fn a_group_with_a_high_clock_is_served_and_a_jump_beyond_it_is_refused() {
        let far = 1 << 40;
        let (_, outcomes) = play(&[
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
