//! The model of one lock: a group of real members, the messages under way and the
//! critical section. [`Bounds`] says how large the group is and what may go wrong.

mod action;
mod bounds;
mod coverage;
mod fingerprint;
mod group_state;
mod liveness;
mod memo;
mod oracle;
mod reduction;
mod replay;
mod step;
mod tests;

use action::Transition;
pub(crate) use bounds::{Bounds, SMALL};
use group_state::GroupState;
use memo::Memo;
pub(crate) use oracle::Violation;

use super::model::Model;
use crate::trace::Run;

impl Model for Bounds {
    type State = GroupState;
    type Action = Transition;
    type Violation = Violation;
    type Memo = Memo;

    const COVERAGE: &'static [&'static str] = coverage::NAMES;

    fn start(&self, memo: &mut Memo) -> GroupState {
        self.start_group(memo, |_| {})
    }

    fn actions(&self, memo: &Memo, state: &GroupState, transitions: &mut Vec<Transition>) {
        self.transitions(memo, state, transitions);
    }

    fn step(
        &self,
        memo: &mut Memo,
        state: &GroupState,
        transition: Transition,
        seen: &mut u16,
    ) -> Option<Result<GroupState, Violation>> {
        let mut step = self.take(memo, state, transition, seen);
        if let Some(Ok(next)) = &mut step {
            if next.is_behind_token(memo) {
                return Some(Err(Violation::ClockBehindToken));
            }
            if self.checks_permissions && next.are_both_permitted(memo) {
                return Some(Err(Violation::BothPermitted));
            }
            if !self.is_unreduced {
                next.reduce(self, memo);
            }
        }
        step
    }

    fn fingerprint(&self, memo: &Memo, state: &GroupState) -> u64 {
        state.fingerprint(memo)
    }

    fn coverage(&self, memo: &Memo, state: &GroupState) -> u16 {
        state.coverage(self, memo)
    }

    fn recovers(&self, memo: &mut Memo, state: &GroupState) -> Result<(), Violation> {
        // Recovery does not depend on anything else.
        if memo.recovered.insert(state.members_fingerprint(memo)) {
            self.recover(memo, state, |_| {})?;
        }
        Ok(())
    }

    fn describe(&self, memo: &Memo, transition: Transition) -> String {
        transition.describe(memo)
    }

    fn traces(&self, memo: &mut Memo, path: &[Transition], recovers: bool) -> Vec<Run> {
        replay::replay(self, memo, path, recovers)
    }
}
