//! The state of a whole group.
//!
//! A sent message stays under way for ever: it may arrive at any time, any number of
//! times, in any order, or never. Only an acknowledgment is different: it arrives once,
//! because it means nothing more, and it is void when what it acknowledges has ended.

use std::sync::Arc;

use super::bounds::{Bounds, MAX_MEMBERS, id_of, index_of};
use super::coverage;
use super::input::Input;
use super::memo::{Content, MemberNumber, MemberStep, Memo, MessageNumber, hash_of};
use super::oracle::{Oracle, Violation};
use crate::model_check::visited::mixed;
use crate::mutex::planted::Planted;
use crate::mutex::{Effect, ViewNumber};
use crate::protocol::Member;
use crate::views::{ChangeVote, Configured, View, ViewMessage};

/// The state of a whole group. Members are known by their index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GroupState {
    pub(super) members: [MemberNumber; MAX_MEMBERS],
    /// The messages under way, in order.
    pub(super) network: Vec<MessageNumber>,
    /// What each has persisted.
    pub(super) promised: [ViewNumber; MAX_MEMBERS],
    pub(super) below: [u64; MAX_MEMBERS],
    pub(super) adopted: [Configured; MAX_MEMBERS],
    pub(super) change_vote: [Option<ChangeVote>; MAX_MEMBERS],
    /// What the latest beat of each said: its run, view and bound.
    pub(super) said: [Option<(u8, ViewNumber, u64, ViewNumber)>; MAX_MEMBERS],
    /// What each has done.
    pub(super) runs: [u8; MAX_MEMBERS],
    pub(super) restarts: [u8; MAX_MEMBERS],
    pub(super) leaves: [u8; MAX_MEMBERS],
    pub(super) delegations: [u8; MAX_MEMBERS],
    /// Of each, whose acknowledgments the command of an earlier run counts on, as bits.
    /// None: no command has outlived its member.
    pub(super) commands: [u8; MAX_MEMBERS],
    pub(super) requests: [u8; MAX_MEMBERS],
    pub(super) proposals: [u8; MAX_MEMBERS],
    pub(super) changes: [u8; MAX_MEMBERS],
    /// The latest view in which a member has entered.
    pub(super) entered: Option<ViewNumber>,
    pub(super) oracle: Oracle,
}

impl GroupState {
    /// Returns the state before any member has done anything.
    pub(super) fn new(bounds: &Bounds, memo: &mut Memo) -> Self {
        let mut state = GroupState {
            members: [0; MAX_MEMBERS],
            network: Vec::new(),
            promised: [ViewNumber::FIRST; MAX_MEMBERS],
            below: [1; MAX_MEMBERS],
            adopted: [const { None }; MAX_MEMBERS],
            change_vote: [const { None }; MAX_MEMBERS],
            said: [None; MAX_MEMBERS],
            runs: [0; MAX_MEMBERS],
            restarts: [0; MAX_MEMBERS],
            leaves: [0; MAX_MEMBERS],
            delegations: [0; MAX_MEMBERS],
            commands: [0; MAX_MEMBERS],
            requests: [0; MAX_MEMBERS],
            proposals: [0; MAX_MEMBERS],
            changes: [0; MAX_MEMBERS],
            entered: None,
            oracle: Oracle::default(),
        };
        for index in 0..bounds.members {
            state
                .start_run(bounds, memo, index)
                .expect("nothing is wrong");
        }
        state
    }

    /// A member crashes, and starts again. The command of its entry may go on: until what
    /// its deadline counts on has ended, or with the lease of the new run.
    pub(super) fn restart(
        &mut self,
        bounds: &Bounds,
        memo: &mut Memo,
        index: usize,
        seen: &mut u16,
    ) -> Result<(), Violation> {
        self.restarts[index] += 1;
        let is_outlived = bounds.outlives && self.oracle.inside[index];
        let counts_on = match self.commands[index] {
            0 => memo.member(self.members[index]).got,
            still => still,
        };
        self.start_run(bounds, memo, index)?;
        self.commands[index] = 0;
        if is_outlived {
            self.commands[index] = counts_on;
            self.oracle.inside[index] = true;
            let resume = Input::Resume(self.oracle.last_token);
            let step = memo.ask(bounds, self.members[index], resume);
            let step = step.expect("it is free");
            self.apply(bounds, memo, index, &step, seen)?;
        }
        Ok(())
    }

    /// A run begins, with what is persisted. Whatever was inside has ended.
    pub(super) fn start_run(
        &mut self,
        bounds: &Bounds,
        memo: &mut Memo,
        index: usize,
    ) -> Result<(), Violation> {
        self.runs[index] += 1;
        self.oracle.inside[index] = false;
        let run = self.runs[index];
        let config = bounds.config(index, run, self.below[index]);
        let members = (self.adopted[index].clone(), self.change_vote[index].clone());
        let views = bounds.views(index, run, self.promised[index], members);
        let member = Member::with_failover(config, views, super::bounds::NOW);
        self.members[index] = memo.start(bounds, member);
        self.beat(bounds, memo, index, &mut 0)
    }

    /// Applies a member's step.
    pub(super) fn apply(
        &mut self,
        bounds: &Bounds,
        memo: &mut Memo,
        index: usize,
        step: &MemberStep,
        seen: &mut u16,
    ) -> Result<(), Violation> {
        let before = memo.member(self.members[index]).view;
        let view = memo.member(step.after).view;
        if view < before {
            return Err(Violation::ViewWentBack);
        }
        self.members[index] = step.after;
        for effect in &step.effects {
            match effect {
                Effect::Promise { number } => self.promised[index] = *number,
                Effect::Reserve { below } => self.below[index] = *below,
                Effect::Enter { token, .. } => {
                    *seen |= self.entry_coverage(bounds, index, view);
                    self.entered = self.entered.max(view);
                    self.oracle.enter(index, token.get())?;
                }
                Effect::Join if self.oracle.inside[index] => {
                    *seen |= coverage::HELD_ACROSS_A_JOIN;
                }
                Effect::Lost { .. } => {
                    *seen |= coverage::LOST;
                    self.oracle.inside[index] = false;
                }
                Effect::Leave { .. } => self.oracle.inside[index] = false,
                Effect::Delegated { tokens, .. } => self.oracle.delegate(index, *tokens)?,
                _ => {}
            }
        }
        if let Some(adopted) = &step.adopted {
            *seen |= coverage::CHANGED;
            self.adopted[index] = Some(Arc::clone(adopted));
        }
        if let Some(vote) = &step.change_vote {
            self.change_vote[index] = Some(vote.clone());
        }
        self.follow_command(bounds, memo, index, seen);
        for message in &step.sends {
            self.send(bounds, memo, *message, seen)?;
        }
        self.beat(bounds, memo, index, seen)
    }

    /// The command of an earlier run has the lease of this one, once there is one: it ends
    /// as other entries do.
    fn follow_command(&mut self, bounds: &Bounds, memo: &Memo, index: usize, seen: &mut u16) {
        let is_leased = memo.member(self.members[index]).got.count_ones() >= bounds.majority();
        if self.commands[index] != 0 && (is_leased || !self.oracle.inside[index]) {
            *seen |= coverage::RESUMED;
            self.commands[index] = 0;
        }
    }

    /// What the command of an earlier run counts on has ended. Then it is dead.
    fn end_command(&mut self, bounds: &Bounds, by: usize, to: usize) {
        let counts_on = self.commands[to] & !(1 << by);
        if counts_on == self.commands[to] {
            return;
        }
        self.commands[to] = counts_on;
        if counts_on.count_ones() < bounds.majority() {
            self.commands[to] = 0;
            self.oracle.inside[to] = bounds.planted == Some(Planted::ResumedTooLate);
        }
    }

    /// A member that has something new to say sends a beat. It arrives at any time.
    fn beat(
        &mut self,
        bounds: &Bounds,
        memo: &mut Memo,
        index: usize,
        seen: &mut u16,
    ) -> Result<(), Violation> {
        let known = memo.member(self.members[index]);
        let view = known.view.unwrap_or_default();
        let adopted = known.member.views().map(|it| it.configuration().number);
        let adopted = adopted.unwrap_or_default();
        let says = (self.runs[index], view, self.below[index], adopted);
        if self.said[index] == Some(says) {
            return Ok(());
        }
        self.said[index] = Some(says);
        let step = memo.ask(bounds, self.members[index], Input::Beat);
        step.map_or(Ok(()), |step| self.apply(bounds, memo, index, &step, seen))
    }

    fn entry_coverage(&self, bounds: &Bounds, index: usize, view: Option<ViewNumber>) -> u16 {
        let of = |number| {
            self.oracle
                .decided
                .iter()
                .find(|known| known.number == number)
        };
        let everyone = bounds.everyone();
        let members = view.and_then(of).map_or(everyone, |it| it.members);
        let mut earlier = self.oracle.decided.iter();
        let was_smaller = earlier.any(|it| Some(it.number) < view && it.members != everyone);
        let mut seen = coverage::ENTERED;
        if index >= bounds.members {
            seen |= coverage::ENTERED_AS_NEW;
        }
        if view.and_then(of).is_some_and(|it| it.is_after_a_change) {
            seen |= coverage::ENTERED_AFTER_A_CHANGE;
        }
        if members != everyone {
            seen |= coverage::TAKEOVER;
        } else if was_smaller {
            seen |= coverage::REJOINED;
        }
        if self.runs[index] > 1 {
            seen |= coverage::ENTERED_AFTER_RESTART;
        }
        if self.entered.is_some() && self.entered < view {
            seen |= coverage::TWO_VIEWS_ENTERED;
        }
        seen
    }

    fn send(
        &mut self,
        bounds: &Bounds,
        memo: &mut Memo,
        message: MessageNumber,
        seen: &mut u16,
    ) -> Result<(), Violation> {
        let sent = memo.sent(message).clone();
        match &sent.content {
            Content::View(ViewMessage::Decision(view)) => {
                let is_late = self.promised.iter().any(|promised| *promised > view.number);
                if self.oracle.decide(view)? && is_late {
                    *seen |= coverage::DECIDED_LATE;
                }
                self.start_new(bounds, memo, view)?;
            }
            Content::View(ViewMessage::Acknowledge(_)) if bounds.acknowledges_at_once => {
                let to = index_of(sent.to);
                let step = memo.ask(bounds, self.members[to], Input::Deliver(message));
                return step.map_or(Ok(()), |step| self.apply(bounds, memo, to, &step, seen));
            }
            _ if !bounds.reaches(&sent) => return Ok(()),
            _ => {}
        }
        if let Err(place) = self.network.binary_search(&message) {
            self.network.insert(place, message);
        }
        Ok(())
    }

    /// A machine that is a member now starts, with these members. It starts at once, because
    /// a member to which nothing is delivered is like one that is down. It has heard the others:
    /// it has never promised anything.
    fn start_new(
        &mut self,
        bounds: &Bounds,
        memo: &mut Memo,
        view: &View,
    ) -> Result<(), Violation> {
        let Some(configuration) = &view.configuration else {
            return Ok(());
        };
        let mut new = configuration.members.iter().map(|id| index_of(*id));
        let is_new = |index: &usize| *index < bounds.machines() && self.runs[*index] == 0;
        let Some(new) = new.find(is_new) else {
            return Ok(());
        };
        self.adopted[new] = Some(Arc::clone(configuration));
        self.below[new] = configuration.floor.max(1);
        self.start_run(bounds, memo, new)?;
        self.start_new(bounds, memo, view)
    }

    pub(super) fn remove(&mut self, message: MessageNumber) {
        if let Ok(place) = self.network.binary_search(&message) {
            self.network.remove(place);
        }
    }

    /// What one member acknowledged to another has ended, under way too.
    pub(super) fn end(
        &mut self,
        bounds: &Bounds,
        memo: &mut Memo,
        by: usize,
        to: usize,
        seen: &mut u16,
    ) -> Result<bool, Violation> {
        let under_way = self.network.len();
        self.network
            .retain(|message| !is_acknowledgment(memo, *message, by, to));
        let given = memo.ask(bounds, self.members[by], Input::EndGiven(to as u8));
        let got = memo.ask(bounds, self.members[to], Input::EndGot(by as u8));
        let is_change = self.network.len() < under_way || given.is_some() || got.is_some();
        self.end_command(bounds, by, to);
        // The one that counts on it goes first.
        for (index, step) in [(to, got), (by, given)] {
            if let Some(step) = step {
                self.apply(bounds, memo, index, &step, seen)?;
            }
        }
        Ok(is_change)
    }

    /// 64 bits of the content.
    pub(super) fn fingerprint(&self, bounds: &Bounds, memo: &Memo) -> u64 {
        let network = self.network.iter();
        let mut sum = network.fold(0_u64, |sum, message| {
            sum.wrapping_add(mixed(memo.message(*message).hash))
        });
        for index in 0..bounds.machines() {
            let counts = [
                self.runs[index],
                self.restarts[index],
                self.leaves[index],
                self.requests[index],
                self.proposals[index],
                u8::from(self.oracle.inside[index]),
                index as u8,
                self.commands[index],
            ];
            let promised =
                self.promised[index].counter << 8 | u64::from(self.promised[index].proposer);
            for part in [
                memo.member(self.members[index]).hash,
                u64::from_le_bytes(counts),
                promised << 32 | self.below[index],
                u64::from(self.delegations[index]),
                u64::from(self.changes[index]),
                self.members_hash(index),
            ] {
                sum = mixed(sum.wrapping_mul(31) ^ mixed(part));
            }
        }
        sum = mixed(sum ^ self.oracle.last_token);
        let decided = self.oracle.decided.iter();
        decided.fold(sum, |sum, decided| {
            let pair = |number: ViewNumber| number.counter << 8 | u64::from(number.proposer);
            let base = mixed(pair(decided.base));
            let number = pair(decided.number) << 8 | u64::from(decided.members);
            mixed(sum.wrapping_mul(31) ^ number ^ base)
        })
    }

    /// Of what is durable of the configured members.
    fn members_hash(&self, index: usize) -> u64 {
        let durable = (&self.adopted[index], &self.change_vote[index]);
        if let (None, None) = durable {
            return 0;
        }
        hash_of(&durable)
    }
}

fn is_acknowledgment(memo: &Memo, message: MessageNumber, by: usize, to: usize) -> bool {
    let sent = memo.sent(message);
    let is_one = matches!(sent.content, Content::View(ViewMessage::Acknowledge(_)));
    is_one && (sent.from, sent.to) == (id_of(by), id_of(to))
}
