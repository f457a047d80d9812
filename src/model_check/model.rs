//! What a search needs of a model.

use std::fmt::Debug;

use crate::trace::Run;

/// A system of which a search visits every reachable state.
pub(crate) trait Model: Sync {
    type State: Send;
    type Action: Copy;
    /// What must never happen.
    type Violation: Debug + Send;
    /// What a thread remembers between steps. A state may refer to it: the other threads
    /// begin with a copy of what the first one remembers.
    type Memo: Clone + Default + Sync;

    /// The name of each coverage bit, from the lowest bit up.
    const COVERAGE: &'static [&'static str];

    /// Returns the state in which every path begins.
    fn start(&self, memo: &mut Self::Memo) -> Self::State;

    /// Appends the actions that a state permits.
    fn actions(&self, memo: &Self::Memo, state: &Self::State, actions: &mut Vec<Self::Action>);

    /// Returns the state after an action; `None` if the action changes nothing. Adds
    /// to `seen` the coverage bits that only the step itself shows.
    fn step(
        &self,
        memo: &mut Self::Memo,
        state: &Self::State,
        action: Self::Action,
        seen: &mut u16,
    ) -> Option<Result<Self::State, Self::Violation>>;

    /// Returns 64 well-mixed bits of the state's content, the same in every memo.
    fn fingerprint(&self, memo: &Self::Memo, state: &Self::State) -> u64;

    /// Returns the coverage bits that a state shows.
    fn coverage(&self, memo: &Self::Memo, state: &Self::State) -> u16;

    /// Whether the system makes progress from this state once all faults end.
    fn recovers(&self, _: &mut Self::Memo, _: &Self::State) -> Result<(), Self::Violation> {
        Ok(())
    }

    /// Describes an action in words.
    fn describe(&self, memo: &Self::Memo, action: Self::Action) -> String;

    /// Returns the traces of a path from the start; with `recovers`, also of the
    /// recovery after it.
    fn traces(&self, _: &mut Self::Memo, _path: &[Self::Action], _recovers: bool) -> Vec<Run> {
        Vec::new()
    }
}
