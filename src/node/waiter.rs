//! A call for a lock, between the thread that waits for it and the one that
//! drives the node.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::delegation::Delegation;
use super::error::LockError;
use crate::mutex::{LockName, Token};
use crate::system::locked;

/// What a caller is given.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) token: Token,
    /// The lock is lent to this process.
    pub(super) delegation: Option<Arc<Delegation>>,
}

/// A call for a lock.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) ticket: u64,
    pub(super) lock: LockName,
    /// It is of no use once somebody else comes first.
    pub(super) is_try: bool,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    outcome: Option<Result<Grant, LockError>>,
    /// A thread sleeps until there is an outcome. To wake one that does not is a
    /// system call too.
    has_sleeper: bool,
    waker: Option<Waker>,
    /// Nobody looks at the outcome any more.
    is_abandoned: bool,
    /// The outcome was taken.
    is_over: bool,
}

impl Progress {
    fn take(&mut self) -> Option<Result<Grant, LockError>> {
        let outcome = self.outcome.take();
        self.is_over |= outcome.is_some();
        outcome
    }
}

impl Waiter {
    pub(super) fn new(ticket: u64, lock: LockName, is_try: bool) -> Arc<Self> {
        Arc::new(Waiter {
            ticket,
            lock,
            is_try,
            progress: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        locked(&self.progress)
    }

    /// Waits for the outcome; none if it has not come by then.
    pub(super) fn wait(&self, until: Option<Instant>) -> Option<Result<Grant, LockError>> {
        let mut progress = self.progress();
        loop {
            if let Some(outcome) = progress.take() {
                return Some(outcome);
            }
            progress.has_sleeper = true;
            let Some(until) = until else {
                let woken = self.changed.wait(progress);
                progress = woken.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let woken = self.changed.wait_timeout(progress, left);
            progress = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The outcome, if it has come; else the task is woken when it has.
    pub(super) fn poll(&self, context: &Context<'_>) -> Poll<Result<Grant, LockError>> {
        let mut progress = self.progress();
        match progress.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                progress.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// The outcome, if it has come.
    pub(super) fn take(&self) -> Option<Result<Grant, LockError>> {
        self.progress().take()
    }

    /// Whether the outcome was taken.
    pub(super) fn is_over(&self) -> bool {
        self.progress().is_over
    }

    /// Nobody will look at the outcome. What was granted already.
    pub(super) fn abandon(&self) -> Option<Grant> {
        let mut progress = self.progress();
        progress.is_abandoned = true;
        progress.take()?.ok()
    }

    /// Hands the outcome over. Back comes what nobody looks at.
    fn finish(&self, outcome: Result<Grant, LockError>) -> Result<(), Grant> {
        let mut progress = self.progress();
        if progress.is_abandoned {
            return outcome.map_or(Ok(()), Err);
        }
        progress.outcome = Some(outcome);
        let (has_sleeper, waker) = (progress.has_sleeper, progress.waker.take());
        drop(progress);
        if has_sleeper {
            self.changed.notify_all();
        }
        // A runtime that panics does not take the node with it.
        if let Some(waker) = waker
            && catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err()
        {
            log::error!("a waker has panicked");
        }
        Ok(())
    }
}

/// A call as the node has it. Whatever becomes of the node, the caller gets an
/// outcome.
#[derive(Debug)]
pub(super) struct QueuedWaiter(Option<Arc<Waiter>>);

impl QueuedWaiter {
    pub(super) fn new(call: Arc<Waiter>) -> Self {
        QueuedWaiter(Some(call))
    }

    pub(super) fn call(&self) -> &Waiter {
        self.0.as_ref().expect("it is taken by its end alone")
    }

    /// The caller's turn has come.
    ///
    /// # Errors
    /// It waits no longer.
    pub(super) fn grant(mut self, grant: Grant) -> Result<(), Grant> {
        match self.0.take() {
            Some(call) => call.finish(Ok(grant)),
            None => Err(grant),
        }
    }

    pub(super) fn fail(mut self, error: LockError) {
        self.end(error);
    }

    fn end(&mut self, error: LockError) {
        if let Some(call) = self.0.take() {
            // An error is handed back by nobody.
            let _ = call.finish(Err(error));
        }
    }
}

impl Drop for QueuedWaiter {
    fn drop(&mut self) {
        self.end(LockError::Ended);
    }
}
