//! Who counts on whom: the acknowledgments that this member gave, and those that it got.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::message::Nonce;
use super::time::Moment;
use super::{Config, rules};
use crate::mutex::NodeId;

/// What one member has acknowledged, and what was acknowledged to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Acknowledgments {
    /// Until when each member may count on this one (rule 2: `acked_until`).
    given_until: BTreeMap<NodeId, Moment>,
    /// The last beat that this one has acknowledged of each.
    given: BTreeMap<NodeId, Nonce>,
    /// The latest own beat that each member has acknowledged, this one included: when it
    /// was sent. Of this run only.
    got: BTreeMap<NodeId, Moment>,
    /// The largest bound of this member's clock that each member has noted.
    noted: BTreeMap<NodeId, u64>,
}

impl Acknowledgments {
    /// A restart counts as an acknowledgment to every member (rule 5).
    pub(super) fn at_start(config: &Config, now: Moment) -> Self {
        Acknowledgments {
            given_until: rules::acknowledged_at_start(config, now),
            given: BTreeMap::new(),
            got: BTreeMap::new(),
            noted: BTreeMap::new(),
        }
    }

    /// This member acknowledges a beat.
    pub(super) fn give(&mut self, to: NodeId, nonce: Nonce, until: Moment) {
        let known = self.given_until.entry(to).or_insert(until);
        *known = until.max(*known);
        self.given.insert(to, nonce);
    }

    /// Whether another member may still count on this one.
    pub(super) fn is_given(&self, to: NodeId, now: Moment) -> bool {
        self.given_until.get(&to).is_some_and(|until| *until > now)
    }

    /// Until when another member may count on this one.
    pub(super) fn given_until(&self, to: NodeId) -> Option<Moment> {
        self.given_until.get(&to).copied()
    }

    /// A member leaves in order (rule 10): it counts on nothing any more. Whether it was
    /// its last word.
    pub(super) fn leave(&mut self, config: &Config, from: NodeId, nonce: Nonce) -> bool {
        let is_last = rules::is_last_word(config, self.given.get(&from), nonce);
        if is_last {
            self.given_until.remove(&from);
        }
        is_last
    }

    /// A member has acknowledged an own beat of this moment and bound.
    pub(super) fn get(&mut self, from: NodeId, sent: Moment, below: u64) {
        let known = self.got.entry(from).or_insert(sent);
        *known = sent.max(*known);
        let known = self.noted.entry(from).or_insert(below);
        *known = below.max(*known);
    }

    /// The moment from which the lease counts (rule 3): the latest such that this many
    /// members have acknowledged a beat sent then or later.
    pub(super) fn leased_from(&self, needed: usize) -> Option<Moment> {
        nth_largest(self.got.values().copied(), needed)
    }

    /// The largest bound that this many members have noted (rule 9).
    pub(super) fn noted(&self, needed: usize) -> u64 {
        nth_largest(self.noted.values().copied(), needed).unwrap_or(0)
    }

    #[cfg(test)]
    pub(super) fn model_hooks(
        &mut self,
    ) -> (
        &mut BTreeMap<NodeId, Moment>,
        &mut BTreeMap<NodeId, Moment>,
        &mut BTreeMap<NodeId, u64>,
    ) {
        (&mut self.given_until, &mut self.got, &mut self.noted)
    }

    #[cfg(test)]
    pub(super) fn forget_nonces(&mut self) {
        self.given.clear();
    }
}

/// The `n`th largest, counted from 1.
fn nth_largest<T: Ord>(values: impl Iterator<Item = T>, n: usize) -> Option<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable_by(|one, other| other.cmp(one));
    values.into_iter().nth(n.checked_sub(1)?)
}
