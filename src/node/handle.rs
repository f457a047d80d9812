//! The caller's side: access to a node's locks.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::error::LockError;
use super::guard::Guard;
use super::lease::EntryLease;
use super::mailbox::{Command, Mailbox};
use super::request::Request;
use super::status::Status;
use super::waiter::{Caller, QueuedWaiter, Waiter};
use crate::mutex::{LockName, Mode};

/// Access to the locks of a node, for any thread. Cheap to clone.
///
/// Callers of one node enter in the order in which they asked, except that a caller
/// that finds the lock delegated to the process may pass a request that the node has
/// not read yet. A lock is not reentrant: a caller that asks again for a lock that it
/// holds waits for itself.
#[derive(Clone)]
pub struct Handle {
    mailbox: Arc<Mailbox>,
    description: Option<Arc<str>>,
}

impl Handle {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        let description = None;
        Handle {
            mailbox,
            description,
        }
    }

    /// The same access, for a caller that says who it is, for example
    /// `process 812 (./backup)`. Other callers of this node that wait for it are told
    /// ([`Blocked::Local`](super::Blocked::Local)).
    #[must_use]
    pub fn described(&self, description: impl Into<String>) -> Handle {
        Handle {
            mailbox: Arc::clone(&self.mailbox),
            description: Some(Arc::from(description.into())),
        }
    }

    /// Blocks until the lock of this name is acquired. The empty name is the lock of
    /// `turno process`.
    ///
    /// While a member is down whose permission is missing this does not return: see
    /// [`Handle::lock_timeout`].
    ///
    /// # Errors
    /// Any [`LockError`] except [`LockError::Busy`] and [`LockError::Unanswered`].
    pub fn lock(&self, name: &str) -> Result<Guard, LockError> {
        match self.enter_delegated(name) {
            Some(guard) => Ok(guard),
            None => self.request(name)?.wait(),
        }
    }

    /// Blocks until the lock is acquired, but not longer than `timeout`.
    ///
    /// # Errors
    /// [`LockError::Busy`] and [`LockError::Unanswered`] say what stood in the way; any
    /// other [`LockError`].
    pub fn lock_timeout(&self, name: &str, timeout: Duration) -> Result<Guard, LockError> {
        match self.enter_delegated(name) {
            Some(guard) => Ok(guard),
            None => self.request(name)?.wait_timeout(timeout),
        }
    }

    /// Acquires the lock if it is free, as things stand: not if another caller has it or
    /// comes first. Of several members that try at the same moment exactly one acquires
    /// it. So every member is asked each time.
    ///
    /// Members that say nothing get four round trips as they were measured, at least a
    /// second and at most five.
    ///
    /// # Errors
    /// [`LockError::Busy`] if another caller has the lock or comes first,
    /// [`LockError::Unanswered`] if members do not answer; any other [`LockError`].
    pub fn try_lock(&self, name: &str) -> Result<Guard, LockError> {
        self.try_request(name)?.wait()
    }

    /// Asks for the lock and returns at once.
    ///
    /// # Errors
    /// [`LockError::Name`], [`LockError::Ended`] and [`LockError::Forked`].
    pub fn request(&self, name: &str) -> Result<Request, LockError> {
        self.ask(name, Mode::Exclusive, false)
    }

    /// As [`Handle::request`], but the request is a try, as that of [`Handle::try_lock`].
    ///
    /// # Errors
    /// As [`Handle::request`].
    pub fn try_request(&self, name: &str) -> Result<Request, LockError> {
        self.ask(name, Mode::Exclusive, true)
    }

    /// As [`Handle::lock`], but the entry is shared: other callers of this node and of all
    /// others may be in the section at the same time, in shared mode too. No caller is in
    /// it meanwhile that has acquired the lock with [`Handle::lock`].
    ///
    /// A caller that wants the lock for itself is not passed: while it waits, at this node
    /// or at another that has heard of it, no caller begins a shared entry that asked later.
    /// What its [token](Guard::token) says is less than that of an exclusive entry.
    ///
    /// # Errors
    /// As [`Handle::lock`].
    pub fn lock_shared(&self, name: &str) -> Result<Guard, LockError> {
        self.request_shared(name)?.wait()
    }

    /// As [`Handle::lock_timeout`], for a shared entry.
    ///
    /// # Errors
    /// As [`Handle::lock_timeout`].
    pub fn lock_shared_timeout(&self, name: &str, timeout: Duration) -> Result<Guard, LockError> {
        self.request_shared(name)?.wait_timeout(timeout)
    }

    /// As [`Handle::try_lock`], for a shared entry: it is acquired unless a caller has the
    /// lock for itself, or wants it so and comes first.
    ///
    /// # Errors
    /// As [`Handle::try_lock`].
    pub fn try_lock_shared(&self, name: &str) -> Result<Guard, LockError> {
        self.try_request_shared(name)?.wait()
    }

    /// As [`Handle::request`], for a shared entry.
    ///
    /// # Errors
    /// As [`Handle::request`].
    pub fn request_shared(&self, name: &str) -> Result<Request, LockError> {
        self.ask(name, Mode::Shared, false)
    }

    /// As [`Handle::try_request`], for a shared entry.
    ///
    /// # Errors
    /// As [`Handle::request`].
    pub fn try_request_shared(&self, name: &str) -> Result<Request, LockError> {
        self.ask(name, Mode::Shared, true)
    }

    /// The state of the node: its locks, their callers, the other members.
    ///
    /// # Errors
    /// [`LockError::Ended`], [`LockError::Forked`] and [`LockError::OwnThread`].
    pub fn status(&self) -> Result<Status, LockError> {
        if self.mailbox.is_forked() {
            return Err(LockError::Forked);
        }
        let (sender, status) = channel();
        self.mailbox.send(Command::Status(sender))?;
        let outcome = self.mailbox.attend(None, |until| {
            let left = until.map_or(Duration::MAX, |until| {
                until.saturating_duration_since(Instant::now())
            });
            match status.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) => None,
                received => Some(received.map_err(|_| LockError::Ended)),
            }
        });
        outcome?.unwrap_or(Err(LockError::Ended))
    }

    pub(super) fn send(&self, command: Command) -> Result<(), LockError> {
        self.mailbox.send(command)
    }

    fn ask(&self, name: &str, mode: Mode, is_try: bool) -> Result<Request, LockError> {
        let lock = LockName::new(name)?;
        if self.mailbox.is_forked() {
            return Err(LockError::Forked);
        }
        let waiter = Waiter::new(Caller {
            ticket: self.mailbox.next_ticket(),
            lock,
            mode,
            is_try,
            description: self.description.clone(),
        });
        let queued = QueuedWaiter::new(Arc::clone(&waiter));
        self.mailbox.send(match is_try {
            true => Command::Try(queued),
            false => Command::Ask(queued),
        })?;
        Ok(Request::new(Arc::clone(&self.mailbox), waiter))
    }

    /// Enters a lock that is delegated to this process, without the node's thread.
    fn enter_delegated(&self, name: &str) -> Option<Guard> {
        if self.mailbox.is_forked() {
            return None;
        }
        let (token, delegation) = self.mailbox.delegations.enter(name)?;
        let mailbox = Arc::clone(&self.mailbox);
        let caller = delegation.caller.clone();
        let lease = EntryLease::of(delegation.epoch);
        Some(Guard::new(mailbox, caller, token, Some(delegation), lease))
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;
    use crate::mutex::Token;

    /// After a fork the child has copies of everything that the parent had.
    #[test]
    fn in_a_forked_child_nothing_is_held_and_nothing_is_released() {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let (sender, commands) = channel();
        let mailbox = Mailbox::new(sender, waker, Arc::default());
        let mut child = Arc::into_inner(mailbox).unwrap();
        child.process = process::id() + 1;
        let child = Arc::new(child);
        let handle = Handle::new(Arc::clone(&child));
        assert_eq!(handle.lock("a").unwrap_err(), LockError::Forked);
        assert_eq!(handle.request("a").unwrap_err(), LockError::Forked);
        assert_eq!(handle.status().unwrap_err(), LockError::Forked);
        let caller = Caller {
            ticket: 1,
            lock: LockName::new("a").unwrap(),
            mode: Mode::Exclusive,
            is_try: false,
            description: None,
        };
        drop(Guard::new(
            child,
            caller,
            Token::new(7),
            None,
            EntryLease::of(0),
        ));
        assert!(commands.try_recv().is_err());
    }
}
