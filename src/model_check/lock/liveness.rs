//! Liveness: whether every waiter enters once all faults end.

use super::bounds::Bounds;
use super::group_state::GroupState;
use super::memo::{MemberNumber, Memo, MessageNumber};
use super::oracle::Violation;
use crate::mutex::{LockName, State, Timer};
use crate::protocol::Event;

/// What happens to a member during a recovery.
pub(super) enum Recovery {
    Restarted(usize),
    Handled(usize, Event),
    Delivered(MessageNumber),
}

impl Bounds {
    /// Whether every waiter enters, if all that is under way is lost, and from then on
    /// nothing is lost and no node crashes. Reports what happens.
    pub(super) fn recover(
        &self,
        memo: &mut Memo,
        state: &GroupState,
        mut report: impl FnMut(Recovery),
    ) -> Result<(), Violation> {
        let mut state = state.clone();
        state.network.clear();
        let members = usize::from(self.members);
        for index in 0..members {
            if state.members[index].is_none() {
                report(Recovery::Restarted(index));
                self.start_member(memo, &mut state, index, usize::MAX);
            }
        }
        // In each round the holder leaves and all messages arrive. Each member needs one
        // round to enter in; the rest is for hellos and welcomes.
        for _ in 0..4 * members + 4 {
            let mut all = state.members[..members].iter().flatten();
            if all.all(|member| memo.member(*member).is_free) {
                let is_won = state.oracle.is_rush_won();
                return is_won.then_some(()).ok_or(Violation::NoTry);
            }
            for index in 0..members {
                let member = |state: &GroupState| state.members[index].expect("all have started");
                for event in memo.due_events(member(&state)) {
                    report(Recovery::Handled(index, event.clone()));
                    if matches!(event, Event::Release(_)) {
                        state.oracle.leave(index);
                    }
                    let member = member(&state);
                    if let Some(step) = memo.handle(member, event) {
                        state.apply(index, memo.step(step), usize::MAX)?;
                    }
                }
            }
            state.deliver_all(memo, |message| report(Recovery::Delivered(message)))?;
        }
        Err(Violation::NeverEnters)
    }
}

impl Memo {
    /// The events that come to a member as time passes.
    fn due_events(&self, member: MemberNumber) -> Vec<Event> {
        let member = &self.member(member).member;
        let lock = LockName::default();
        let mut due = Vec::new();
        match member.state(&lock) {
            State::Held { .. } => {
                if member.has_deferred_tries(&lock) {
                    due.push(Event::Deny(lock.clone()));
                }
                due.push(Event::Release(lock));
            }
            State::Wait { request, .. } => due.push(Event::Expired(Timer::Resend {
                lock,
                request: request.clock,
                sent: 1,
            })),
            State::Free => {}
        }
        if !member.unsynced().is_empty() {
            due.push(Event::Expired(Timer::Hello { sent: 1 }));
        }
        due
    }
}
