//! The caller's side: a handle, a request, and the guard of an entry.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};
use std::{fmt, process};

use super::call::{Asked, Call, Grant};
use super::error::LockError;
use super::lease::{Lease, Loans};
use super::status::Status;
use crate::mutex::{LockName, Token};
use crate::system::locked;

/// How long [`Handle::try_lock`] waits for the replies of the other members.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(500);

/// How long a thread that has driven a node waits for another to take it over, to
/// which it may have been moved.
const HANDOVER: Duration = Duration::from_secs(2);

/// What a handle says to its node.
#[derive(Debug)]
pub(super) enum Wish {
    /// Let this caller in, in its turn.
    Ask(Asked),
    /// That caller waits no longer.
    GiveUp {
        lock: LockName,
        ticket: u64,
        since: Instant,
    },
    /// That caller has left.
    Leave { lock: LockName, ticket: u64 },
    /// Tell how everything stands.
    Tell(Sender<Status>),
    /// Take no more calls, and end when nobody is inside any more. Says so once
    /// somebody is.
    ShutDown(Sender<()>),
}

/// What a node shares with its handles.
#[derive(Debug)]
pub(super) struct Shared {
    wishes: Sender<Wish>,
    waker: mio::Waker,
    /// The node was told something and must not sleep. While it is so nobody need
    /// wake it once more, and its driver need not wake himself.
    is_told: AtomicBool,
    pub(super) loans: Arc<Loans>,
    /// The thread that drives the node, once there is one.
    driver: Mutex<Option<ThreadId>>,
    /// Whether it is between two turns and has not begun to wait for the next.
    is_between_turns: AtomicBool,
    tickets: AtomicU64,
    /// The process that started the node.
    process: u32,
}

impl Shared {
    pub(super) fn new(wishes: Sender<Wish>, waker: mio::Waker, loans: Arc<Loans>) -> Arc<Self> {
        Arc::new(Shared {
            wishes,
            waker,
            is_told: AtomicBool::new(false),
            loans,
            driver: Mutex::default(),
            is_between_turns: AtomicBool::new(false),
            tickets: AtomicU64::new(1),
            process: process::id(),
        })
    }

    /// # Errors
    /// The node has ended.
    pub(super) fn say(&self, wish: Wish) -> Result<(), LockError> {
        self.wishes.send(wish).map_err(|_| LockError::Ended)?;
        // In this order: whoever begins to wait for the node is either seen here, or
        // sees that it was told.
        let was_told = self.is_told.swap(true, Ordering::SeqCst);
        if !was_told && !self.will_look() {
            // Of a node that has ended nobody waits for anything.
            let _ = self.waker.wake();
        }
        Ok(())
    }

    /// Whether this thread drives the node, and has to ask it when it is due before
    /// it waits.
    fn will_look(&self) -> bool {
        self.is_between_turns.load(Ordering::SeqCst) && self.is_driven_here()
    }

    /// Whether the node was told something to which it has not listened yet.
    pub(super) fn is_told(&self) -> bool {
        self.is_told.load(Ordering::SeqCst)
    }

    /// The node listens: to all that it was told before.
    pub(super) fn listen(&self) {
        self.is_told.swap(false, Ordering::SeqCst);
    }

    fn is_forked(&self) -> bool {
        self.process != process::id()
    }

    fn is_driven_here(&self) -> bool {
        *self.driver() == Some(thread::current().id())
    }

    fn driver(&self) -> MutexGuard<'_, Option<ThreadId>> {
        locked(&self.driver)
    }

    /// This thread drives the node from now on.
    pub(super) fn drive_here(&self) {
        *self.driver() = Some(thread::current().id());
    }

    /// This thread has driven the node, and will ask it when it is due.
    pub(super) fn turn_is_over(&self) {
        self.is_between_turns.store(true, Ordering::SeqCst);
    }

    /// The node is about to be waited for.
    pub(super) fn wait_begins(&self) {
        self.is_between_turns.store(false, Ordering::SeqCst);
    }

    pub(super) fn next_ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::Relaxed)
    }

    fn leave(&self, lock: &LockName, ticket: u64, lease: Option<&Lease>) {
        // A forked child has a copy of a guard, and of its lease, and holds nothing.
        if lease.is_none_or(Lease::leave) && !self.is_forked() {
            // If the node has ended, nobody else comes in anyway.
            let lock = lock.clone();
            let _ = self.say(Wish::Leave { lock, ticket });
        }
    }
}

/// A way to the locks of a node, for any thread: cheap to clone.
///
/// Callers of one node take turns in the order in which they asked; but who finds
/// the lock on loan may pass a call that the node has not read yet. A lock is not
/// reentrant: who asks again for what it holds waits for itself.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Handle { shared }
    }

    /// Waits until the lock of this name is ours. The empty name is the lock of
    /// `turno process`.
    ///
    /// It waits for as long as a member is down that has to be asked: see
    /// [`Handle::lock_timeout`].
    ///
    /// # Errors
    /// [`LockError`], but for [`LockError::TimedOut`].
    pub fn lock(&self, name: &str) -> Result<Guard, LockError> {
        match self.enter_again(name) {
            Some(guard) => Ok(guard),
            None => self.request(name)?.wait(),
        }
    }

    /// Waits until the lock is ours, but not longer than this.
    ///
    /// # Errors
    /// [`LockError::TimedOut`] says what stood in the way; any other
    /// [`LockError`].
    pub fn lock_timeout(&self, name: &str, timeout: Duration) -> Result<Guard, LockError> {
        match self.enter_again(name) {
            Some(guard) => Ok(guard),
            None => self.request(name)?.wait_timeout(timeout),
        }
    }

    /// Takes the lock if nobody has it: not if another caller of this node comes
    /// first, nor if a member has not replied within half a second.
    ///
    /// # Errors
    /// [`LockError::TimedOut`] says what stood in the way; any other
    /// [`LockError`].
    pub fn try_lock(&self, name: &str) -> Result<Guard, LockError> {
        match self.enter_again(name) {
            Some(guard) => Ok(guard),
            None => self.ask(name, true)?.wait_timeout(A_MOMENT),
        }
    }

    /// Asks for the lock and waits for nothing: the request is a future, for any
    /// runtime, and can be looked at now and then.
    ///
    /// # Errors
    /// [`LockError::Name`], [`LockError::Ended`] and [`LockError::Forked`].
    pub fn request(&self, name: &str) -> Result<Request, LockError> {
        self.ask(name, false)
    }

    /// How everything stands: locks, callers, peers.
    ///
    /// # Errors
    /// [`LockError::Ended`], [`LockError::Forked`] and [`LockError::OwnThread`].
    pub fn status(&self) -> Result<Status, LockError> {
        if self.shared.is_forked() {
            return Err(LockError::Forked);
        }
        let (status, told) = std::sync::mpsc::channel();
        self.shared.say(Wish::Tell(status))?;
        if self.shared.is_driven_here() {
            match told.recv_timeout(HANDOVER) {
                Err(RecvTimeoutError::Timeout) if self.shared.is_driven_here() => {
                    return Err(LockError::OwnThread);
                }
                Err(RecvTimeoutError::Timeout) => {}
                told => return told.map_err(|_| LockError::Ended),
            }
        }
        told.recv().map_err(|_| LockError::Ended)
    }

    pub(super) fn say(&self, wish: Wish) -> Result<(), LockError> {
        self.shared.say(wish)
    }

    /// As [`Handle::request`]; if it is for at once, it ends when another caller of
    /// this node comes first.
    pub(crate) fn ask(&self, name: &str, is_at_once: bool) -> Result<Request, LockError> {
        let lock = LockName::new(name)?;
        if self.shared.is_forked() {
            return Err(LockError::Forked);
        }
        let ticket = self.shared.next_ticket();
        let call = Call::new(ticket, lock, is_at_once);
        self.shared.say(Wish::Ask(Asked::new(Arc::clone(&call))))?;
        Ok(Request {
            shared: Arc::clone(&self.shared),
            call,
            since: Instant::now(),
        })
    }

    /// Enters a lock that is on loan, without a word to the node.
    fn enter_again(&self, name: &str) -> Option<Guard> {
        if self.shared.is_forked() {
            return None;
        }
        let (token, lease) = self.shared.loans.enter(name)?;
        Some(Guard {
            lock: lease.lock.clone(),
            ticket: lease.ticket,
            token,
            lease: Some(lease),
            shared: Arc::clone(&self.shared),
        })
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Somebody who waits for a lock. Dropped, it waits no longer; and if the lock
/// was its own already, it leaves it.
#[must_use = "it waits no longer when it is dropped"]
pub struct Request {
    shared: Arc<Shared>,
    call: Arc<Call>,
    since: Instant,
}

impl Request {
    /// Waits until the lock is ours.
    ///
    /// # Errors
    /// [`LockError`], but for [`LockError::TimedOut`].
    pub fn wait(self) -> Result<Guard, LockError> {
        // Without a time there always is an outcome.
        let outcome = self.outcome(None)?.unwrap_or(Err(LockError::Ended));
        self.guard(outcome)
    }

    /// Waits until the lock is ours, but not longer than this.
    ///
    /// # Errors
    /// [`LockError::TimedOut`] says what stood in the way; any other
    /// [`LockError`].
    pub fn wait_timeout(self, timeout: Duration) -> Result<Guard, LockError> {
        // A time beyond all measure is none.
        let until = Instant::now().checked_add(timeout);
        let outcome = match self.outcome(until)? {
            Some(outcome) => outcome,
            None => {
                // The node knows what stands in the way; and it may have let us in
                // in the meantime.
                self.give_up()?;
                self.call.wait(None).unwrap_or(Err(LockError::Ended))
            }
        };
        self.guard(outcome)
    }

    /// The outcome, if it has come; none after it was taken.
    ///
    /// # Errors
    /// [`LockError`], as the outcome.
    pub fn try_take(&mut self) -> Option<Result<Guard, LockError>> {
        let outcome = self.call.take()?;
        Some(self.guard(outcome))
    }

    /// Waits no longer. The outcome comes all the same: what stood in the way, or
    /// the lock, if it was ours by then.
    ///
    /// # Errors
    /// [`LockError::Ended`].
    pub fn give_up(&self) -> Result<(), LockError> {
        self.shared.say(Wish::GiveUp {
            lock: self.call.lock.clone(),
            ticket: self.call.ticket,
            since: self.since,
        })
    }

    /// What the node knows the caller by: see [`LockStatus`](super::LockStatus).
    #[must_use]
    pub fn ticket(&self) -> u64 {
        self.call.ticket
    }

    /// Waits for the outcome; none if it has not come by then.
    fn outcome(
        &self,
        until: Option<Instant>,
    ) -> Result<Option<Result<Grant, LockError>>, LockError> {
        if self.shared.is_forked() {
            return Err(LockError::Forked);
        }
        if self.shared.is_driven_here() {
            let handover = Instant::now() + HANDOVER;
            let outcome = self
                .call
                .wait(Some(until.map_or(handover, |it| it.min(handover))));
            if outcome.is_some() {
                return Ok(outcome);
            }
            if self.shared.is_driven_here() {
                return Err(LockError::OwnThread);
            }
        }
        Ok(self.call.wait(until))
    }

    fn guard(&self, outcome: Result<Grant, LockError>) -> Result<Guard, LockError> {
        let Grant { token, lease } = outcome?;
        Ok(Guard {
            shared: Arc::clone(&self.shared),
            lock: self.call.lock.clone(),
            ticket: self.call.ticket,
            token,
            lease,
        })
    }
}

impl Future for Request {
    type Output = Result<Guard, LockError>;

    /// # Panics
    /// Never; but once it was ready it is pending for ever.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.call.poll(context).map(|outcome| self.guard(outcome))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.call.is_over() || self.shared.is_forked() {
            return;
        }
        match self.call.abandon() {
            Some(Grant { lease, .. }) => {
                let Call { lock, ticket, .. } = &*self.call;
                self.shared.leave(lock, *ticket, lease.as_deref());
            }
            None => {
                // If the node has ended, nobody waits there.
                let _ = self.give_up();
            }
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("lock", &self.call.lock)
            .finish_non_exhaustive()
    }
}

/// An entry: the lock is ours until this is dropped.
///
/// It is released when it is dropped, by a panic too: whoever comes next finds the
/// resource as the panic left it. If the process dies, its node dies with it and
/// nobody else enters before the node is started anew.
#[must_use = "the lock is released when it is dropped"]
pub struct Guard {
    shared: Arc<Shared>,
    lock: LockName,
    ticket: u64,
    token: Token,
    lease: Option<Arc<Lease>>,
}

impl Guard {
    /// The fencing token of this entry: larger than that of any earlier entry of
    /// this lock in the whole group. Hand it to the resource with every write, and
    /// have the resource refuse a smaller one than the largest it has seen.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// An entry of an earlier run of the node.
    pub(super) fn resumed(shared: Arc<Shared>, lock: LockName, ticket: u64, token: Token) -> Self {
        Guard {
            shared,
            lock,
            ticket,
            token,
            lease: None,
        }
    }

    /// The name of the lock.
    #[must_use]
    pub fn name(&self) -> &str {
        self.lock.as_str()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.shared
            .leave(&self.lock, self.ticket, self.lease.as_deref());
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("lock", &self.lock)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// After a fork the child has copies of all that the parent had.
    #[test]
    fn in_a_forked_child_nothing_is_held_and_nothing_is_released() {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let (wishes, said) = mpsc::channel();
        let shared = Shared::new(wishes, waker, Arc::default());
        let mut child = Arc::into_inner(shared).unwrap();
        child.process = process::id() + 1;
        let child = Arc::new(child);
        let handle = Handle::new(Arc::clone(&child));
        assert_eq!(handle.lock("a").unwrap_err(), LockError::Forked);
        assert_eq!(handle.request("a").unwrap_err(), LockError::Forked);
        assert_eq!(handle.status().unwrap_err(), LockError::Forked);
        let lock = LockName::new("a").unwrap();
        drop(Guard::resumed(child, lock, 1, Token::recorded(7)));
        assert!(said.try_recv().is_err());
    }
}
