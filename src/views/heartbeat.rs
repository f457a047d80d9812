//! Beats, their acknowledgments, and the lease that comes of them (rules 1 to 3).

use alloc::collections::{BTreeSet, VecDeque};
use core::time::Duration;

use super::configuration::Change;
use super::members::members_of_a_lease;
use super::message::{Beat, Nonce, ViewMessage};
use super::time::Moment;
use super::{Output, Views, rules};
use crate::mutex::{NodeId, ViewNumber};

/// How many own beats are remembered: those of two leases.
const MAX_REMEMBERED: usize = 20;

/// A beat out of turn is sent at most so many times in the time between two beats.
const MOST_OUT_OF_TURN: u32 = 5;

/// The own beats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct SentBeats {
    /// How many were sent in this run.
    count: u64,
    /// The latest, the oldest first: counter, moment of sending, durable bound.
    sent: VecDeque<(u64, Moment, u64)>,
    /// When the next is due. `None`: at once.
    next: Option<Moment>,
}

#[cfg(test)]
impl SentBeats {
    pub(super) fn is_due_at_once(&mut self) {
        self.next = None;
    }
}

impl Views {
    /// When the next beat is due. `None`: at once.
    pub(super) fn next_beat(&self) -> Option<Moment> {
        self.beats.next
    }

    /// Rule 1. `now` was read before this.
    pub(super) fn beat(&mut self, now: Moment, below: u64, output: &mut Output) {
        let beats = &mut self.beats;
        beats.count += 1;
        if beats.sent.len() == MAX_REMEMBERED {
            beats.sent.pop_front();
        }
        beats.sent.push_back((beats.count, now, below));
        beats.next = Some(now + self.config.lease.beat());
        let beat = Beat {
            nonce: Nonce {
                incarnation: self.config.incarnation,
                counter: beats.count,
            },
            view: self.view.as_ref().map_or(ViewNumber::FIRST, |it| it.number),
            promised: self.promised,
            below,
            heard: self.hearing.nonces(),
            takes_part: self.unheard.is_empty(),
            removes: match self.change {
                Some(Change::Remove(id)) => Some(id),
                _ => None,
            },
        };
        let beats = self
            .peers()
            .map(|peer| (peer, ViewMessage::Beat(beat.clone())));
        output.sends.extend(beats);
        // Its own acknowledgment, which counts towards a majority.
        self.acknowledgments.get(self.config.id, now, below);
        output.is_renewed |= self.majority() == 1;
    }

    /// The others need a beat sooner than it is due: this member heard another again, or
    /// its bound is new.
    pub(crate) fn beat_soon(&mut self, now: Moment) {
        let last = self.beats.sent.back().map(|(_, at, _)| *at);
        let pause = self.config.lease.beat() / MOST_OUT_OF_TURN;
        let soon = last.map_or(now, |last| (last + pause).max(now));
        self.beats.next = self.beats.next.map(|next| next.min(soon));
    }

    pub(super) fn receive_beat(
        &mut self,
        now: Moment,
        from: NodeId,
        beat: &Beat,
        below: u64,
        output: &mut Output,
    ) {
        let own = self.config.id;
        let length = self.config.lease.length();
        let was_heard = self.hearing.latest(from, now, length / 2).is_some();
        let heard_this = self.hearing.hears(from, own, now, length / 2);
        self.hearing
            .heard(own, &self.adopted.members, (from, beat), now);
        if !was_heard || !heard_this && self.hearing.hears(from, own, now, length / 2) {
            self.beat_soon(now);
        }
        self.hear_as_amnesiac(from, beat, output);
        if let Some(view) = &self.view
            && beat.view < view.number
        {
            let decision = ViewMessage::Decision(view.clone());
            output.sends.push((from, decision));
        }
        if self.unheard.is_empty()
            && rules::may_acknowledge(self, from, beat)
            && rules::is_bound_plausible(beat.below, below)
            && self.is_worth_acknowledging(from, now)
        {
            output.below = rules::bound_before_acknowledging(self, beat, below);
            let until = rules::acknowledged_until(&self.config, now);
            self.acknowledgments.give(from, beat.nonce, until);
            let acknowledgment = ViewMessage::Acknowledge(beat.nonce);
            output.sends.push((from, acknowledgment));
        }
    }

    /// A member that does not hear this one must be excluded in the end, and one that
    /// cannot vote or reply; and of two members of the view that do not hear each other,
    /// the one with the larger id.
    /// Not to acknowledge is always safe.
    fn is_worth_acknowledging(&self, from: NodeId, now: Moment) -> bool {
        let length = self.config.lease.length();
        let hears = |one, other| self.hearing.hears(one, other, now, length);
        let takes_part = self.hearing.latest(from, now, length);
        let takes_part = takes_part.is_some_and(|beat| beat.takes_part);
        if !takes_part || !hears(from, self.config.id) || self.is_unwanted(from, now) {
            return false;
        }
        let Some(view) = &self.view else { return true };
        // A member outside of the view is to come back into it only if all hear it.
        let is_inside = view.members.contains(&from);
        let is_heeded = |other: &&NodeId| **other < from || !is_inside && **other != from;
        let mut others = view.members.iter().filter(is_heeded);
        others.all(|other| {
            let is_up =
                *other == self.config.id || self.hearing.latest(*other, now, length).is_some();
            !is_up || hears(from, *other) && hears(*other, from)
        })
    }

    /// A member that may have forgotten what it promised goes on when every other one
    /// has said, in answer to this run, what it has promised: the proposer of whatever
    /// this member voted for has voted for it first.
    fn hear_as_amnesiac(&mut self, from: NodeId, beat: &Beat, output: &mut Output) {
        let answers = beat.heard.get(&self.config.id);
        let answers = answers.is_some_and(|it| it.incarnation == self.config.incarnation);
        if !self.unheard.contains(&from) || !answers {
            return;
        }
        if !rules::is_number_plausible(self, beat.promised) {
            return;
        }
        self.unheard.remove(&from);
        self.promised = self.promised.max(beat.promised);
        if self.unheard.is_empty() {
            // Whether it has voted for a change it does not know.
            self.change_vote = (self.promised, BTreeSet::new());
            output.change_vote = Some(self.change_vote.clone());
            // Rule 5, as if this run had begun with the promise.
            for barred in self.barred.values_mut() {
                *barred = self.promised.max(*barred);
            }
            self.begin();
            self.beat_soon(self.hearing.at(from).unwrap_or_default());
            output.promise = Some(self.promised);
            output.joined = self.view.clone();
        }
    }

    pub(super) fn receive_acknowledgment(
        &mut self,
        now: Moment,
        from: NodeId,
        nonce: Nonce,
    ) -> bool {
        if !rules::is_of_this_run(&self.config, nonce) {
            return false;
        }
        let mut sent = self.beats.sent.iter();
        let Some((_, at, below)) = sent.find(|(counter, ..)| *counter == nonce.counter) else {
            return false;
        };
        let counted = rules::leased_from(&self.config, *at, now);
        self.acknowledgments.get(from, counted, *below);
        true
    }

    /// How long ago the beat was sent that this acknowledges. `None`: it is of another run, or
    /// forgotten.
    #[must_use]
    pub fn round_trip(&self, nonce: Nonce, now: Moment) -> Option<Duration> {
        let mut sent = self.beats.sent.iter();
        let (_, at, _) = sent.find(|(counter, ..)| *counter == nonce.counter)?;
        (nonce.incarnation == self.config.incarnation).then(|| now.since(*at))
    }

    /// Until when this member has its lease (rule 3). `None`: it never had one in this
    /// run.
    #[must_use]
    pub fn leased_until(&self) -> Option<Moment> {
        let from = self.acknowledgments.leased_from(
            &members_of_a_lease(self).members,
            rules::members_for_a_lease(self),
        )?;
        Some(from + self.config.lease.held())
    }

    /// Tokens below this may be used (rule 9).
    #[must_use]
    pub fn noted(&self) -> u64 {
        let of = &members_of_a_lease(self).members;
        self.acknowledgments
            .noted(of, rules::members_for_a_bound(self))
    }

    /// Leaves in order (rule 10). Nothing is held, and the lease is not used any more.
    pub fn leave(&mut self) -> Output {
        let nonce = Nonce {
            incarnation: self.config.incarnation,
            counter: self.beats.count,
        };
        let sends = self.peers().map(|peer| (peer, ViewMessage::Leave(nonce)));
        Output {
            sends: sends.collect(),
            ..Output::default()
        }
    }
}
