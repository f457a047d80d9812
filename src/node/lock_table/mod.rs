//! Which callers of this process have or want which lock. What is to be done next for
//! a lock follows from its queue and the algorithm's state.

mod next_action;
mod wait_queue;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::delegation::{Delegation, Delegations};
use super::error::{Blocked, LockError};
use super::waiter::{Caller, Grant, QueuedWaiter};
use crate::engine::User;
use crate::mutex::{First, LockName, NodeId, Rejected, Token, Tokens};
pub(super) use next_action::{LockView, NextAction};
use wait_queue::Holder;
pub(super) use wait_queue::WaitQueue;

/// How many locks are delegated at most: a process that uses more names wakes the
/// node for some.
const MAX_DELEGATED: usize = 256;

/// How long no entries are delegated after a peer has asked for the lock. The peer may
/// be about to ask again, and would find entry after entry made before its own.
const CALM: Duration = Duration::from_millis(100);

/// For how many locks it is remembered that a peer has asked.
const MAX_CONTENDED: usize = 1024;

/// The callers of all locks.
#[derive(Debug, Default)]
pub(super) struct LockTable {
    queues: HashMap<LockName, WaitQueue>,
    /// Locks for which something may be to be done.
    dirty: VecDeque<LockName>,
    delegations: Arc<Delegations>,
    /// The delegated locks, the oldest first.
    delegated: BTreeMap<u64, LockName>,
    next_delegation: u64,
    /// When a peer last had to wait for this member. It outlives the queue.
    contended: HashMap<LockName, Instant>,
    entries: u64,
    /// The tries that have ended, since another caller or member comes first. Their callers
    /// have not been told yet.
    refused: VecDeque<RefusedTry>,
    /// New callers are refused.
    is_closing: bool,
}

/// A try that has ended.
#[derive(Debug)]
pub(super) struct RefusedTry {
    pub(super) queued: QueuedWaiter,
    pub(super) first: FirstCaller,
}

/// What comes before a try.
#[derive(Debug)]
pub(super) enum FirstCaller {
    /// Callers of this node.
    Local(Blocked),
    /// Another member.
    Member(NodeId, First),
    /// The view has changed, and a member may have entered in the one before.
    Unknown,
}

impl LockTable {
    pub(super) fn new(delegations: Arc<Delegations>) -> Self {
        LockTable {
            delegations,
            ..LockTable::default()
        }
    }

    /// Queues a caller.
    pub(super) fn ask(&mut self, queued: QueuedWaiter) {
        if self.is_closing {
            return queued.fail(LockError::Ended);
        }
        let lock = queued.caller().lock.clone();
        let queue = self.queues.entry(lock.clone()).or_default();
        if queued.caller().is_try
            && let Some(blocked) = queue.blocked(queue.waiting.len())
            && !queue.may_join(queued.caller().mode)
            && !queue.reclaim()
        {
            let first = FirstCaller::Local(blocked);
            return self.refused.push_back(RefusedTry { queued, first });
        }
        queue.waiting.push_back(queued);
        self.dirty.push_back(lock);
    }

    /// A caller withdraws its request, unless it was granted meanwhile.
    pub(super) fn cancel(&mut self, lock: &LockName, ticket: u64, error: LockError) {
        if let Some(queue) = self.queues.get_mut(lock)
            && let Some(place) = queue.place(ticket)
            && let Some(queued) = queue.waiting.remove(place)
        {
            queued.fail(error);
            self.dirty.push_back(lock.clone());
        }
    }

    /// How long this caller has waited. `None`: it does not wait.
    pub(super) fn waited(&self, lock: &LockName, ticket: u64) -> Option<Duration> {
        let queue = self.queues.get(lock)?;
        Some(queue.waiting.get(queue.place(ticket)?)?.waited())
    }

    /// What this caller, which holds the lock or waits for it, says of itself.
    pub(super) fn description(&self, lock: &LockName, ticket: u64) -> Option<String> {
        let caller = self.queues.get(lock)?.caller(ticket)?;
        caller.description.as_deref().map(str::to_owned)
    }

    /// Whether this caller has the lock, or wants it, in shared mode.
    pub(super) fn is_shared(&self, lock: &LockName, ticket: u64) -> bool {
        let queue = self.queues.get(lock);
        let caller = queue.and_then(|queue| queue.caller(ticket));
        caller.is_some_and(|caller| caller.mode.is_shared())
    }

    /// Whether a caller waits for this lock.
    pub(super) fn is_wanted(&self, lock: &LockName) -> bool {
        let queue = self.queues.get(lock);
        queue.is_some_and(|queue| !queue.waiting.is_empty())
    }

    /// Whether there is a try that has ended and whose caller is to be told.
    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    /// A try that has ended and whose caller is to be told.
    pub(super) fn next_refused(&mut self) -> Option<RefusedTry> {
        self.refused.pop_front()
    }

    /// The callers of this node that come before this one. `None`: it is the first.
    pub(super) fn blocked(&self, lock: &LockName, ticket: u64) -> Option<Blocked> {
        let queue = self.queues.get(lock)?;
        queue.blocked(queue.place(ticket)?)
    }

    /// This caller entered in an earlier run of the node, and is still in the section.
    pub(super) fn resume(&mut self, caller: Caller, token: Token) {
        let queue = self.queues.entry(caller.lock.clone()).or_default();
        let (delegation, since) = (None, Instant::now());
        queue.holders.push(Holder {
            caller,
            delegation,
            since,
        });
        // Callers that shared an entry may have several tokens: the largest is the node's.
        let token = queue.since.map_or(token, |(_, other)| token.max(other));
        queue.since = Some((since, token));
    }

    /// The holder has left.
    pub(super) fn leave(&mut self, lock: &LockName, ticket: u64) {
        if let Some(queue) = self.queues.get_mut(lock) {
            queue
                .holders
                .retain(|holder| holder.caller.ticket != ticket);
            self.dirty.push_back(lock.clone());
        }
    }

    /// Refuses new callers, and ends those that wait.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
        for (lock, queue) in &mut self.queues {
            queue.waiting.clear();
            self.dirty.push_back(lock.clone());
        }
    }

    /// The try of the first waiter ends: a caller of this node has the lock, and another
    /// member waits.
    pub(super) fn refuse_first(&mut self, lock: &LockName) {
        if let Some(queue) = self.queues.get_mut(lock)
            && let Some(queued) = queue.waiting.pop_front()
        {
            let blocked = queue.blocked(0);
            let first = blocked.map_or(FirstCaller::Unknown, FirstCaller::Local);
            self.refused.push_back(RefusedTry { queued, first });
        }
    }

    /// Whether it was closed and no caller has a lock or waits for one.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closing && self.queues.is_empty()
    }

    /// Whether a caller is in a section: to close, the node waits for it.
    pub(super) fn is_held(&self) -> bool {
        self.queues.values().any(|queue| !queue.holders.is_empty())
    }

    pub(super) fn next_dirty(&mut self) -> Option<LockName> {
        self.dirty.pop_front()
    }

    /// What is to be done next for this lock.
    pub(super) fn next_action(&mut self, lock: &LockName, view: LockView<'_>) -> NextAction {
        let Some(queue) = self.queues.get_mut(lock) else {
            return NextAction::Wait;
        };
        queue.is_recalled |= self.is_closing;
        let action = queue.next_action(view, || {
            let contended = self.contended.get(lock);
            contended.is_none_or(|at| at.elapsed() >= CALM)
        });
        if queue.holders.is_empty() {
            queue.is_recalled = false;
            if let Some(number) = queue.delegation_number.take() {
                self.delegated.remove(&number);
            }
            if matches!(action, NextAction::Release | NextAction::Return) {
                self.delegations.remove(lock);
            }
        }
        if action == NextAction::Wait && queue.is_empty() {
            self.queues.remove(lock);
        }
        action
    }

    /// Grants the lock to the first waiter, which may have gone meanwhile.
    pub(super) fn grant(&mut self, lock: &LockName, is_delegated: bool) {
        let Some(queue) = self.queues.get_mut(lock) else {
            return;
        };
        // A caller that joins others in a shared entry has the same token.
        let joined = queue.since.filter(|_| !queue.holders.is_empty());
        let Some(token) = queue.entered.take().or(joined.map(|(_, token)| token)) else {
            return;
        };
        let Some(queued) = queue.waiting.pop_front() else {
            return;
        };
        queue.invited = queue.invited.saturating_sub(1);
        let caller = queued.caller().clone();
        let tokens = queue.tokens.take();
        let epoch = self.delegations.lease.epoch();
        let delegation =
            is_delegated.then(|| Arc::new(Delegation::new(caller.clone(), tokens, epoch)));
        if let Some(delegation) = &delegation {
            self.delegations.add(Arc::clone(delegation));
        }
        let granted = queued.grant(Grant {
            token,
            delegation: delegation.clone(),
            epoch,
        });
        if granted.is_err() {
            if queue.holders.is_empty() {
                // The next waiter gets the token.
                self.delegations.remove(lock);
                queue.entered = Some(token);
            }
            return;
        }
        let since = Instant::now();
        queue.holders.push(Holder {
            caller,
            delegation,
            since,
        });
        if joined.is_none() {
            queue.since = Some((since, token));
        }
        self.entries += 1;
        if is_delegated {
            queue.delegation_number = Some(self.next_delegation);
            self.delegated.insert(self.next_delegation, lock.clone());
            self.next_delegation += 1;
            self.recall_oldest();
        }
    }

    /// Recalls the oldest delegation if there are too many.
    fn recall_oldest(&mut self) {
        if self.delegated.len() > MAX_DELEGATED
            && let Some((_, oldest)) = self.delegated.pop_first()
            && let Some(queue) = self.queues.get_mut(&oldest)
        {
            queue.is_recalled = true;
            self.dirty.push_back(oldest);
        }
    }

    fn remember_contended(&mut self, lock: &LockName) {
        let contended = &mut self.contended;
        if contended.len() >= MAX_CONTENDED {
            contended.retain(|_, at| at.elapsed() < CALM);
            if contended.len() >= MAX_CONTENDED {
                contended.clear();
            }
        }
        contended.insert(lock.clone(), Instant::now());
    }

    /// The algorithm refuses: every waiter of this lock gets the reason.
    pub(super) fn refuse(&mut self, lock: &LockName, rejected: Rejected) {
        if let Some(queue) = self.queues.get_mut(lock) {
            for queued in queue.waiting.drain(..) {
                queued.fail(LockError::Refused {
                    lock: lock.clone(),
                    reason: rejected.to_string(),
                });
            }
            self.dirty.push_back(lock.clone());
        }
    }

    /// The locks that a caller has or wants.
    pub(super) fn queues(&mut self) -> impl Iterator<Item = (&LockName, &mut WaitQueue)> {
        self.queues.iter_mut()
    }

    /// The callers of one lock.
    pub(super) fn queue(&self, lock: &LockName) -> Option<&WaitQueue> {
        self.queues.get(lock)
    }

    /// How many callers the node has granted a lock so far.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Whether a caller waits, so that a report may become due.
    pub(super) fn has_waiters(&self) -> bool {
        self.queues.values().any(|queue| !queue.waiting.is_empty())
    }
}

impl User for LockTable {
    fn entered(&mut self, lock: &LockName, token: Token) {
        let queue = self.queues.entry(lock.clone()).or_default();
        (queue.entered, queue.tokens) = (Some(token), None);
        queue.invited = queue.sharing();
        self.dirty.push_back(lock.clone());
    }

    fn left(&mut self, lock: &LockName, _clock: u64) {
        if let Some(queue) = self.queues.get_mut(lock) {
            (queue.entered, queue.tokens, queue.since) = (None, None, None);
        }
    }

    fn delegated(&mut self, lock: &LockName, tokens: Tokens) {
        if let Some(queue) = self.queues.get_mut(lock) {
            queue.tokens = Some(tokens);
        }
    }

    /// Guards see it by the lease. A caller that leaves tells the node, which then leaves
    /// too; an entry that no caller has yet is given up.
    fn lost(&mut self, lock: &LockName) {
        self.delegations.lease.lapse();
        if let Some(queue) = self.queues.get_mut(lock) {
            (queue.entered, queue.tokens) = (None, None);
            queue.is_recalled = true;
            self.dirty.push_back(lock.clone());
        }
    }

    fn refused(&mut self, lock: &LockName, first: Option<(NodeId, First)>) {
        if let Some(queue) = self.queues.get_mut(lock)
            && queue.is_first_a_try()
            && let Some(queued) = queue.waiting.pop_front()
        {
            let first = first.map_or(FirstCaller::Unknown, |(id, first)| {
                FirstCaller::Member(id, first)
            });
            self.refused.push_back(RefusedTry { queued, first });
            self.dirty.push_back(lock.clone());
        }
    }

    fn contended(&mut self, lock: &LockName) {
        if self.queues.contains_key(lock) {
            self.dirty.push_back(lock.clone());
            self.remember_contended(lock);
        }
    }
}

#[cfg(test)]
mod tests;
