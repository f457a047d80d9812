//! The actions that a state permits, and what comes of them.

use super::action::Action;
use super::bounds::{Bounds, MEMBERS, index_of};
use super::group_state::GroupState;
use super::memo::{Content, Input, Memo, enter_late};
use super::oracle::Violation;
use crate::mutex::{LockName, State, Timer, ViewNumber};
use crate::protocol::Event;
use crate::views::ViewMessage;

impl Bounds {
    pub(super) fn start_group(&self, memo: &mut Memo) -> GroupState {
        let mut state = GroupState::new(self, memo);
        // The first beat reserves a bound, and the second tells it.
        for _ in 0..2 * u8::from(self.is_warm) {
            state.network.clear();
            for index in 0..MEMBERS as u8 {
                let beat = self.take(memo, &state, Action::Beat(index), &mut 0);
                state = beat.expect("it is due").expect("nothing is wrong");
            }
            for message in state.network.clone() {
                let step = self.take(memo, &state, Action::Deliver(message), &mut 0);
                state = step.map_or(state, |next| next.expect("nothing is wrong"));
            }
        }
        state
    }

    pub(super) fn list_actions(&self, memo: &Memo, state: &GroupState, actions: &mut Vec<Action>) {
        for (index, number) in state.members.iter().enumerate() {
            let of = index as u8;
            match memo.state(*number) {
                State::Free if state.requests[index] < self.requests[index] => {
                    actions.push(Action::Acquire(of));
                }
                State::Free => {}
                State::Wait { .. } => actions.push(Action::Enter(of)),
                State::Held { .. } => actions.push(Action::Release(of)),
            }
            if !state.has_sent_beat(memo, index) {
                actions.push(Action::Beat(of));
            }
            if state.restarts[index] < self.restarts[index] {
                actions.push(Action::Restart(of));
            }
            if state.leaves[index] < self.leaves[index] && *memo.state(*number) == State::Free {
                actions.push(Action::Leave(of));
            }
            for by in 0..MEMBERS as u8 {
                if by != of && self.lapsing & 1 << index != 0 {
                    actions.push(Action::End(by, of));
                }
            }
            if state.proposals[index] < self.proposals[index] {
                self.list_proposals(memo, state, index, actions);
            }
        }
        actions.extend(
            state
                .network
                .iter()
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
        for counter in promised.counter..=self.counters {
            for members in (1..1_u8 << MEMBERS).filter(|members| members & 1 << index != 0) {
                actions.push(Action::Propose(index as u8, counter as u8, members));
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
        let lock = LockName::default();
        let mut next = state.clone();
        let (index, input) = match action {
            Action::Beat(index) => (index, Input::Handle(Event::Expired(Timer::View))),
            Action::Deliver(message) => {
                let sent = memo.sent(message).clone();
                if let Content::View(ViewMessage::Acknowledge(_)) = sent.content {
                    next.remove(message);
                }
                (index_of(sent.to) as u8, Input::Deliver(message))
            }
            Action::Propose(index, counter, members) => {
                next.proposals[usize::from(index)] += 1;
                (index, Input::Propose(u64::from(counter), members))
            }
            Action::Acquire(index) => {
                next.requests[usize::from(index)] += 1;
                (index, Input::Handle(Event::Acquire(lock)))
            }
            Action::Enter(index) => (index, Input::Handle(enter_late())),
            Action::Release(index) => (index, Input::Handle(Event::Release(lock))),
            Action::End(by, to) => {
                let ended = next.end(self, memo, usize::from(by), usize::from(to), seen);
                return ended.map(|is_change| is_change.then_some(next)).transpose();
            }
            Action::Restart(index) => {
                let index = usize::from(index);
                next.restarts[index] += 1;
                next.start_run(self, memo, index);
                return Some(Ok(next));
            }
            Action::Leave(index) => {
                next.leaves[usize::from(index)] += 1;
                (index, Input::Handle(Event::End))
            }
        };
        let index = usize::from(index);
        let step = memo.ask(self, state.members[index], input)?;
        if let Err(violation) = next.apply(self, memo, index, &step, seen) {
            return Some(Err(violation));
        }
        if let Action::Leave(_) = action {
            next.start_run(self, memo, index);
        }
        Some(Ok(next))
    }
}
