//! The callers of one lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::next_action::{LockView, NextAction};
use crate::engine::StallReports;
use crate::mutex::{Mode, State, Token, Tokens};
use crate::node::delegation::Delegation;
use crate::node::error::Blocked;
use crate::node::waiter::{Caller, QueuedWaiter};

/// The callers of one lock. A lock that no caller has or wants has no queue.
#[derive(Debug, Default)]
pub(in crate::node) struct WaitQueue {
    pub(super) waiting: VecDeque<QueuedWaiter>,
    /// One, or several in shared mode, the first to enter first.
    pub(super) holders: Vec<Holder>,
    /// The node has entered with this token, and no caller has it yet.
    pub(super) entered: Option<Token>,
    /// How many of the first waiters had asked for a shared entry as the node entered in
    /// shared mode: they enter though a peer has begun to wait since.
    pub(super) invited: usize,
    /// Tokens for the entries after that one.
    pub(super) tokens: Option<Tokens>,
    /// Its number among the delegated locks.
    pub(super) delegation_number: Option<u64>,
    /// It is delegated, and must be returned.
    pub(super) is_recalled: bool,
    /// When the present stay in the section began, and its token.
    pub(in crate::node) since: Option<(Instant, Token)>,
    pub(in crate::node) reports: StallReports,
}

/// A caller in the section.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) caller: Caller,
    pub(super) delegation: Option<Arc<Delegation>>,
    pub(super) since: Instant,
}

impl WaitQueue {
    /// What stands before a caller that asks now, or that has this place among the
    /// waiters. `None`: it is the first.
    pub(super) fn blocked(&self, place: usize) -> Option<Blocked> {
        let holder = self.holders.first().map(|holder| &holder.caller);
        let mut waiting = self.waiting.iter().map(QueuedWaiter::caller);
        let ahead = place + self.holders.len();
        let first = holder.or_else(|| waiting.next());
        (ahead > 0).then(|| Blocked::Local {
            ahead,
            first: first.and_then(|caller| caller.description.as_deref().map(str::to_owned)),
        })
    }

    /// The caller with this ticket, which holds the lock or waits for it.
    pub(super) fn caller(&self, ticket: u64) -> Option<&Caller> {
        let holder = self.holders.iter().map(|holder| &holder.caller);
        let mut callers = holder.chain(self.waiting.iter().map(QueuedWaiter::caller));
        callers.find(|caller| caller.ticket == ticket)
    }

    /// Whether the first waiter is a try.
    pub(super) fn is_first_a_try(&self) -> bool {
        let first = self.waiting.front();
        first.is_some_and(|queued| queued.caller().is_try)
    }

    /// The place of a caller among the waiters.
    pub(super) fn place(&self, ticket: u64) -> Option<usize> {
        let has_ticket = |queued: &QueuedWaiter| queued.caller().ticket == ticket;
        self.waiting.iter().position(has_ticket)
    }

    /// Takes an unused delegation back. Whether the lock is free for a new caller.
    pub(super) fn reclaim(&mut self) -> bool {
        self.waiting.is_empty() && self.recall()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.holders.is_empty() && self.entered.is_none()
    }

    /// The tickets of the waiters, in order.
    pub(in crate::node) fn tickets(&self) -> Vec<u64> {
        let callers = self.waiting.iter().map(QueuedWaiter::caller);
        callers.map(|caller| caller.ticket).collect()
    }

    /// Whether the lock is delegated to this process.
    pub(in crate::node) fn is_delegated(&self) -> bool {
        let mut holders = self.holders.iter();
        holders.any(|holder| holder.delegation.is_some())
    }

    /// The holders' tickets, the first to enter first, each with when it entered.
    pub(in crate::node) fn holders(&self) -> impl Iterator<Item = (u64, Instant)> {
        let holders = self.holders.iter();
        holders.map(|holder| (holder.caller.ticket, holder.since))
    }

    /// Whether a caller that asks now, in this mode, can enter beside the holders.
    pub(super) fn may_join(&self, mode: Mode) -> bool {
        let mut holders = self.holders.iter();
        mode.is_shared()
            && !self.is_recalled
            && self.waiting.is_empty()
            && holders.all(|holder| holder.caller.mode.is_shared())
    }

    /// How many of the first waiters want a shared entry.
    pub(super) fn sharing(&self) -> usize {
        let waiting = self.waiting.iter();
        let sharing = waiting.take_while(|queued| queued.caller().mode.is_shared());
        sharing.count()
    }

    /// The mode that the first waiter wants.
    fn wanted(&self) -> Option<Mode> {
        self.waiting.front().map(|queued| queued.caller().mode)
    }

    /// Recalls the delegation, if there is one. Whether the section is empty now.
    fn recall(&mut self) -> bool {
        let is_returned = |holder: &mut Holder| {
            let delegation = holder.delegation.as_ref();
            delegation.is_some_and(|delegation| delegation.recall())
        };
        self.holders.retain_mut(|holder| !is_returned(holder));
        self.holders.is_empty()
    }

    /// Grants the first waiter a shared entry beside those that there are. While a member
    /// waits that wants the lock for itself, only those enter that had asked as the node did.
    fn admit(&mut self, view: LockView<'_>) -> NextAction {
        let may_enter = self.invited > 0 || !view.is_contended;
        if may_enter && !self.is_recalled && view.is_lease_enough {
            let is_delegated = false;
            NextAction::Grant { is_delegated }
        } else if self.is_first_a_try() {
            NextAction::Refuse
        } else if view.has_deferred_tries {
            NextAction::Deny
        } else {
            NextAction::Wait
        }
    }

    /// `is_calm`: no peer has asked lately.
    pub(super) fn next_action(
        &mut self,
        view: LockView<'_>,
        is_calm: impl Fn() -> bool,
    ) -> NextAction {
        let wanted = self.wanted();
        let is_wanted = wanted.is_some();
        match view.state {
            State::Free
                if !view.is_awaiting_sync
                    && let Some(mode) = wanted =>
            {
                match self.is_first_a_try() {
                    true => NextAction::Try(mode),
                    false => NextAction::Acquire(mode),
                }
            }
            State::Free if !is_wanted && view.is_awaiting_sync => NextAction::Cancel,
            State::Wait { .. } if !is_wanted => NextAction::Cancel,
            // The request was made for a caller that has gone.
            State::Wait { is_try, mode, .. }
                if *is_try != self.is_first_a_try() || Some(*mode) != wanted =>
            {
                NextAction::Cancel
            }
            State::Free | State::Wait { .. } => NextAction::Wait,
            State::Held { mode, .. }
                if mode.is_shared() && wanted == Some(Mode::Shared) && !self.holders.is_empty() =>
            {
                self.admit(view)
            }
            State::Held { .. } if !self.holders.is_empty() => {
                let must_leave = is_wanted || view.is_contended || self.is_recalled;
                if must_leave && self.recall() {
                    NextAction::Return
                } else if view.has_deferred_tries {
                    NextAction::Deny
                } else {
                    NextAction::Wait
                }
            }
            // A caller of the other mode has the node ask again.
            State::Held { mode, .. } if self.entered.is_some() && wanted == Some(*mode) => {
                let is_alone =
                    *mode == Mode::Exclusive && self.waiting.len() == 1 && !view.is_contended;
                let is_delegated = view.may_delegate && is_alone;
                // Without tokens the holder can still leave without the node's thread.
                if is_delegated && self.tokens.is_none() && is_calm() {
                    NextAction::Delegate
                } else {
                    NextAction::Grant { is_delegated }
                }
            }
            State::Held { .. } => {
                (self.entered, self.tokens) = (None, None);
                NextAction::Release
            }
        }
    }
}
