//! Who counts on whom: the acknowledgments that this member gave, and those that it got.

use alloc::collections::{BTreeMap, BTreeSet};
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
    /// The latest beat of each, of the run whose beat this one has acknowledged last.
    given: BTreeMap<NodeId, Nonce>,
    /// Until when other runs of each may count on this one: what was acknowledged to them,
    /// or by an earlier run of this member.
    given_to_others_until: BTreeMap<NodeId, Moment>,
    /// The latest own beat that each member has acknowledged, this one included: when it
    /// was sent. Of this run only.
    got: BTreeMap<NodeId, Moment>,
    /// The largest bound of this member's clock that each member has noted.
    noted: BTreeMap<NodeId, u64>,
}

impl Acknowledgments {
    /// A restart counts as an acknowledgment to every member (rule 5).
    pub(super) fn at_start(config: &Config, members: &BTreeSet<NodeId>, now: Moment) -> Self {
        Acknowledgments {
            given_until: rules::acknowledged_at_start(config, members, now),
            given: BTreeMap::new(),
            given_to_others_until: BTreeMap::new(),
            got: BTreeMap::new(),
            noted: BTreeMap::new(),
        }
    }

    /// An earlier run of this member may have acknowledged this one.
    pub(super) fn count_on_start(&mut self, to: NodeId, until: Moment) {
        self.given_until.entry(to).or_insert(until);
    }

    /// The members that may count on this one.
    pub(super) fn given_to(&self, now: Moment) -> impl Iterator<Item = NodeId> + use<'_> {
        let given = self.given_until.iter();
        given
            .filter(move |(_, until)| **until > now)
            .map(|(to, _)| *to)
    }

    /// This member acknowledges a beat. It may be an old one, and of an earlier run than
    /// the last.
    pub(super) fn give(&mut self, to: NodeId, nonce: Nonce, until: Moment) {
        let last = self.given.get(&to).copied();
        let last = last.filter(|last| last.incarnation == nonce.incarnation);
        let known = self.given_until.get(&to).copied();
        if let (None, Some(known)) = (last, known) {
            self.given_to_others_until.insert(to, known);
        }
        self.given_until
            .insert(to, known.map_or(until, |known| until.max(known)));
        self.given
            .insert(to, last.map_or(nonce, |last| last.max(nonce)));
    }

    /// Whether another member may still count on this one.
    #[cfg(test)]
    pub(super) fn is_given(&self, to: NodeId, now: Moment) -> bool {
        self.given_until.get(&to).is_some_and(|until| *until > now)
    }

    /// Until when another member may count on this one.
    pub(super) fn given_until(&self, to: NodeId) -> Option<Moment> {
        self.given_until.get(&to).copied()
    }

    /// A run of a member leaves in order (rule 10): it counts on nothing any more. Whether
    /// it was its last word.
    pub(super) fn leave(&mut self, config: &Config, from: NodeId, nonce: Nonce) -> bool {
        let is_last = rules::is_last_word(config, self.given.get(&from), nonce);
        if is_last {
            let others = self.given_to_others_until.get(&from).copied();
            match others.filter(|_| rules::other_runs_count_on(config)) {
                Some(until) => self.given_until.insert(from, until),
                None => self.given_until.remove(&from),
            };
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
    /// of these members have acknowledged a beat sent then or later.
    pub(super) fn leased_from(&self, of: &BTreeSet<NodeId>, needed: usize) -> Option<Moment> {
        nth_largest(among(&self.got, of), needed)
    }

    /// The largest bound that this many of these members have noted (rule 9).
    pub(super) fn noted(&self, of: &BTreeSet<NodeId>, needed: usize) -> u64 {
        nth_largest(among(&self.noted, of), needed).unwrap_or(0)
    }

    #[cfg(test)]
    pub(super) fn has_got(&self, from: NodeId) -> bool {
        self.got.contains_key(&from)
    }

    #[cfg(test)]
    pub(super) fn end_got(&mut self, from: NodeId) {
        self.got.remove(&from);
    }

    #[cfg(test)]
    pub(super) fn end_given(&mut self, to: NodeId) {
        self.given_until.remove(&to);
        self.given_to_others_until.remove(&to);
        self.given.remove(&to);
    }

    #[cfg(test)]
    pub(super) fn forget_nonces(&mut self) {
        self.given_to_others_until.clear();
        self.given.clear();
    }
}

/// How many values are sorted without an allocation: this is asked at every event.
const FEW: usize = 16;

/// What these members have said.
fn among<T: Copy>(
    said: &BTreeMap<NodeId, T>,
    of: &BTreeSet<NodeId>,
) -> impl Iterator<Item = T> + Clone {
    let of_them = said.iter().filter(|(id, _)| of.contains(id));
    of_them.map(|(_, value)| *value)
}

/// The `n`th largest, counted from 1.
fn nth_largest<T>(values: impl Iterator<Item = T> + Clone, n: usize) -> Option<T>
where
    T: Copy + Default + Ord,
{
    let (mut few, mut many) = ([T::default(); FEW], Vec::new());
    let count = values.clone().count();
    let sorted = if count <= FEW {
        few.iter_mut()
            .zip(values)
            .for_each(|(to, value)| *to = value);
        few.get_mut(..count)?
    } else {
        many.extend(values);
        &mut many[..]
    };
    sorted.sort_unstable_by(|one, other| other.cmp(one));
    sorted.get(n.checked_sub(1)?).copied()
}
