//! A request for a lock, in the hands of its caller.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::error::LockError;
use super::guard::Guard;
use super::lease::EntryLease;
use super::mailbox::{Command, Mailbox};
use super::waiter::{Caller, Grant, Waiter};

/// How long before its limit a caller has the other members asked: they have a second.
pub(crate) const SURVEY: Duration = Duration::from_millis(1100);

/// No member is asked for a caller that waits for less.
const MIN_SURVEYED: Duration = Duration::from_millis(100);

/// A request for a lock: a future, which can also be waited for or looked at now and
/// then.
///
/// Dropping it withdraws the request; if the lock was granted meanwhile, it is
/// released.
#[must_use = "dropping it withdraws the request"]
pub struct Request {
    mailbox: Arc<Mailbox>,
    waiter: Arc<Waiter>,
    since: Instant,
}

impl Request {
    pub(super) fn new(mailbox: Arc<Mailbox>, waiter: Arc<Waiter>) -> Self {
        Request {
            mailbox,
            waiter,
            since: Instant::now(),
        }
    }

    /// Blocks until the lock is acquired.
    ///
    /// # Errors
    /// Any [`LockError`]; [`LockError::Busy`] and [`LockError::Unanswered`] only of a try.
    pub fn wait(self) -> Result<Guard, LockError> {
        // Without a limit there always is an outcome.
        let outcome = self.outcome(None)?.unwrap_or(Err(LockError::Ended));
        self.guard(outcome)
    }

    /// Blocks until the lock is acquired, but not longer than `timeout`.
    ///
    /// # Errors
    /// [`LockError::Busy`] and [`LockError::Unanswered`] say what stood in the way; any
    /// other [`LockError`].
    pub fn wait_timeout(self, timeout: Duration) -> Result<Guard, LockError> {
        // A limit that no `Instant` can express is none.
        let until = Instant::now().checked_add(timeout);
        // Before the end the other members are asked who has the lock: some may be down, and
        // then nothing else tells whether another caller has it.
        let is_short = timeout < MIN_SURVEYED;
        let ask_at = until.map(|until| until - SURVEY.min(timeout / 2));
        let outcome = match self.outcome(if is_short { until } else { ask_at })? {
            None if !is_short => {
                self.survey()?;
                self.outcome(until)?
            }
            outcome => outcome,
        };
        let outcome = match outcome {
            Some(outcome) => outcome,
            None => {
                // The node knows what stands in the way, and may have granted the
                // lock meanwhile.
                self.cancel()?;
                self.waiter.wait(None).unwrap_or(Err(LockError::Ended))
            }
        };
        self.guard(outcome)
    }

    /// The outcome, if it has come. `None` also after it was taken.
    ///
    /// # Errors
    /// The outcome may be any [`LockError`].
    pub fn try_recv(&mut self) -> Option<Result<Guard, LockError>> {
        let outcome = self.waiter.take()?;
        Some(self.guard(outcome))
    }

    /// Withdraws the request. The outcome still comes: [`LockError::Busy`] or
    /// [`LockError::Unanswered`], or the lock, if it was granted meanwhile.
    ///
    /// # Errors
    /// [`LockError::Ended`].
    pub fn cancel(&self) -> Result<(), LockError> {
        self.mailbox.send(Command::Cancel {
            lock: self.caller().lock.clone(),
            ticket: self.caller().ticket,
        })
    }

    /// Has the other members asked what happens with the lock.
    ///
    /// # Errors
    /// [`LockError::Ended`].
    pub(crate) fn survey(&self) -> Result<(), LockError> {
        self.mailbox.send(Command::Survey {
            lock: self.caller().lock.clone(),
            ticket: self.caller().ticket,
        })
    }

    /// The number by which [`LockStatus`](super::LockStatus) names this request.
    #[must_use]
    pub fn ticket(&self) -> u64 {
        self.caller().ticket
    }

    /// The name of the lock.
    #[must_use]
    pub fn name(&self) -> &str {
        self.caller().lock.as_str()
    }

    pub(super) fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    pub(super) fn caller(&self) -> &Caller {
        &self.waiter.caller
    }

    /// Waits for the outcome. `None`: it did not come in time.
    fn outcome(
        &self,
        until: Option<Instant>,
    ) -> Result<Option<Result<Grant, LockError>>, LockError> {
        if self.mailbox.is_forked() {
            return Err(LockError::Forked);
        }
        self.mailbox.attend(until, |until| self.waiter.wait(until))
    }

    fn guard(&self, outcome: Result<Grant, LockError>) -> Result<Guard, LockError> {
        let Grant {
            token,
            delegation,
            epoch,
        } = outcome?;
        let mailbox = Arc::clone(&self.mailbox);
        Ok(Guard::new(
            mailbox,
            self.caller().clone(),
            token,
            delegation,
            EntryLease::of(epoch),
        ))
    }
}

impl Future for Request {
    type Output = Result<Guard, LockError>;

    /// Once it was ready it stays pending for ever.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.waiter.poll(context).map(|outcome| self.guard(outcome))
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.waiter.is_over() || self.mailbox.is_forked() {
            return;
        }
        match self.waiter.abandon() {
            Some(Grant { delegation, .. }) => {
                self.mailbox.leave(self.caller(), delegation.as_deref());
            }
            None => {
                // If the node has ended, there is nothing to withdraw.
                let _ = self.cancel();
            }
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("lock", &self.caller().lock)
            .finish_non_exhaustive()
    }
}
