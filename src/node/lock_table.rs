//! Who of this process wants which lock: the callers stand in line, and what is
//! to be done for them is read off the line and the algorithm's state.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::delegation::{Delegation, Delegations};
use super::error::{Blocked, LockError};
use super::waiter::{Grant, QueuedWaiter};
use crate::engine::{StallReports, User};
use crate::mutex::{LockName, State, Token, Tokens};
use crate::protocol::Event;

/// How many locks are on loan at most: whoever uses more names than these wakes
/// the node for some.
const MAX_DELEGATED: usize = 256;

/// For how long no entries are lent after a peer has asked for the lock. It may be
/// about to ask again, and would find that one entry after another was made before
/// its own.
const CALM: Duration = Duration::from_millis(100);

/// Of how many locks it is remembered at most that a peer has asked.
const MAX_REMEMBERED: usize = 1024;

/// The callers of all locks.
#[derive(Debug, Default)]
pub(super) struct LockTable {
    queues: HashMap<LockName, WaitQueue>,
    /// Locks for which something may be to be done.
    dirty: VecDeque<LockName>,
    delegations: Arc<Delegations>,
    /// The locks on loan, the oldest first.
    delegated: BTreeMap<u64, LockName>,
    next_delegation: u64,
    /// When a peer last had to wait for us. It outlasts the line.
    wanted_elsewhere: HashMap<LockName, Instant>,
    entries: u64,
    /// No more calls are taken.
    is_closing: bool,
}

/// The callers of one lock. There is none for a lock that nobody here wants.
#[derive(Debug, Default)]
pub(super) struct WaitQueue {
    waiting: VecDeque<QueuedWaiter>,
    holder: Option<Holder>,
    /// The section was entered, and nobody was let in with this token yet.
    entered: Option<Token>,
    /// For the entries after that one.
    delegated: Option<Tokens>,
    /// Its place among the locks on loan.
    delegation_number: Option<u64>,
    /// It is on loan, and others need the room.
    is_recalled: bool,
    /// The holder's entry, for whoever asks.
    pub(super) since: Option<(Instant, Token)>,
    reports: StallReports,
}

#[derive(Debug)]
struct Holder {
    ticket: u64,
    delegation: Option<Arc<Delegation>>,
}

/// What is to be done next for a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, until something happens.
    Wait,
    /// Hand this kind of event to the algorithm.
    Acquire,
    /// As above.
    Cancel,
    /// As above.
    Release,
    /// As above: nobody else wants the lock, so it can be lent.
    Delegate,
    /// Let the first in line enter.
    Grant {
        /// The lock is lent with it.
        is_delegated: bool,
    },
}

impl Step {
    /// The event that it is, if it is one. So many entries are lent.
    pub(super) fn event(self, lock: &LockName, entries: u64) -> Option<Event> {
        let lock = lock.clone();
        match self {
            Step::Acquire => Some(Event::Acquire(lock)),
            Step::Cancel => Some(Event::Cancel(lock)),
            Step::Release => Some(Event::Release(lock)),
            Step::Delegate => Some(Event::Delegate { lock, entries }),
            Step::Wait | Step::Grant { .. } => None,
        }
    }
}

/// What the algorithm says of a lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct LockView<'a> {
    pub(super) state: &'a State,
    /// It will ask, as soon as it has heard all clocks.
    pub(super) is_wanted: bool,
    /// Peers wait for our reply.
    pub(super) is_wanted_elsewhere: bool,
    /// Whether entries may be lent.
    pub(super) may_delegate: bool,
}

impl LockTable {
    /// Lends to whoever has these.
    pub(super) fn new(delegations: Arc<Delegations>) -> Self {
        LockTable {
            delegations,
            ..LockTable::default()
        }
    }

    /// A caller stands in line.
    pub(super) fn ask(&mut self, queued: QueuedWaiter) {
        if self.is_closing {
            return queued.fail(LockError::Ended);
        }
        let lock = queued.call().lock.clone();
        let line = self.queues.entry(lock.clone()).or_default();
        if queued.call().is_try && line.ahead() > 0 && !line.is_idle_delegation() {
            let blocked = Blocked::Here {
                ahead: line.ahead(),
            };
            return queued.fail(LockError::TimedOut { lock, blocked });
        }
        line.waiting.push_back(queued);
        self.dirty.push_back(lock);
    }

    /// A caller waits no longer, for this reason; unless it was let in in the
    /// meantime.
    pub(super) fn cancel(&mut self, lock: &LockName, ticket: u64, why: LockError) {
        if let Some(line) = self.queues.get_mut(lock)
            && let Some(place) = line.place(ticket)
            && let Some(queued) = line.waiting.remove(place)
        {
            queued.fail(why);
            self.dirty.push_back(lock.clone());
        }
    }

    /// How many callers come before this one; none, if it is the first.
    pub(super) fn ahead(&self, lock: &LockName, ticket: u64) -> Option<usize> {
        let line = self.queues.get(lock)?;
        let ahead = line.place(ticket)? + usize::from(line.holder.is_some());
        (ahead > 0).then_some(ahead)
    }

    /// This caller is inside since an earlier run of the node.
    pub(super) fn resume(&mut self, lock: &LockName, ticket: u64, token: Token) {
        let line = self.queues.entry(lock.clone()).or_default();
        let delegation = None;
        line.holder = Some(Holder { ticket, delegation });
        line.since = Some((Instant::now(), token));
    }

    /// The holder has left.
    pub(super) fn leave(&mut self, lock: &LockName, ticket: u64) {
        if let Some(line) = self.queues.get_mut(lock) {
            line.holder.take_if(|holder| holder.ticket == ticket);
            self.dirty.push_back(lock.clone());
        }
    }

    /// Takes no more calls, and ends those that wait.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
        for (lock, line) in &mut self.queues {
            line.waiting.clear();
            self.dirty.push_back(lock.clone());
        }
    }

    /// Whether nobody here has a lock or waits for one, and nobody may ask.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closing && self.queues.is_empty()
    }

    /// Whether somebody is inside: whoever closes has to wait for him.
    pub(super) fn is_held(&self) -> bool {
        self.queues.values().any(|line| line.holder.is_some())
    }

    pub(super) fn next_dirty(&mut self) -> Option<LockName> {
        self.dirty.pop_front()
    }

    /// What is to be done next for this lock.
    pub(super) fn next_step(&mut self, lock: &LockName, view: LockView<'_>) -> Step {
        let Some(line) = self.queues.get_mut(lock) else {
            return Step::Wait;
        };
        line.is_recalled |= self.is_closing;
        let step = line.next_step(view, || {
            let wanted = self.wanted_elsewhere.get(lock);
            wanted.is_none_or(|at| at.elapsed() >= CALM)
        });
        if line.holder.is_none() {
            line.is_recalled = false;
            if let Some(delegation_number) = line.delegation_number.take() {
                self.delegated.remove(&delegation_number);
            }
            if step == Step::Release {
                self.delegations.remove(lock);
            }
        }
        if step == Step::Wait && line.is_empty() {
            self.queues.remove(lock);
        }
        step
    }

    /// Lets the first in line enter, who may have gone in the meantime.
    pub(super) fn grant(&mut self, lock: &LockName, is_delegated: bool) {
        let Some(line) = self.queues.get_mut(lock) else {
            return;
        };
        let Some(token) = line.entered.take() else {
            return;
        };
        let Some(queued) = line.waiting.pop_front() else {
            return;
        };
        let ticket = queued.call().ticket;
        let delegated = line.delegated.take();
        let delegation =
            is_delegated.then(|| Arc::new(Delegation::new(lock.clone(), ticket, delegated)));
        if let Some(delegation) = &delegation {
            self.delegations.add(Arc::clone(delegation));
        }
        let granted = queued.grant(Grant {
            token,
            delegation: delegation.clone(),
        });
        if granted.is_ok() {
            line.holder = Some(Holder { ticket, delegation });
            line.since = Some((Instant::now(), token));
            self.entries += 1;
            if is_delegated {
                line.delegation_number = Some(self.next_delegation);
                self.delegated.insert(self.next_delegation, lock.clone());
                self.next_delegation += 1;
                self.recall_oldest();
            }
        } else {
            // The token is the next one's.
            self.delegations.remove(lock);
            line.entered = Some(token);
        }
    }

    /// Calls the oldest loan in, if there are too many.
    fn recall_oldest(&mut self) {
        if self.delegated.len() > MAX_DELEGATED
            && let Some((_, oldest)) = self.delegated.pop_first()
            && let Some(line) = self.queues.get_mut(&oldest)
        {
            line.is_recalled = true;
            self.dirty.push_back(oldest);
        }
    }

    /// A peer has to wait for us.
    fn remember_wanted(&mut self, lock: &LockName) {
        let wanted = &mut self.wanted_elsewhere;
        if wanted.len() >= MAX_REMEMBERED {
            wanted.retain(|_, at| at.elapsed() < CALM);
            if wanted.len() >= MAX_REMEMBERED {
                wanted.clear();
            }
        }
        wanted.insert(lock.clone(), Instant::now());
    }

    /// The algorithm will not have it: all callers of this lock are told.
    pub(super) fn refuse(&mut self, lock: &LockName, why: crate::mutex::Rejected) {
        if let Some(line) = self.queues.get_mut(lock) {
            for queued in line.waiting.drain(..) {
                let lock = lock.clone();
                queued.fail(LockError::Refused { lock, why });
            }
            self.dirty.push_back(lock.clone());
        }
    }

    /// The locks that somebody here has or wants.
    pub(super) fn queues(&mut self) -> impl Iterator<Item = (&LockName, &mut WaitQueue)> {
        self.queues.iter_mut()
    }

    /// One of them.
    pub(super) fn line(&self, lock: &LockName) -> Option<&WaitQueue> {
        self.queues.get(lock)
    }

    /// How often anybody here was let in by the node.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Whether anybody waits, so that word of whom for may become due.
    pub(super) fn is_anybody_waiting(&self) -> bool {
        self.queues.values().any(|line| !line.waiting.is_empty())
    }
}

impl WaitQueue {
    /// How many come before one who asks now.
    fn ahead(&self) -> usize {
        self.waiting.len() + usize::from(self.holder.is_some())
    }

    /// Where a caller stands who waits.
    fn place(&self, ticket: u64) -> Option<usize> {
        let is_it = |queued: &QueuedWaiter| queued.call().ticket == ticket;
        self.waiting.iter().position(is_it)
    }

    /// Whether the holder is the lease alone, and nobody is inside.
    fn is_idle_delegation(&mut self) -> bool {
        self.waiting.is_empty() && self.recall()
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.holder.is_none() && self.entered.is_none()
    }

    /// The tickets of those who wait, in order.
    pub(super) fn tickets(&self) -> Vec<u64> {
        self.waiting.iter().map(|it| it.call().ticket).collect()
    }

    /// Whether it is lent to this process.
    pub(super) fn is_delegated_here(&self) -> bool {
        let holder = self.holder.as_ref();
        holder.is_some_and(|holder| holder.delegation.is_some())
    }

    /// The ticket of whoever is inside.
    pub(super) fn holder(&self) -> Option<u64> {
        self.holder.as_ref().map(|holder| holder.ticket)
    }

    /// Word of who keeps the line waiting, when it is due.
    pub(super) fn reports(&mut self) -> &mut StallReports {
        &mut self.reports
    }

    /// Wants the lease back, if there is one. Whether nobody is inside any more.
    fn recall(&mut self) -> bool {
        let is_back = |holder: &mut Holder| holder.delegation.as_ref().is_some_and(|l| l.recall());
        self.holder.take_if(is_back);
        self.holder.is_none()
    }

    fn next_step(&mut self, view: LockView<'_>, is_calm: impl Fn() -> bool) -> Step {
        let is_wanted_here = !self.waiting.is_empty();
        match view.state {
            State::Free if is_wanted_here && !view.is_wanted => Step::Acquire,
            State::Free if !is_wanted_here && view.is_wanted => Step::Cancel,
            State::Wait { .. } if !is_wanted_here => Step::Cancel,
            State::Free | State::Wait { .. } => Step::Wait,
            State::Held { .. } if self.holder.is_some() => {
                let is_wanted = is_wanted_here || view.is_wanted_elsewhere;
                let must_leave = is_wanted || self.is_recalled;
                if must_leave && self.recall() {
                    Step::Release
                } else {
                    Step::Wait
                }
            }
            State::Held { .. } => match self.entered {
                Some(_) if is_wanted_here => {
                    let is_alone = self.waiting.len() == 1 && !view.is_wanted_elsewhere;
                    let is_delegated = view.may_delegate && is_alone;
                    // If no entries are lent, leaving still is.
                    if is_delegated && self.delegated.is_none() && is_calm() {
                        Step::Delegate
                    } else {
                        Step::Grant { is_delegated }
                    }
                }
                _ => {
                    (self.entered, self.delegated) = (None, None);
                    Step::Release
                }
            },
        }
    }
}

impl User for LockTable {
    fn entered(&mut self, lock: &LockName, token: Token) {
        let line = self.queues.entry(lock.clone()).or_default();
        (line.entered, line.delegated) = (Some(token), None);
        self.dirty.push_back(lock.clone());
    }

    fn left(&mut self, lock: &LockName, _clock: u64) {
        if let Some(line) = self.queues.get_mut(lock) {
            (line.entered, line.delegated, line.since) = (None, None, None);
        }
    }

    fn delegated(&mut self, lock: &LockName, tokens: Tokens) {
        if let Some(line) = self.queues.get_mut(lock) {
            line.delegated = Some(tokens);
        }
    }

    fn contended(&mut self, lock: &LockName) {
        if self.queues.contains_key(lock) {
            self.dirty.push_back(lock.clone());
            self.remember_wanted(lock);
        }
    }
}

#[cfg(test)]
mod tests;
