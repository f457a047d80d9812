//! The caller's side: the way to a node's locks.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::error::LockError;
use super::guard::Guard;
use super::mailbox::{Command, Mailbox};
use super::request::Request;
use super::status::Status;
use super::waiter::{QueuedWaiter, Waiter};
use crate::mutex::LockName;

/// How long [`Handle::try_lock`] waits for the replies of the other members.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(500);

/// A way to the locks of a node, for any thread: cheap to clone.
///
/// Callers of one node take turns in the order in which they asked; but who finds
/// the lock on loan may pass a call that the node has not read yet. A lock is not
/// reentrant: who asks again for what it holds waits for itself.
#[derive(Clone)]
pub struct Handle {
    mailbox: Arc<Mailbox>,
}

impl Handle {
    pub(super) fn new(mailbox: Arc<Mailbox>) -> Self {
        Handle { mailbox }
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
        if self.mailbox.is_forked() {
            return Err(LockError::Forked);
        }
        let (status, told) = channel();
        self.mailbox.say(Command::Status(status))?;
        let outcome = self.mailbox.attend(None, |until| {
            let left = until.map_or(Duration::MAX, |until| {
                until.saturating_duration_since(Instant::now())
            });
            match told.recv_timeout(left) {
                Err(RecvTimeoutError::Timeout) => None,
                told => Some(told.map_err(|_| LockError::Ended)),
            }
        });
        outcome?.unwrap_or(Err(LockError::Ended))
    }

    pub(super) fn say(&self, command: Command) -> Result<(), LockError> {
        self.mailbox.say(command)
    }

    /// As [`Handle::request`]; if it is for at once, it ends when another caller of
    /// this node comes first.
    pub(crate) fn ask(&self, name: &str, is_try: bool) -> Result<Request, LockError> {
        let lock = LockName::new(name)?;
        if self.mailbox.is_forked() {
            return Err(LockError::Forked);
        }
        let ticket = self.mailbox.next_ticket();
        let call = Waiter::new(ticket, lock, is_try);
        self.mailbox
            .say(Command::Ask(QueuedWaiter::new(Arc::clone(&call))))?;
        Ok(Request::new(Arc::clone(&self.mailbox), call))
    }

    /// Enters a lock that is on loan, without a word to the node.
    fn enter_again(&self, name: &str) -> Option<Guard> {
        if self.mailbox.is_forked() {
            return None;
        }
        let (token, delegation) = self.mailbox.delegations.enter(name)?;
        let (lock, ticket) = (delegation.lock.clone(), delegation.ticket);
        let mailbox = Arc::clone(&self.mailbox);
        Some(Guard::new(mailbox, lock, ticket, token, Some(delegation)))
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

    /// After a fork the child has copies of all that the parent had.
    #[test]
    fn in_a_forked_child_nothing_is_held_and_nothing_is_released() {
        let poll = mio::Poll::new().unwrap();
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).unwrap();
        let (commands, said) = channel();
        let mailbox = Mailbox::new(commands, waker, Arc::default());
        let mut child = Arc::into_inner(mailbox).unwrap();
        child.process = process::id() + 1;
        let child = Arc::new(child);
        let handle = Handle::new(Arc::clone(&child));
        assert_eq!(handle.lock("a").unwrap_err(), LockError::Forked);
        assert_eq!(handle.request("a").unwrap_err(), LockError::Forked);
        assert_eq!(handle.status().unwrap_err(), LockError::Forked);
        let lock = LockName::new("a").unwrap();
        drop(Guard::new(child, lock, 1, Token::recorded(7), None));
        assert!(said.try_recv().is_err());
    }
}
