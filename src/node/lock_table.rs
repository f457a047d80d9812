//! Who of this process wants which lock: the callers stand in line, and what is
//! to be done for them is read off the line and the algorithm's state.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::delegation::{Lease, Loans};
use super::error::{Blocked, LockError};
use super::waiter::{Asked, Grant};
use crate::engine::{Reports, User};
use crate::mutex::{LockName, State, Token, Tokens};
use crate::protocol::Event;

/// How many locks are on loan at most: whoever uses more names than these wakes
/// the node for some.
const MOST_LENT: usize = 256;

/// For how long no entries are lent after a peer has asked for the lock. It may be
/// about to ask again, and would find that one entry after another was made before
/// its own.
const CALM: Duration = Duration::from_millis(100);

/// Of how many locks it is remembered at most that a peer has asked.
const MOST_WANTED: usize = 1024;

/// The callers of all locks.
#[derive(Debug, Default)]
pub(super) struct Desk {
    lines: HashMap<LockName, Line>,
    /// Locks for which something may be to be done.
    touched: VecDeque<LockName>,
    loans: Arc<Loans>,
    /// The locks on loan, the oldest first.
    lent: BTreeMap<u64, LockName>,
    next_loan: u64,
    /// When a peer last had to wait for us. It outlasts the line.
    wanted_elsewhere: HashMap<LockName, Instant>,
    entries: u64,
    /// No more calls are taken.
    is_closing: bool,
}

/// The callers of one lock. There is none for a lock that nobody here wants.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: VecDeque<Asked>,
    holder: Option<Holder>,
    /// The section was entered, and nobody was let in with this token yet.
    entered: Option<Token>,
    /// For the entries after that one.
    lent: Option<Tokens>,
    /// Its place among the locks on loan.
    loan: Option<u64>,
    /// It is on loan, and others need the room.
    is_called_in: bool,
    /// The holder's entry, for whoever asks.
    pub(super) since: Option<(Instant, Token)>,
    reports: Reports,
}

#[derive(Debug)]
struct Holder {
    ticket: u64,
    lease: Option<Arc<Lease>>,
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
    Lend,
    /// Let the first in line enter.
    Grant {
        /// The lock is lent with it.
        is_lent: bool,
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
            Step::Lend => Some(Event::Lend { lock, entries }),
            Step::Wait | Step::Grant { .. } => None,
        }
    }
}

/// What the algorithm says of a lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    pub(super) state: &'a State,
    /// It will ask, as soon as it has heard all clocks.
    pub(super) is_wanted: bool,
    /// Peers wait for our reply.
    pub(super) is_wanted_elsewhere: bool,
    /// Whether entries may be lent.
    pub(super) may_lend: bool,
}

impl Desk {
    /// Lends to whoever has these.
    pub(super) fn new(loans: Arc<Loans>) -> Self {
        Desk {
            loans,
            ..Desk::default()
        }
    }

    /// A caller stands in line.
    pub(super) fn ask(&mut self, asked: Asked) {
        if self.is_closing {
            return asked.fail(LockError::Ended);
        }
        let lock = asked.call().lock.clone();
        let line = self.lines.entry(lock.clone()).or_default();
        if asked.call().is_at_once && line.ahead() > 0 && !line.is_idle_on_loan() {
            let blocked = Blocked::Here {
                ahead: line.ahead(),
            };
            return asked.fail(LockError::TimedOut { lock, blocked });
        }
        line.waiting.push_back(asked);
        self.touched.push_back(lock);
    }

    /// A caller waits no longer, for this reason; unless it was let in in the
    /// meantime.
    pub(super) fn give_up(&mut self, lock: &LockName, ticket: u64, why: LockError) {
        if let Some(line) = self.lines.get_mut(lock)
            && let Some(place) = line.place(ticket)
            && let Some(asked) = line.waiting.remove(place)
        {
            asked.fail(why);
            self.touched.push_back(lock.clone());
        }
    }

    /// How many callers come before this one; none, if it is the first.
    pub(super) fn ahead(&self, lock: &LockName, ticket: u64) -> Option<usize> {
        let line = self.lines.get(lock)?;
        let ahead = line.place(ticket)? + usize::from(line.holder.is_some());
        (ahead > 0).then_some(ahead)
    }

    /// This caller is inside since an earlier run of the node.
    pub(super) fn resume(&mut self, lock: &LockName, ticket: u64, token: Token) {
        let line = self.lines.entry(lock.clone()).or_default();
        let lease = None;
        line.holder = Some(Holder { ticket, lease });
        line.since = Some((Instant::now(), token));
    }

    /// The holder has left.
    pub(super) fn leave(&mut self, lock: &LockName, ticket: u64) {
        if let Some(line) = self.lines.get_mut(lock) {
            line.holder.take_if(|holder| holder.ticket == ticket);
            self.touched.push_back(lock.clone());
        }
    }

    /// Takes no more calls, and ends those that wait.
    pub(super) fn close(&mut self) {
        self.is_closing = true;
        for (lock, line) in &mut self.lines {
            line.waiting.clear();
            self.touched.push_back(lock.clone());
        }
    }

    /// Whether nobody here has a lock or waits for one, and nobody may ask.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closing && self.lines.is_empty()
    }

    /// Whether somebody is inside: whoever closes has to wait for him.
    pub(super) fn is_held(&self) -> bool {
        self.lines.values().any(|line| line.holder.is_some())
    }

    pub(super) fn next_touched(&mut self) -> Option<LockName> {
        self.touched.pop_front()
    }

    /// What is to be done next for this lock.
    pub(super) fn next_step(&mut self, lock: &LockName, standing: Standing<'_>) -> Step {
        let Some(line) = self.lines.get_mut(lock) else {
            return Step::Wait;
        };
        line.is_called_in |= self.is_closing;
        let step = line.next_step(standing, || {
            let wanted = self.wanted_elsewhere.get(lock);
            wanted.is_none_or(|at| at.elapsed() >= CALM)
        });
        if line.holder.is_none() {
            line.is_called_in = false;
            if let Some(loan) = line.loan.take() {
                self.lent.remove(&loan);
            }
            if step == Step::Release {
                self.loans.remove(lock);
            }
        }
        if step == Step::Wait && line.is_empty() {
            self.lines.remove(lock);
        }
        step
    }

    /// Lets the first in line enter, who may have gone in the meantime.
    pub(super) fn grant(&mut self, lock: &LockName, is_lent: bool) {
        let Some(line) = self.lines.get_mut(lock) else {
            return;
        };
        let Some(token) = line.entered.take() else {
            return;
        };
        let Some(asked) = line.waiting.pop_front() else {
            return;
        };
        let ticket = asked.call().ticket;
        let lent = line.lent.take();
        let lease = is_lent.then(|| Arc::new(Lease::new(lock.clone(), ticket, lent)));
        if let Some(lease) = &lease {
            self.loans.add(Arc::clone(lease));
        }
        let granted = asked.grant(Grant {
            token,
            lease: lease.clone(),
        });
        if granted.is_ok() {
            line.holder = Some(Holder { ticket, lease });
            line.since = Some((Instant::now(), token));
            self.entries += 1;
            if is_lent {
                line.loan = Some(self.next_loan);
                self.lent.insert(self.next_loan, lock.clone());
                self.next_loan += 1;
                self.call_in();
            }
        } else {
            // The token is the next one's.
            self.loans.remove(lock);
            line.entered = Some(token);
        }
    }

    /// Calls the oldest loan in, if there are too many.
    fn call_in(&mut self) {
        if self.lent.len() > MOST_LENT
            && let Some((_, oldest)) = self.lent.pop_first()
            && let Some(line) = self.lines.get_mut(&oldest)
        {
            line.is_called_in = true;
            self.touched.push_back(oldest);
        }
    }

    /// A peer has to wait for us.
    fn remember_wanted(&mut self, lock: &LockName) {
        let wanted = &mut self.wanted_elsewhere;
        if wanted.len() >= MOST_WANTED {
            wanted.retain(|_, at| at.elapsed() < CALM);
            if wanted.len() >= MOST_WANTED {
                wanted.clear();
            }
        }
        wanted.insert(lock.clone(), Instant::now());
    }

    /// The algorithm will not have it: all callers of this lock are told.
    pub(super) fn refuse(&mut self, lock: &LockName, why: crate::mutex::Rejected) {
        if let Some(line) = self.lines.get_mut(lock) {
            for asked in line.waiting.drain(..) {
                let lock = lock.clone();
                asked.fail(LockError::Refused { lock, why });
            }
            self.touched.push_back(lock.clone());
        }
    }

    /// The locks that somebody here has or wants.
    pub(super) fn lines(&mut self) -> impl Iterator<Item = (&LockName, &mut Line)> {
        self.lines.iter_mut()
    }

    /// One of them.
    pub(super) fn line(&self, lock: &LockName) -> Option<&Line> {
        self.lines.get(lock)
    }

    /// How often anybody here was let in by the node.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Whether anybody waits, so that word of whom for may become due.
    pub(super) fn is_anybody_waiting(&self) -> bool {
        self.lines.values().any(|line| !line.waiting.is_empty())
    }
}

impl Line {
    /// How many come before one who asks now.
    fn ahead(&self) -> usize {
        self.waiting.len() + usize::from(self.holder.is_some())
    }

    /// Where a caller stands who waits.
    fn place(&self, ticket: u64) -> Option<usize> {
        let is_it = |asked: &Asked| asked.call().ticket == ticket;
        self.waiting.iter().position(is_it)
    }

    /// Whether the holder is the lease alone, and nobody is inside.
    fn is_idle_on_loan(&mut self) -> bool {
        self.waiting.is_empty() && self.take_back()
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.holder.is_none() && self.entered.is_none()
    }

    /// The tickets of those who wait, in order.
    pub(super) fn tickets(&self) -> Vec<u64> {
        self.waiting.iter().map(|it| it.call().ticket).collect()
    }

    /// Whether it is lent to this process.
    pub(super) fn is_on_loan(&self) -> bool {
        let holder = self.holder.as_ref();
        holder.is_some_and(|holder| holder.lease.is_some())
    }

    /// The ticket of whoever is inside.
    pub(super) fn holder(&self) -> Option<u64> {
        self.holder.as_ref().map(|holder| holder.ticket)
    }

    /// Word of who keeps the line waiting, when it is due.
    pub(super) fn reports(&mut self) -> &mut Reports {
        &mut self.reports
    }

    /// Wants the lease back, if there is one. Whether nobody is inside any more.
    fn take_back(&mut self) -> bool {
        let is_back = |holder: &mut Holder| holder.lease.as_ref().is_some_and(|l| l.recall());
        self.holder.take_if(is_back);
        self.holder.is_none()
    }

    fn next_step(&mut self, standing: Standing<'_>, is_calm: impl Fn() -> bool) -> Step {
        let is_wanted_here = !self.waiting.is_empty();
        match standing.state {
            State::Free if is_wanted_here && !standing.is_wanted => Step::Acquire,
            State::Free if !is_wanted_here && standing.is_wanted => Step::Cancel,
            State::Wait { .. } if !is_wanted_here => Step::Cancel,
            State::Free | State::Wait { .. } => Step::Wait,
            State::Held { .. } if self.holder.is_some() => {
                let is_wanted = is_wanted_here || standing.is_wanted_elsewhere;
                let must_leave = is_wanted || self.is_called_in;
                if must_leave && self.take_back() {
                    Step::Release
                } else {
                    Step::Wait
                }
            }
            State::Held { .. } => match self.entered {
                Some(_) if is_wanted_here => {
                    let is_alone = self.waiting.len() == 1 && !standing.is_wanted_elsewhere;
                    let is_lent = standing.may_lend && is_alone;
                    // If no entries are lent, leaving still is.
                    if is_lent && self.lent.is_none() && is_calm() {
                        Step::Lend
                    } else {
                        Step::Grant { is_lent }
                    }
                }
                _ => {
                    (self.entered, self.lent) = (None, None);
                    Step::Release
                }
            },
        }
    }
}

impl User for Desk {
    fn entered(&mut self, lock: &LockName, token: Token) {
        let line = self.lines.entry(lock.clone()).or_default();
        (line.entered, line.lent) = (Some(token), None);
        self.touched.push_back(lock.clone());
    }

    fn left(&mut self, lock: &LockName, _clock: u64) {
        if let Some(line) = self.lines.get_mut(lock) {
            (line.entered, line.lent, line.since) = (None, None, None);
        }
    }

    fn lent(&mut self, lock: &LockName, tokens: Tokens) {
        if let Some(line) = self.lines.get_mut(lock) {
            line.lent = Some(tokens);
        }
    }

    fn wanted_elsewhere(&mut self, lock: &LockName) {
        if self.lines.contains_key(lock) {
            self.touched.push_back(lock.clone());
            self.remember_wanted(lock);
        }
    }
}

#[cfg(test)]
mod tests;
