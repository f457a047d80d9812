//! Which member hears which: what a proposal is made of. A heuristic, always safe.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use super::message::{Beat, Nonce};
use super::time::Moment;
use crate::mutex::NodeId;

/// When each member last heard each other one, as far as this member knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Hearing {
    /// The latest beat of each peer, and when it arrived.
    beats: BTreeMap<NodeId, (Beat, Moment)>,
    /// By (who hears, whom): the latest beat heard, and when that was news here.
    pairs: BTreeMap<(NodeId, NodeId), (Nonce, Moment)>,
}

impl Hearing {
    /// A beat has arrived.
    pub(super) fn heard(
        &mut self,
        own: NodeId,
        members: &BTreeSet<NodeId>,
        (from, beat): (NodeId, &Beat),
        now: Moment,
    ) {
        self.renew((own, from), beat.nonce, now);
        for (whom, nonce) in &beat.heard {
            if members.contains(whom) {
                self.renew((from, *whom), *nonce, now);
            }
        }
        self.beats.insert(from, (beat.clone(), now));
    }

    /// A pair is heard again whenever its nonce changes: a new run counts its beats
    /// from 1.
    fn renew(&mut self, pair: (NodeId, NodeId), nonce: Nonce, now: Moment) {
        match self.pairs.get_mut(&pair) {
            Some((known, at)) => {
                let is_news =
                    known.incarnation != nonce.incarnation || known.counter < nonce.counter;
                if is_news {
                    (*known, *at) = (nonce, now);
                }
            }
            None => {
                self.pairs.insert(pair, (nonce, now));
            }
        }
    }

    /// Whether a peer that was heard within `time` says that this member is to be removed.
    pub(super) fn is_unwanted(&self, member: NodeId, now: Moment, time: Duration) -> bool {
        let mut beats = self.beats.values();
        beats.any(|(beat, at)| beat.removes == Some(member) && now.since(*at) < time)
    }

    /// Only these are members from now on.
    pub(super) fn retain(&mut self, members: &BTreeSet<NodeId>) {
        self.beats.retain(|member, _| members.contains(member));
        self.pairs
            .retain(|(one, other), _| members.contains(one) && members.contains(other));
    }

    /// A peer has left: it counts as not heard.
    pub(super) fn forget(&mut self, own: NodeId, peer: NodeId) {
        self.beats.remove(&peer);
        self.pairs.remove(&(own, peer));
    }

    /// The latest beat of a peer that was heard within `time`.
    pub(super) fn latest(&self, peer: NodeId, now: Moment, time: Duration) -> Option<&Beat> {
        let (beat, at) = self.beats.get(&peer)?;
        (now.since(*at) < time).then_some(beat)
    }

    /// When the latest beat of a peer arrived. `None`: none has.
    pub(super) fn at(&self, peer: NodeId) -> Option<Moment> {
        self.beats.get(&peer).map(|(_, at)| *at)
    }

    /// When it was news here that `one` had heard a beat of `other`. `None`: it never was.
    pub(super) fn told(&self, one: NodeId, other: NodeId) -> Option<Moment> {
        self.pairs.get(&(one, other)).map(|(_, at)| *at)
    }

    /// The last beat heard of each peer, for the own beats.
    pub(super) fn nonces(&self) -> BTreeMap<NodeId, Nonce> {
        let nonces = self.beats.iter();
        nonces
            .map(|(peer, (beat, _))| (*peer, beat.nonce))
            .collect()
    }

    /// Whether `one` has heard `other` within `time`.
    pub(super) fn hears(&self, one: NodeId, other: NodeId, now: Moment, time: Duration) -> bool {
        let heard = self.told(one, other);
        heard.is_some_and(|at| now.since(at) < time)
    }

    /// Whether both hear each other.
    fn is_mutual(&self, one: NodeId, other: NodeId, now: Moment, time: Duration) -> bool {
        self.hears(one, other, now, time) && self.hears(other, one, now, time)
    }

    /// Whether all of so many members hear all, and take part.
    pub(super) fn all_hear_all(&self, members: usize, now: Moment, time: Duration) -> bool {
        let is_recent = |at: Moment| now.since(at) < time;
        let pairs = self.pairs.iter();
        let heard = pairs.filter(|((one, other), (_, at))| one != other && is_recent(*at));
        let mut beats = self.beats.values();
        heard.count() == members * (members - 1)
            && beats.all(|(beat, at)| beat.takes_part || !is_recent(*at))
    }

    /// A set of members in which all hear all, with `own` in it: those of `present`
    /// before the others, the smaller ids first.
    pub(super) fn clique(
        &self,
        own: NodeId,
        present: &BTreeSet<NodeId>,
        members: &BTreeSet<NodeId>,
        now: Moment,
        time: Duration,
    ) -> BTreeSet<NodeId> {
        let mut clique = BTreeSet::from([own]);
        let absent = members - present;
        for member in present.iter().chain(&absent) {
            let is_heard = |other: &NodeId| self.is_mutual(*member, *other, now, time);
            let beat = self.latest(*member, now, time);
            let is_able = *member == own || beat.is_none_or(|beat| beat.takes_part);
            if is_able
                && members.contains(member)
                && clique.iter().all(|it| it == member || is_heard(it))
            {
                clique.insert(*member);
            }
        }
        clique
    }

    #[cfg(test)]
    pub(super) fn hear_all(&mut self, members: &BTreeSet<NodeId>, now: Moment) {
        let nonce = Nonce {
            incarnation: crate::mutex::Incarnation(0),
            counter: 0,
        };
        let pairs = members
            .iter()
            .flat_map(|one| members.iter().map(move |other| (*one, *other)));
        self.pairs = pairs.map(|pair| (pair, (nonce, now))).collect();
        self.beats.clear();
    }
}
