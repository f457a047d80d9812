//! The transitions out of a state, and the state after each.

use super::action::{Action, Transition};
use super::bounds::Bounds;
use super::coverage;
use super::group_state::GroupState;
use super::memo::{MemberEffect, MemberStep, Memo, MessageNumber};
use super::oracle::{Rush, Violation};
use crate::mutex::{Body, LockName, Mode, State, Token};
use crate::protocol::{Event, Member};

impl Bounds {
    /// Returns the state in which all members have started and know all clocks,
    /// and no request exists yet. Reports each delivery.
    pub(super) fn start_group(
        &self,
        memo: &mut Memo,
        on_delivery: impl FnMut(MessageNumber),
    ) -> GroupState {
        let mut state = GroupState::new(self);
        for index in 0..usize::from(self.members) {
            self.start_member(memo, &mut state, index, usize::MAX);
        }
        let outcome = state.deliver_all(memo, on_delivery);
        assert_eq!(outcome, Ok(()), "no member enters by a hello or welcome");
        state
    }

    /// Starts a member, which resumes the entry that outlived its earlier run, and
    /// performs the first of its effects.
    pub(super) fn start_member(
        &self,
        memo: &mut Memo,
        state: &mut GroupState,
        index: usize,
        mut max_effects: usize,
    ) {
        let outliving = state.outliving(index);
        state.runs[index] += 1;
        let config = self.config(index, state.runs[index], state.reserved[index]);
        let mut member = memo.add_member(Member::new(config));
        state.members[index] = Some(member);
        for event in start_events(outliving) {
            if let Some(step) = memo.handle(member, event) {
                let step = memo.step(step);
                member = step.after;
                let outcome = state.apply(index, step, max_effects);
                assert_eq!(outcome, Ok(()), "no member enters by starting");
                max_effects = max_effects.saturating_sub(step.effects.len());
            }
        }
    }

    /// Appends all transitions out of a state. Some lead back to it.
    pub(super) fn transitions(
        &self,
        memo: &Memo,
        state: &GroupState,
        transitions: &mut Vec<Transition>,
    ) {
        // Where clocks are not on disk no member crashes while another is down or does not
        // know all clocks: the last one that knows could be lost.
        let may_crash =
            state.crashes_left > 0 && (self.is_durable || state.are_all_synced(self, memo));
        let mut add = |action| {
            transitions.push(Transition {
                action,
                crash_after: None,
            });
        };
        for index in 0..usize::from(self.members) {
            let Some(member) = state.members[index] else {
                add(Action::Restart(index));
                if state.outliving(index).is_some() {
                    add(Action::End(index));
                }
                continue;
            };
            let member = memo.member(member);
            if member.is_held {
                add(Action::Release(index));
                if state.delegations_left > 0 {
                    add(Action::Delegate(index));
                }
            }
            if member.member.has_deferred_tries(&LockName::default()) {
                add(Action::Deny(index));
            }
            if member.is_free && state.requests[index] < self.entries_of(index) {
                add(Action::Acquire(index));
                if self.may_share(index) {
                    add(Action::Share(index));
                }
            }
            if member.is_waiting && state.cancels_left > 0 {
                add(Action::Cancel(index));
            }
            if may_crash {
                add(Action::Crash(index));
            }
        }
        if state.rushes_left > 0 && state.are_all_free(self, memo) {
            add(Action::Rush);
        }
        for message in &state.network {
            add(Action::Deliver(*message));
        }
        if may_crash {
            for at in 0..transitions.len() {
                let action = transitions[at].action;
                if !matches!(action, Action::Crash(_) | Action::End(_)) {
                    transitions.extend((0..self.max_effects()).map(|effects| Transition {
                        action,
                        crash_after: Some(effects),
                    }));
                }
            }
        }
    }

    /// Returns the state after a transition, not reduced; `None` if nothing changes.
    pub(super) fn take(
        &self,
        memo: &mut Memo,
        state: &GroupState,
        transition: Transition,
        seen: &mut u16,
    ) -> Option<Result<GroupState, Violation>> {
        let (action, crash_after) = (transition.action, transition.crash_after);
        let mut next = state.clone();
        let (index, step) = match action {
            Action::Crash(index) => {
                next.crash(self, index);
                return Some(Ok(next));
            }
            Action::End(index) => {
                next.oracle.leave(index);
                *seen |= coverage::ENDED_WHILE_DOWN;
                return Some(Ok(next));
            }
            Action::Restart(index) => {
                self.start_member(memo, &mut next, index, crash_after.unwrap_or(usize::MAX));
                if crash_after.is_some() {
                    next.crash(self, index);
                }
                return Some(Ok(next));
            }
            Action::Deliver(message) => {
                let index = memo.receiver(message);
                (index, memo.deliver(state.members[index]?, message)?)
            }
            Action::Rush => {
                let outcome = next.rush(self, memo);
                return Some(outcome.map(|()| next));
            }
            Action::Acquire(_)
            | Action::Share(_)
            | Action::Deny(_)
            | Action::Release(_)
            | Action::Cancel(_)
            | Action::Delegate(_) => {
                let (index, event) = action.user_event(self)?;
                match action {
                    Action::Release(_) => next.oracle.leave(index),
                    Action::Cancel(_) => next.cancels_left -= 1,
                    Action::Delegate(_) => next.delegations_left -= 1,
                    Action::Deny(_) => {}
                    _ => next.requests[index] += 1,
                }
                (index, memo.handle(state.members[index]?, event)?)
            }
        };
        let step = memo.step(step);
        assert!(
            step.effects.len() <= self.max_effects(),
            "some crashes are left out: {step:?}"
        );
        if crash_after.is_some_and(|effects| effects >= step.effects.len()) {
            return None;
        }
        let before = state.members[index]?;
        *seen |= self.step_coverage(memo, before, action, step);
        if state.enters_though_refused(memo, index, step) {
            return Some(Err(Violation::RefusedTryEntered));
        }
        if let Err(violation) = next.apply(index, step, crash_after.unwrap_or(usize::MAX)) {
            return Some(Err(violation));
        }
        if crash_after.is_some() {
            next.crash(self, index);
        }
        Some(Ok(next))
    }
}

impl GroupState {
    /// Whether the member enters with a try that a peer has refused: the note is under way.
    fn enters_though_refused(&self, memo: &Memo, index: usize, step: &MemberStep) -> bool {
        let mut effects = step.effects.iter();
        let enters = effects.any(|effect| matches!(effect, MemberEffect::Enter(..)));
        let Some(number) = self.members[index].filter(|_| enters) else {
            return false;
        };
        let member = &memo.member(number).member;
        let State::Wait {
            request,
            is_try: true,
            ..
        } = member.state(&LockName::default())
        else {
            return false;
        };
        self.network.iter().any(|message| {
            let sent = memo.sent(*message);
            sent.to == member.id()
                && matches!(sent.message.body, Body::Note { echo, .. } if echo.clock == request.clock)
        })
    }

    /// All members try at once: no message arrives in between.
    fn rush(&mut self, bounds: &Bounds, memo: &mut Memo) -> Result<(), Violation> {
        let members = usize::from(bounds.members);
        self.rushes_left -= 1;
        self.oracle.rush = Some(Rush {
            trying: (1 << members) - 1,
            is_won: false,
        });
        for index in 0..members {
            let member = self.members[index].expect("all are free");
            let step = memo.handle(member, Event::Try(LockName::default()));
            let step = step.expect("a member that is free can try");
            self.apply(index, memo.step(step), usize::MAX)?;
        }
        Ok(())
    }

    /// Delivers every message, and those sent meanwhile. Reports each.
    pub(super) fn deliver_all(
        &mut self,
        memo: &mut Memo,
        mut on_delivery: impl FnMut(MessageNumber),
    ) -> Result<(), Violation> {
        while let Some(message) = self.network.pop() {
            on_delivery(message);
            let index = memo.receiver(message);
            let member = self.members[index].expect("all have started");
            if let Some(step) = memo.deliver(member, message) {
                self.apply(index, memo.step(step), usize::MAX)?;
            }
        }
        Ok(())
    }
}

/// The first events of a member, which may have an entry to resume.
pub(super) fn start_events(outliving: Option<(Token, Mode)>) -> impl Iterator<Item = Event> {
    let resume = outliving.map(|(token, mode)| Event::Resume {
        lock: LockName::default(),
        token,
        mode,
    });
    resume.into_iter().chain([Event::Start])
}
