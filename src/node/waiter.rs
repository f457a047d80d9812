//! A caller that waits for a lock: what its own thread and the node's thread share.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::delegation::Delegation;
use super::error::LockError;
use crate::mutex::{LockName, Mode, Token};
use crate::system::locked;

/// What a caller is granted.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) token: Token,
    /// The lock is delegated to this process.
    pub(super) delegation: Option<Arc<Delegation>>,
    /// The lease that the node had when it entered.
    pub(super) epoch: u64,
}

/// Who asks for which lock, and how.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) ticket: u64,
    pub(super) lock: LockName,
    pub(super) mode: Mode,
    /// The request fails as soon as another caller comes first.
    pub(super) is_try: bool,
    /// What the caller says of itself.
    pub(super) description: Option<Arc<str>>,
}

/// A caller that waits for a lock.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) caller: Caller,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Progress {
    outcome: Option<Result<Grant, LockError>>,
    /// A thread sleeps until there is an outcome. Without one no system call is made
    /// to wake it.
    has_sleeper: bool,
    waker: Option<Waker>,
    /// The caller no longer wants the outcome.
    is_abandoned: bool,
    /// The caller has the outcome.
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
    pub(super) fn new(caller: Caller) -> Arc<Self> {
        Arc::new(Waiter {
            caller,
            progress: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        locked(&self.progress)
    }

    /// Waits for the outcome. `None`: it did not come in time.
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

    /// The outcome, or a promise to wake the task when it comes.
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

    /// Whether the caller has the outcome.
    pub(super) fn is_over(&self) -> bool {
        self.progress().is_over
    }

    /// The caller no longer wants the outcome. Returns what was granted already.
    pub(super) fn abandon(&self) -> Option<Grant> {
        let mut progress = self.progress();
        progress.is_abandoned = true;
        progress.take()?.ok()
    }

    /// Hands over the outcome.
    ///
    /// # Errors
    /// The grant, if the caller no longer wants it.
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
        // A runtime that panics must not end the node.
        if let Some(waker) = waker
            && catch_unwind(AssertUnwindSafe(|| waker.wake())).is_err()
        {
            log::error!("a waker has panicked");
        }
        Ok(())
    }
}

/// A waiter in the hands of the node. The caller gets an outcome even if the node
/// drops this.
#[derive(Debug)]
pub(super) struct QueuedWaiter {
    waiter: Option<Arc<Waiter>>,
    since: Instant,
}

impl QueuedWaiter {
    pub(super) fn new(waiter: Arc<Waiter>) -> Self {
        QueuedWaiter {
            waiter: Some(waiter),
            since: Instant::now(),
        }
    }

    /// How long it has waited.
    pub(super) fn waited(&self) -> Duration {
        self.since.elapsed()
    }

    pub(super) fn caller(&self) -> &Caller {
        let waiter = self.waiter.as_ref();
        &waiter.expect("only its end takes it").caller
    }

    /// The caller's turn has come.
    ///
    /// # Errors
    /// The grant, if the caller no longer waits.
    pub(super) fn grant(mut self, grant: Grant) -> Result<(), Grant> {
        match self.waiter.take() {
            Some(waiter) => waiter.finish(Ok(grant)),
            None => Err(grant),
        }
    }

    pub(super) fn fail(mut self, error: LockError) {
        self.end(error);
    }

    fn end(&mut self, error: LockError) {
        if let Some(waiter) = self.waiter.take() {
            // An error is never handed back.
            let _ = waiter.finish(Err(error));
        }
    }
}

impl Drop for QueuedWaiter {
    fn drop(&mut self) {
        self.end(LockError::Ended);
    }
}
