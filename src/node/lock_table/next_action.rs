//! What the lock table decides about a lock, and from what.

use crate::mutex::{Mode, State};

/// What the node does next for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::node) enum NextAction {
    /// Nothing, until something happens.
    Wait,
    /// Hand this kind of event to the algorithm.
    Acquire(Mode),
    /// As above.
    Try(Mode),
    /// As above.
    Cancel,
    /// As above.
    Release,
    /// As above: the lock is delegated, and no caller is in the section.
    Return,
    /// As above: the holder stays.
    Deny,
    /// As above: no other caller or peer wants the lock, so it can be delegated.
    Delegate,
    /// End the first waiter's try: another caller or member comes first.
    Refuse,
    /// Grant the lock to the first waiter.
    Grant {
        /// Delegate the lock with it.
        is_delegated: bool,
    },
}

/// What the algorithm knows of a lock.
#[derive(Clone, Copy, Debug)]
pub(in crate::node) struct LockView<'a> {
    pub(in crate::node) state: &'a State,
    /// The lock is FREE, but already requested: the request is made when all clocks are
    /// known.
    pub(in crate::node) is_awaiting_sync: bool,
    /// Peers wait for this member's reply.
    pub(in crate::node) is_contended: bool,
    /// Some of them wait for this member to leave, and may be refused.
    pub(in crate::node) has_deferred_tries: bool,
    /// Whether what is left of the lease is enough for one more caller.
    pub(in crate::node) is_lease_enough: bool,
    /// Whether entries may be delegated.
    pub(in crate::node) may_delegate: bool,
}
