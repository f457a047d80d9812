//! Proposals, votes and decisions (rules 4 and 6), and when to propose: a heuristic,
//! always safe.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::time::Duration;

use super::configuration::{Change, Configuration, Configured};
use super::message::{View, ViewMessage};
use super::time::Moment;
use super::{Output, Views, rules};
use crate::mutex::{NodeId, ViewNumber};

/// A proposal of this member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Proposal {
    number: ViewNumber,
    members: BTreeSet<NodeId>,
    /// The configured members; a change of them if its number is this one's.
    configuration: Arc<Configuration>,
    /// The bound of each voter's clock.
    votes: BTreeMap<NodeId, u64>,
    /// When it is sent again to the members that have not voted.
    resend: Moment,
    /// When it is withdrawn, and another may be made.
    ends: Moment,
}

impl Proposal {
    /// Those that have voted for it.
    pub(super) fn voters(&self) -> BTreeSet<NodeId> {
        self.votes.keys().copied().collect()
    }
}

#[cfg(test)]
impl Proposal {
    pub(super) fn number(&self) -> ViewNumber {
        self.number
    }

    pub(super) fn never_ends(&mut self, never: Moment) {
        (self.resend, self.ends) = (never, never);
    }
}

/// The members of the view that this member would propose, and since when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Intent {
    members: BTreeSet<NodeId>,
    since: Moment,
}

impl Views {
    /// A timer has come due, or time has passed: beats, sends the proposal again, or
    /// makes one. `below` is the durable bound of this member's clock.
    pub fn tick(&mut self, now: Moment, below: u64) -> Output {
        let mut output = Output::default();
        if self.is_removed() {
            return output;
        }
        if self.next_beat().is_none_or(|next| next <= now) {
            self.beat(now, below, &mut output);
        }
        self.resend_proposal(now, &mut output);
        self.intend(now);
        if self.proposal.is_none()
            && let Some(intent) = &self.intent
            && self.may_propose_at(intent) <= now
        {
            let members = intent.members.clone();
            let counter = self.next_counter(now, &members);
            self.propose(now, counter, members, None, below, &mut output);
        }
        if self.intent.is_none() {
            self.propose_change(now, below, &mut output);
        }
        output
    }

    /// When to call [`Views::tick`] again.
    #[must_use]
    pub fn next_tick(&self) -> Moment {
        if self.is_removed() {
            return Moment(u64::MAX);
        }
        let beat = self.next_beat().unwrap_or_default();
        let ballot = match (&self.proposal, &self.intent) {
            (Some(proposal), _) => Some(proposal.resend.min(proposal.ends)),
            (None, Some(intent)) => Some(self.may_propose_at(intent)),
            (None, None) => None,
        };
        ballot.map_or(beat, |ballot| beat.min(ballot))
    }

    pub(super) fn intend(&mut self, now: Moment) {
        let wanted = self.wanted(now);
        if wanted.as_ref() != self.intent.as_ref().map(|intent| &intent.members) {
            self.intent = wanted.map(|members| Intent {
                members,
                since: now,
            });
        }
    }

    /// The members of the view that this member would propose. `None`: the present view
    /// is as it should be, or this member hears no majority.
    fn wanted(&self, now: Moment) -> Option<BTreeSet<NodeId>> {
        if !self.unheard.is_empty() {
            return None;
        }
        let length = self.config.lease.length();
        let nothing = BTreeSet::new();
        let present = self.view.as_ref().map_or(&nothing, |view| &view.members);
        let (own, all) = (self.config.id, self.members());
        let number = self.view.as_ref().map(|view| view.number);
        // A vote for a later view bars the members outside of it from this one, decided or
        // not, and a voter that restarts cannot join this one again.
        let has_voted_later = |member: &NodeId| {
            let beat = self.hearing.latest(*member, now, length);
            let promised = beat.map(|beat| beat.promised);
            let promised = promised.filter(|it| rules::is_number_plausible(self, *it));
            let promised = promised.max((*member == own).then_some(self.promised));
            promised > number
        };
        // Nearly always it is so, and this is asked with every message.
        let has_unwanted = self.has_unwanted(now);
        if present == all && !has_unwanted && self.hearing.all_hear_all(all.len(), now, length) {
            return all.iter().any(has_voted_later).then(|| all.clone());
        }
        let all_wanted: BTreeSet<_>;
        let all = if has_unwanted {
            let wanted = all.iter().copied().filter(|it| !self.is_unwanted(*it, now));
            all_wanted = wanted.collect();
            &all_wanted
        } else {
            all
        };
        if !all.contains(&own) {
            return None;
        }
        let wanted = self.hearing.clique(own, present, all, now, length);
        if wanted.len() < self.adopted.majority() {
            return None;
        }
        if number.is_none() {
            return Some(wanted);
        }
        (wanted != *present || wanted.iter().any(has_voted_later)).then_some(wanted)
    }

    /// When this member may propose: when no member that is left out counts on it any
    /// more, and after a pause in which a member with a smaller id may propose.
    fn may_propose_at(&self, intent: &Intent) -> Moment {
        let absent = self.members().difference(&intent.members);
        let counted_on = absent.filter_map(|member| self.acknowledgments.given_until(*member));
        let counted_on = counted_on.max().unwrap_or_default();
        // After a restart there may be a view, and the others tell it.
        let beat = self.config.lease.beat();
        let told = match &self.view {
            None => intent.since + beat * 2,
            // The ballot that somebody has voted in may still be decided.
            Some(view) if view.members == intent.members => intent.since + beat,
            Some(_) => intent.since,
        };
        let place = intent.members.range(..self.config.id).count();
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        told.max(counted_on).max(self.propose_after) + self.ballot_time() * place
    }

    /// How long the next proposer leaves to a ballot: a hundredth of the lease.
    fn ballot_time(&self) -> Duration {
        self.config.lease.length() / 100
    }

    /// One more than the largest number that this member knows of.
    pub(super) fn next_counter(&self, now: Moment, members: &BTreeSet<NodeId>) -> u64 {
        let length = self.config.lease.length();
        let promised = members.iter().filter_map(|member| {
            let beat = self.hearing.latest(*member, now, length);
            let known = beat.map(|beat| beat.promised.max(beat.view));
            known.filter(|known| rules::is_number_plausible(self, *known))
        });
        let joined = self.view.as_ref().map(|view| view.number);
        let own = self.promised.max(joined.unwrap_or_default());
        let latest = promised.max().unwrap_or_default().max(own);
        latest.counter.saturating_add(1)
    }

    pub(super) fn propose(
        &mut self,
        now: Moment,
        counter: u64,
        members: BTreeSet<NodeId>,
        change: Option<&Change>,
        below: u64,
        output: &mut Output,
    ) {
        let number = ViewNumber {
            counter,
            proposer: self.config.id.0,
        };
        let configuration = match change {
            None => Arc::clone(&self.adopted),
            Some(change) => match self.changed(number, change) {
                Some(changed) => Arc::new(changed),
                None => return,
            },
        };
        let pause = self.config.lease.beat();
        let ends = now + pause + self.jitter(number, pause);
        self.propose_after = ends;
        if !self.vote(now, number, &members, &configuration, output) {
            return;
        }
        self.proposal = Some(Proposal {
            number,
            members,
            configuration,
            votes: BTreeMap::from([(self.config.id, below)]),
            resend: now,
            ends,
        });
        self.resend_proposal(now, output);
        self.decide(now, output);
    }

    /// Up to `longest`, another for each member and proposal: two that propose at the
    /// same moment do not do so again.
    fn jitter(&self, number: ViewNumber, longest: Duration) -> Duration {
        // The finaliser of SplitMix64.
        let mut mixed =
            self.config.incarnation.0 ^ number.counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        longest / 256 * (mixed >> 56) as u32
    }

    fn resend_proposal(&mut self, now: Moment, output: &mut Output) {
        let pause = self.config.lease.beat() / 4;
        let Some(proposal) = &mut self.proposal else {
            return;
        };
        if proposal.ends <= now {
            self.proposal = None;
            return;
        }
        if proposal.resend > now {
            return;
        }
        proposal.resend = now + pause;
        let configuration =
            (!proposal.configuration.is_founding()).then(|| Arc::clone(&proposal.configuration));
        for member in &self.adopted.members {
            let is_voter = rules::is_voter(&self.config, &proposal.members, *member);
            if is_voter && !proposal.votes.contains_key(member) {
                let propose = ViewMessage::Propose {
                    number: proposal.number,
                    members: proposal.members.clone(),
                    configuration: configuration.clone(),
                };
                output.sends.push((*member, propose));
            }
        }
    }

    /// Rule 4, for this member. Whether it votes.
    fn vote(
        &mut self,
        now: Moment,
        number: ViewNumber,
        members: &BTreeSet<NodeId>,
        configuration: &Arc<Configuration>,
        output: &mut Output,
    ) -> bool {
        if !self.unheard.is_empty()
            || !self.may_vote_in(number, members, configuration)
            || !rules::may_vote(self, now, number, members)
        {
            return false;
        }
        if configuration.number == number {
            self.change_vote = (number, members.clone());
            output.change_vote = Some(self.change_vote.clone());
            // A member that decides a change adopts it: it has voted for no later one.
            self.proposal = None;
        }
        self.promised = number;
        output.promise = rules::promise_before_voting(&self.config, number);
        rules::bar(self, number, members);
        self.voted = Some((number, members.clone(), Arc::clone(configuration)));
        // The proposer has time to have it decided before this member proposes another.
        self.propose_after = self.propose_after.max(now + self.config.lease.beat());
        true
    }

    pub(super) fn receive_proposal(
        &mut self,
        now: Moment,
        from: NodeId,
        (number, members, configured): (ViewNumber, &BTreeSet<NodeId>, &Configured),
        below: u64,
        output: &mut Output,
    ) {
        let configuration = self.configuration_of(configured);
        if configuration.number != number {
            self.adopt(now, from, false, &configuration, output);
        }
        // The same proposal again: the vote may have been lost.
        let is_voted = self.voted.as_ref().is_some_and(|(voted, of, with)| {
            (*voted, of, with) == (number, members, &configuration)
        });
        let is_valid = number.proposer == from.0
            && rules::is_number_plausible(self, number)
            && members.is_subset(&configuration.members);
        if is_valid && (is_voted || self.vote(now, number, members, &configuration, output)) {
            output.sends.push((
                from,
                ViewMessage::Vote {
                    number,
                    members: members.clone(),
                    configuration: configured.clone(),
                    below: below.max(output.below.unwrap_or(0)),
                },
            ));
        }
    }

    pub(super) fn receive_vote(
        &mut self,
        now: Moment,
        from: NodeId,
        (number, members, configured): (ViewNumber, &BTreeSet<NodeId>, &Configured),
        below: u64,
        output: &mut Output,
    ) {
        let configuration = self.configuration_of(configured);
        if let Some(proposal) = &mut self.proposal
            && (proposal.number, &proposal.members) == (number, members)
            && proposal.configuration == configuration
            && rules::is_voter(&self.config, &proposal.members, from)
        {
            proposal.votes.insert(from, below);
            self.decide(now, output);
        }
    }

    /// Rule 6.
    fn decide(&mut self, now: Moment, output: &mut Output) {
        let Some(proposal) = &self.proposal else {
            return;
        };
        let number = proposal.number;
        let mut configuration = Arc::clone(&proposal.configuration);
        if !self.is_decided(
            number,
            &proposal.members,
            &configuration,
            &proposal.voters(),
        ) {
            return;
        }
        let floor = proposal.votes.values().copied().max().unwrap_or(0);
        let members = proposal.members.clone();
        self.proposal = None;
        if configuration.number == number {
            let configuration = Arc::make_mut(&mut configuration);
            configuration.floor = floor;
        }
        // Those that are removed are told, too.
        let mut receivers = &self.adopted.members | &configuration.members;
        receivers.remove(&self.config.id);
        let view = View {
            number,
            members,
            floor,
            configuration: (!configuration.is_founding()).then_some(configuration),
        };
        let decision = ViewMessage::Decision(view.clone());
        let sends = receivers.into_iter().map(|peer| (peer, decision.clone()));
        output.sends.extend(sends);
        self.join(now, self.config.id, &view, output);
    }
}
