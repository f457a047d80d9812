//! A call for a lock, in the hands of whoever waits.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::error::LockError;
use super::guard::Guard;
use super::mailbox::{Command, Mailbox};
use super::waiter::{Grant, Waiter};

/// Somebody who waits for a lock. Dropped, it waits no longer; and if the lock
/// was its own already, it leaves it.
#[must_use = "it waits no longer when it is dropped"]
pub struct Request {
    mailbox: Arc<Mailbox>,
    call: Arc<Waiter>,
    since: Instant,
}

impl Request {
    pub(super) fn new(mailbox: Arc<Mailbox>, call: Arc<Waiter>) -> Self {
        Request {
            mailbox,
            call,
            since: Instant::now(),
        }
    }

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
                self.cancel()?;
                self.call.wait(None).unwrap_or(Err(LockError::Ended))
            }
        };
        self.guard(outcome)
    }

    /// The outcome, if it has come; none after it was taken.
    ///
    /// # Errors
    /// [`LockError`], as the outcome.
    pub fn try_recv(&mut self) -> Option<Result<Guard, LockError>> {
        let outcome = self.call.take()?;
        Some(self.guard(outcome))
    }

    /// Waits no longer. The outcome comes all the same: what stood in the way, or
    /// the lock, if it was ours by then.
    ///
    /// # Errors
    /// [`LockError::Ended`].
    pub fn cancel(&self) -> Result<(), LockError> {
        self.mailbox.say(Command::Cancel {
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
        if self.mailbox.is_forked() {
            return Err(LockError::Forked);
        }
        self.mailbox.attend(until, |until| self.call.wait(until))
    }

    fn guard(&self, outcome: Result<Grant, LockError>) -> Result<Guard, LockError> {
        let Grant { token, delegation } = outcome?;
        let Waiter { lock, ticket, .. } = &*self.call;
        let mailbox = Arc::clone(&self.mailbox);
        Ok(Guard::new(
            mailbox,
            lock.clone(),
            *ticket,
            token,
            delegation,
        ))
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
        if self.call.is_over() || self.mailbox.is_forked() {
            return;
        }
        match self.call.abandon() {
            Some(Grant { delegation, .. }) => {
                let Waiter { lock, ticket, .. } = &*self.call;
                self.mailbox.leave(lock, *ticket, delegation.as_deref());
            }
            None => {
                // If the node has ended, nobody waits there.
                let _ = self.cancel();
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
