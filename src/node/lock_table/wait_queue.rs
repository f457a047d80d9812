//! The callers of one lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::next_action::{LockView, NextAction};
use crate::engine::StallReports;
use crate::mutex::{State, Token, Tokens};
use crate::node::delegation::Delegation;
use crate::node::error::Blocked;
use crate::node::waiter::{Caller, QueuedWaiter};

/// The callers of one lock. A lock that no caller has or wants has no queue.
#[derive(Debug, Default)]
pub(in crate::node) struct WaitQueue {
    pub(super) waiting: VecDeque<QueuedWaiter>,
    pub(super) holder: Option<Holder>,
    /// The node has entered with this token, and no caller has it yet.
    pub(super) entered: Option<Token>,
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

/// The caller in the section.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) caller: Caller,
    pub(super) delegation: Option<Arc<Delegation>>,
}

impl WaitQueue {
    /// What stands before a caller that asks now, or that has this place among the
    /// waiters. `None`: it is the first.
    pub(super) fn blocked(&self, place: usize) -> Option<Blocked> {
        let holder = self.holder.as_ref().map(|holder| &holder.caller);
        let mut waiting = self.waiting.iter().map(QueuedWaiter::caller);
        let ahead = place + usize::from(holder.is_some());
        let first = holder.or_else(|| waiting.next());
        (ahead > 0).then(|| Blocked::Local {
            ahead,
            first: first.and_then(|caller| caller.description.as_deref().map(str::to_owned)),
        })
    }

    /// The caller with this ticket, which holds the lock or waits for it.
    pub(super) fn caller(&self, ticket: u64) -> Option<&Caller> {
        let holder = self.holder.iter().map(|holder| &holder.caller);
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
        self.waiting.is_empty() && self.holder.is_none() && self.entered.is_none()
    }

    /// The tickets of the waiters, in order.
    pub(in crate::node) fn tickets(&self) -> Vec<u64> {
        let callers = self.waiting.iter().map(QueuedWaiter::caller);
        callers.map(|caller| caller.ticket).collect()
    }

    /// Whether the lock is delegated to this process.
    pub(in crate::node) fn is_delegated(&self) -> bool {
        let holder = self.holder.as_ref();
        holder.is_some_and(|holder| holder.delegation.is_some())
    }

    /// The ticket of the holder.
    pub(in crate::node) fn holder(&self) -> Option<u64> {
        self.holder.as_ref().map(|holder| holder.caller.ticket)
    }

    /// Recalls the delegation, if there is one. Whether the section is empty now.
    fn recall(&mut self) -> bool {
        let is_returned = |holder: &mut Holder| {
            let delegation = holder.delegation.as_ref();
            delegation.is_some_and(|delegation| delegation.recall())
        };
        self.holder.take_if(is_returned);
        self.holder.is_none()
    }

    /// `is_calm`: no peer has asked lately.
    pub(super) fn next_action(
        &mut self,
        view: LockView<'_>,
        is_calm: impl Fn() -> bool,
    ) -> NextAction {
        let is_wanted = !self.waiting.is_empty();
        match view.state {
            State::Free if is_wanted && !view.is_awaiting_sync => match self.is_first_a_try() {
                true => NextAction::Try,
                false => NextAction::Acquire,
            },
            State::Free if !is_wanted && view.is_awaiting_sync => NextAction::Cancel,
            State::Wait { .. } if !is_wanted => NextAction::Cancel,
            // The request was made for a caller that has gone.
            State::Wait { is_try, .. } if *is_try != self.is_first_a_try() => NextAction::Cancel,
            State::Free | State::Wait { .. } => NextAction::Wait,
            State::Held { .. } if self.holder.is_some() => {
                let must_leave = is_wanted || view.is_contended || self.is_recalled;
                if must_leave && self.recall() {
                    NextAction::Return
                } else if view.has_deferred_tries {
                    NextAction::Deny
                } else {
                    NextAction::Wait
                }
            }
            State::Held { .. } if self.entered.is_some() && is_wanted => {
                let is_alone = self.waiting.len() == 1 && !view.is_contended;
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
