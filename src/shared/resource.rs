//! The critical section as a resource that defends itself: it remembers the
//! highest clock that it admitted, and refuses whoever comes with less.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::mutex::clock::plausible;
use crate::mutex::{ClockError, NodeId, Timestamp};
use crate::wire::{BEGINS, ENDS, SectionMessage};

/// What the critical section knows of those who used it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resource {
    /// The highest clock admitted, and whose it was.
    highest: Option<Timestamp>,
    /// Who has begun and not ended.
    inside: Option<NodeId>,
    /// Who was admitted, and how often each entered.
    holders: BTreeMap<NodeId, u64>,
    refused: u64,
    overlaps: u64,
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
    /// Another holder was admitted with a clock that is no lower: whoever sends
    /// this held the section before, and comes too late.
    #[error("stale: process {} was admitted with clock {}", .0.id, .0.clock)]
    Stale(Timestamp),
    /// No honest clock gets so far ahead.
    #[error(transparent)]
    Clock(#[from] ClockError),
}

impl Resource {
    /// Lets a message of a holder through, or refuses it.
    ///
    /// # Errors
    /// [`Refused`] says why; it is counted, and nothing else has changed.
    pub fn admit(&mut self, message: &SectionMessage) -> Result<Admitted, Refused> {
        let admitted = self.check(message.stamp);
        match admitted {
            Ok(()) => Ok(self.enter_or_leave(message)),
            Err(refused) => {
                self.refused += 1;
                Err(refused)
            }
        }
    }

    /// A holder's own messages may overtake each other on the way, so only
    /// another holder's clock must be lower.
    fn check(&self, stamp: Timestamp) -> Result<(), Refused> {
        plausible(stamp.clock, self.highest.map_or(1, |highest| highest.clock))?;
        match self.highest {
            Some(highest) if stamp.id != highest.id && stamp.clock <= highest.clock => {
                Err(Refused::Stale(highest))
            }
            _ => Ok(()),
        }
    }

    fn enter_or_leave(&mut self, message: &SectionMessage) -> Admitted {
        let id = message.stamp.id;
        self.highest = self.highest.max(Some(message.stamp));
        let entries = self.holders.entry(id).or_default();
        let mut overlaps = None;
        if message.text == BEGINS.as_bytes() {
            *entries += 1;
            overlaps = self.inside.filter(|inside| *inside != id);
            self.overlaps += u64::from(overlaps.is_some());
            self.inside = Some(id);
        } else if message.text == ENDS.as_bytes() && self.inside == Some(id) {
            self.inside = None;
        }
        Admitted { overlaps }
    }

    /// How often the section was entered.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.holders.values().sum()
    }

    /// Who was admitted, and how often each entered, by id.
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
    use crate::mutex::clock::MAX_JUMP;

    fn says(clock: u64, id: u16, text: &str) -> SectionMessage {
        SectionMessage {
            stamp: Timestamp {
                clock,
                id: NodeId(id),
            },
            text: text.into(),
        }
    }

    const IN_ORDER: Admitted = Admitted { overlaps: None };

    #[test]
    fn a_late_holder_is_refused_and_changes_nothing() {
        let mut resource = Resource::default();
        assert_eq!(resource.admit(&says(5, 1, BEGINS)), Ok(IN_ORDER));
        assert_eq!(resource.admit(&says(6, 1, ENDS)), Ok(IN_ORDER));
        assert_eq!(resource.admit(&says(8, 2, BEGINS)), Ok(IN_ORDER));
        let highest = says(8, 2, "").stamp;
        assert_eq!(
            resource.admit(&says(7, 1, "a late write")),
            Err(Refused::Stale(highest))
        );
        assert_eq!(
            resource.admit(&says(8, 3, BEGINS)),
            Err(Refused::Stale(highest)),
            "two holders never have the same clock"
        );
        assert_eq!(resource.admit(&says(9, 2, ENDS)), Ok(IN_ORDER));
        assert_eq!(resource.refused(), 2);
        assert_eq!(resource.entries(), 2);
        assert_eq!(
            resource.holders().collect::<Vec<_>>(),
            [(NodeId(1), 1), (NodeId(2), 1)]
        );
    }

    #[test]
    fn a_holders_own_messages_may_overtake_each_other() {
        let mut resource = Resource::default();
        assert_eq!(resource.admit(&says(6, 1, ENDS)), Ok(IN_ORDER));
        assert_eq!(resource.admit(&says(5, 1, BEGINS)), Ok(IN_ORDER));
        assert_eq!(
            resource.admit(&says(6, 2, BEGINS)),
            Err(Refused::Stale(says(6, 1, "").stamp))
        );
    }

    #[test]
    fn an_entry_before_the_last_one_has_ended_is_an_overlap() {
        let mut resource = Resource::default();
        resource.admit(&says(5, 1, BEGINS)).unwrap();
        assert_eq!(
            resource.admit(&says(8, 2, BEGINS)),
            Ok(Admitted {
                overlaps: Some(NodeId(1))
            })
        );
        assert_eq!(resource.overlaps(), 1);
    }

    #[test]
    fn a_clock_that_no_honest_peer_has_cannot_shut_the_others_out() {
        let mut resource = Resource::default();
        resource.admit(&says(5, 1, BEGINS)).unwrap();
        assert!(resource.admit(&says(6 + MAX_JUMP, 9, BEGINS)).is_err());
        assert_eq!(resource.admit(&says(6, 1, ENDS)), Ok(IN_ORDER));
    }
}
