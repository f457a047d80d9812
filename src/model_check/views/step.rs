//! The actions that a state permits, and what comes of them.

use super::action::Action;
use super::bounds::{Bounds, MAX_MEMBERS, bits_of, index_of};
use super::group_state::GroupState;
use super::input::Input;
use super::memo::{Content, Memo, Sent};
use super::oracle::Violation;
use crate::mutex::{State, ViewNumber};
use crate::views::ViewMessage;

impl Bounds {
    pub(super) fn start_group(&self, memo: &mut Memo) -> GroupState {
        let begun = self.beats_reach([u8::MAX; MAX_MEMBERS]);
        let mut state = GroupState::new(&begun, memo);
        if self.is_warm {
            let at_once = begun.acknowledges_at_once(true);
            for message in state.network.clone() {
                let step = at_once.take(memo, &state, Action::Deliver(message), &mut 0);
                state = step.map_or(state, |next| next.expect("nothing is wrong"));
            }
            state
                .network
                .retain(|message| self.reaches(memo.sent(*message)));
        }
        if !self.is_unreduced {
            state.reduce(self, memo);
        }
        let follow = |state, line: &&str| self.follow(memo, state, line);
        self.script.iter().copied().flatten().fold(state, follow)
    }

    /// Takes the one action that a line of a script describes.
    fn follow(&self, memo: &mut Memo, state: GroupState, line: &str) -> GroupState {
        let mut actions = Vec::new();
        self.lapsing(u8::MAX)
            .list_actions(memo, &state, &mut actions);
        let mut described = actions
            .iter()
            .filter(|action| action.describe(memo) == line);
        let Some(action) = described.next().copied() else {
            let actions = actions.iter().map(|action| action.describe(memo));
            panic!("not {line:?}, but {:#?}", actions.collect::<Vec<_>>());
        };
        let next = self.take(memo, &state, action, &mut 0);
        next.unwrap_or_else(|| panic!("{line:?} changes nothing"))
            .expect(line)
    }

    /// Whether the network may deliver it.
    pub(super) fn reaches(&self, sent: &Sent) -> bool {
        let is_beat = matches!(sent.content, Content::View(ViewMessage::Beat(_)));
        !is_beat || self.beats_reach[index_of(sent.from)] & 1 << index_of(sent.to) != 0
    }

    pub(super) fn list_actions(&self, memo: &Memo, state: &GroupState, actions: &mut Vec<Action>) {
        for (index, number) in state.members[..self.machines()].iter().enumerate() {
            if state.runs[index] == 0 {
                continue;
            }
            let of = index as u8;
            match memo.state(*number) {
                State::Free if state.requests[index] < self.requests[index] => {
                    actions.push(Action::Acquire(of));
                }
                State::Free => {}
                State::Wait { .. } => actions.push(Action::Enter(of)),
                State::Held { .. } => {
                    actions.push(Action::Release(of));
                    // A user that was told of a loss asks for no more tokens.
                    let is_inside = state.oracle.inside[index];
                    if is_inside && state.delegations[index] < self.delegations[index] {
                        actions.push(Action::Delegate(of));
                    }
                }
            }
            if state.restarts[index] < self.restarts[index] {
                actions.push(Action::Restart(of));
            }
            if state.leaves[index] < self.leaves[index] && *memo.state(*number) == State::Free {
                actions.push(Action::Leave(of));
            }
            for by in 0..self.machines() as u8 {
                if state.runs[usize::from(by)] == 0 {
                    continue;
                }
                let is_counted_on =
                    memo.member(state.members[usize::from(by)]).given & 1 << of != 0;
                let counts_on = memo.member(*number).got & 1 << by != 0;
                let may_end = is_counted_on || counts_on || !self.acknowledges_at_once;
                if by != of && may_end && self.lapsing & 1 << index != 0 {
                    actions.push(Action::End(by, of));
                }
            }
            if state.proposals[index] < self.proposals[index] {
                self.list_proposals(memo, state, index, actions);
            }
            if state.changes[index] < self.changes[index] {
                self.list_changes(state, memo, index, actions);
            }
        }
        actions.extend(
            state
                .network
                .iter()
                .filter(|message| state.runs[index_of(memo.sent(**message).to)] > 0)
                .map(|message| Action::Deliver(*message)),
        );
    }

    /// A member proposes any view that it would vote for itself.
    fn list_proposals(
        &self,
        memo: &Memo,
        state: &GroupState,
        index: usize,
        actions: &mut Vec<Action>,
    ) {
        let member = &memo.member(state.members[index]).member;
        let promised = member
            .views()
            .map_or(ViewNumber::FIRST, |views| views.promised());
        let is_allowed = |members: u8| members & 1 << index != 0 && self.sets & 1 << members != 0;
        for counter in promised.counter.max(1)..=self.counters {
            for members in (1..1_u8 << self.machines()).filter(|members| is_allowed(*members)) {
                actions.push(Action::Propose(index as u8, counter as u8, members));
            }
        }
    }

    /// A member proposes any change of the configured members that it would vote for.
    fn list_changes(
        &self,
        state: &GroupState,
        memo: &Memo,
        index: usize,
        actions: &mut Vec<Action>,
    ) {
        let member = &memo.member(state.members[index]).member;
        let Some(views) = member.views() else { return };
        let is_allowed = |members: u8| members & 1 << index != 0 && self.sets & 1 << members != 0;
        let configured = bits_of(views.members());
        let last = views.configuration().next_id as usize > self.machines();
        for counter in views.promised().counter.max(1)..=self.counters {
            for members in (1..1_u8 << self.machines()).filter(|members| is_allowed(*members)) {
                for kind in (1..=5_u8).filter(|kind| self.kinds & 1 << kind != 0) {
                    let is_possible = match kind {
                        1 => !last,
                        _ => configured & !members & 1 << (kind - 2) != 0,
                    };
                    if is_possible {
                        actions.push(Action::Change(index as u8, counter as u8, members, kind));
                    }
                }
            }
        }
    }

    /// The state after an action; `None` if it changes nothing.
    pub(super) fn take(
        &self,
        memo: &mut Memo,
        state: &GroupState,
        action: Action,
        seen: &mut u16,
    ) -> Option<Result<GroupState, Violation>> {
        let mut next = state.clone();
        let (index, input) = match action {
            Action::Deliver(message) => {
                let sent = memo.sent(message).clone();
                if let Content::View(ViewMessage::Acknowledge(_)) = sent.content {
                    next.remove(message);
                }
                (index_of(sent.to) as u8, Input::Deliver(message))
            }
            Action::Propose(index, counter, members) => {
                next.proposals[usize::from(index)] += 1;
                (index, Input::Propose(counter, members, 0))
            }
            Action::Change(index, counter, members, kind) => {
                next.changes[usize::from(index)] += 1;
                (index, Input::Propose(counter, members, kind))
            }
            Action::Acquire(index) => {
                next.requests[usize::from(index)] += 1;
                (index, Input::Acquire)
            }
            Action::Enter(index) => (index, Input::Enter),
            Action::Release(index) => (index, Input::Release),
            Action::Delegate(index) => {
                next.delegations[usize::from(index)] += 1;
                (index, Input::Delegate)
            }
            Action::End(by, to) => {
                let ended = next.end(self, memo, usize::from(by), usize::from(to), seen);
                return ended.map(|is_change| is_change.then_some(next)).transpose();
            }
            Action::Restart(index) => {
                let restarted = next.restart(self, memo, index.into(), seen);
                return Some(restarted.map(|()| next));
            }
            Action::Leave(index) => {
                next.leaves[usize::from(index)] += 1;
                (index, Input::Leave)
            }
        };
        let index = usize::from(index);
        let step = memo.ask(self, state.members[index], input)?;
        if let Err(violation) = next.apply(self, memo, index, &step, seen) {
            return Some(Err(violation));
        }
        let started = match action {
            Action::Leave(_) => next.start_run(self, memo, index),
            _ => Ok(()),
        };
        Some(started.map(|()| next))
    }
}
