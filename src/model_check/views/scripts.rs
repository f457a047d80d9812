//! The beginnings of long paths, as [`Action`](super::action::Action) describes each step.

/// Member 1 has all permissions of the first view but one.
pub(super) const WAITING: &[&str] = &[
    "1 requests the lock",
    "req<2,1> of view 0.0 arrives at 2",
    "req<2,1> of view 0.0 arrives at 3",
    "reply<3,2> of view 0.0 arrives at 1",
];

/// Then it enters.
pub(super) const ENTERING: &[&str] = &["reply<3,3> of view 0.0 arrives at 1"];

/// Then it leaves, and keeps the permissions.
pub(super) const LEAVING: &[&str] = &["1 leaves the section"];

/// The others do not acknowledge its beats any more.
pub(super) const CUT_OFF: &[&str] = &[
    "what 2 acknowledged to 1 ends",
    "what 3 acknowledged to 1 ends",
];

/// They go on without it.
pub(super) const TAKEOVER: &[&str] = &[
    "2 proposes 1.2 [2, 3]",
    "the proposal 1.2 [2, 3] arrives at 3",
    "vote 1.2 of 3 arrives at 2",
    "decision 1.2 of 1 arrives at 3",
];

/// A view that lacks one vote as one of its voters votes for a later one, in which member
/// 1 holds the lock.
pub(super) const LATE_DECISION: &[&str] = &[
    "what 3 acknowledged to 1 ends",
    "3 proposes 1.3 [2, 3]",
    "1 proposes 2.1 [1, 2, 3]",
    "the proposal 2.1 [1, 2, 3] arrives at 3",
    "vote 2.1 of 3 arrives at 1",
    "a beat of run 101 of 1, view 2.1, below 301, arrives at 3",
    "what 2 acknowledged to 1 ends",
    "the proposal 1.3 [2, 3] arrives at 2",
];

/// With that.
pub(super) const LATE_VOTE: &[&str] = &["vote 1.3 of 2 arrives at 3"];

/// Member 1 leaves and comes back. The others acknowledge a beat of the new run.
pub(super) const BACK: &[&str] = &[
    "1 leaves the group and comes back",
    "a beat of run 102 of 1, view 0.0, below 301, arrives at 2",
    "a beat of run 102 of 1, view 0.0, below 301, arrives at 3",
];

/// After that, an old beat of the run that has left.
pub(super) const OLD_BEAT: &[&str] = &[
    "a beat of run 101 of 1, view 0.0, below 151, arrives at 2",
    "a beat of run 101 of 1, view 0.0, below 151, arrives at 3",
];

/// Then the new run enters.
pub(super) const HOLDING_AGAIN: &[&str] = &[
    "1 requests the lock",
    "req<152,1> of view 0.0 arrives at 2",
    "req<152,1> of view 0.0 arrives at 3",
    "reply<153,2> of view 0.0 arrives at 1",
    "reply<153,3> of view 0.0 arrives at 1",
];

/// In the view of the takeover member 2 enters.
pub(super) const SECOND_ENTRY: &[&str] = &[
    "2 requests the lock",
    "req<152,2> of view 1.2 arrives at 3",
    "reply<153,3> of view 1.2 arrives at 2",
];

/// The requests and replies of five, in which member 2 has restarted: its clock is far
/// ahead, and it tells that to member 1 alone.
pub(super) const CLOCK_OF_ANOTHER: &[&str] = &[
    "2 restarts",
    "1 requests the lock",
    "req<2,1> of view 0.0 arrives at 2",
    "req<2,1> of view 0.0 arrives at 3",
    "req<2,1> of view 0.0 arrives at 4",
    "req<2,1> of view 0.0 arrives at 5",
    "reply<152,2> of view 0.0 arrives at 1",
    "reply<3,3> of view 0.0 arrives at 1",
    "reply<3,4> of view 0.0 arrives at 1",
];

/// Members 3 and 4 acknowledge the bound of member 1, and so a majority has.
pub(super) const ACKNOWLEDGED: &[&str] = &[
    "a beat of run 101 of 1, view 0.0, below 303, arrives at 3",
    "a beat of run 101 of 1, view 0.0, below 303, arrives at 4",
];

/// Member 1 has all permissions of five.
pub(super) const LAST_REPLY: &[&str] = &["reply<3,5> of view 0.0 arrives at 1"];

/// Members 3, 4 and 5 go on without the others.
pub(super) const TAKEOVER_OF_FIVE: &[&str] = &[
    "what 3 acknowledged to 1 ends",
    "what 4 acknowledged to 1 ends",
    "what 5 acknowledged to 1 ends",
    "what 3 acknowledged to 2 ends",
    "what 4 acknowledged to 2 ends",
    "what 5 acknowledged to 2 ends",
    "3 proposes 1.3 [3, 4, 5]",
    "the proposal 1.3 [3, 4, 5] arrives at 4",
    "vote 1.3 of 4 arrives at 3",
    "the proposal 1.3 [3, 4, 5] arrives at 5",
    "vote 1.3 of 5 arrives at 3",
];

/// A holder gets tokens five times: they use up what a majority has noted.
pub(super) const DELEGATING: &[&str] = &["1 delegates tokens"; 5];
