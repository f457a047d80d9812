//! The model of failover: real members with views and one lock
//! ([`Member::with_failover`](crate::protocol::Member::with_failover)), the messages under
//! way, and the critical section. [`Bounds`] says what may happen how often.
//!
//! # Time
//!
//! There is no clock: every event happens at one moment. The only use of time is that a
//! member that acknowledges keeps the record of it longer than the other counts on it. So
//! an acknowledgment lasts until it ends at both ends together, and under way too, at any
//! moment; in between, both ends are only more restricted. As it ends the other member's
//! lease may lapse, and its entries are lost at that moment. A restart of the member that
//! acknowledged keeps what the other counts on; a restart of the other drops it. The
//! clock's part is tested in `crate::views` and in the simulation.
//!
//! # What is left out
//!
//! - Heuristics: all members hear all, so every beat is worth an acknowledgment unless a
//!   rule forbids it (a beat that is not acknowledged is a beat that is lost). A member
//!   proposes any view at any time. No proposal is withdrawn, but for another one.
//! - Beats that say the same: one stands for all, and is sent as soon as there is
//!   something new to say. So a beat is its run, view and bound.
//! - Greetings: clocks are on disk. And repeated requests: a message stays under way.
//! - The time for which a member is down: a crash is a restart at once, because a member
//!   to which nothing is delivered is like one that is down.
//!
//! The hooks for this are in `src/views/model_hooks.rs` and `src/protocol/model_hooks.rs`.

mod action;
mod bounds;
mod coverage;
mod group_state;
mod input;
mod members;
mod memo;
mod oracle;
mod planted;
mod reduction;
mod replay;
mod scripts;
mod step;
mod tests;

use action::Action;
pub(crate) use bounds::{Bounds, SMALL};
use group_state::GroupState;
use memo::Memo;
pub(crate) use oracle::Violation;
pub(crate) use planted::{HARMLESS, group_for};

use super::model::Model;
use crate::trace::Run;

impl Model for Bounds {
    type State = GroupState;
    type Action = Action;
    type Violation = Violation;
    type Memo = Memo;

    const COVERAGE: &'static [&'static str] = coverage::NAMES;

    fn start(&self, memo: &mut Memo) -> GroupState {
        self.start_group(memo)
    }

    fn actions(&self, memo: &Memo, state: &GroupState, actions: &mut Vec<Action>) {
        self.list_actions(memo, state, actions);
    }

    fn step(
        &self,
        memo: &mut Memo,
        state: &GroupState,
        action: Action,
        seen: &mut u16,
    ) -> Option<Result<GroupState, Violation>> {
        let mut step = self.take(memo, state, action, seen);
        if let Some(Ok(next)) = &mut step
            && !self.is_unreduced
        {
            next.reduce(self, memo);
        }
        step
    }

    fn fingerprint(&self, memo: &Memo, state: &GroupState) -> u64 {
        state.fingerprint(self, memo)
    }

    fn coverage(&self, _: &Memo, _: &GroupState) -> u16 {
        0
    }

    fn describe(&self, memo: &Memo, action: Action) -> String {
        action.describe(memo)
    }

    fn traces(&self, memo: &mut Memo, path: &[Action], _recovers: bool) -> Vec<Run> {
        replay::replay(self, memo, path)
    }
}
