//! A client that waits: when it gets a report, and when its request is cancelled.

use std::time::{Duration, Instant};

use super::protocol::{Ask, FIRST_REPORT};
use crate::mutex::LockName;
use crate::node::SURVEY;
use crate::system::WaitTimer;
use crate::{LocalNode, Request};

/// A client's request for a lock.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) ask: Ask,
    pub(super) timer: WaitTimer,
    /// When to cancel the request. `None`: never, or it is cancelled already.
    until: Option<Instant>,
    /// When to have the members asked that may not answer, before that.
    ask_at: Option<Instant>,
    /// The survey whose outcome tells this client who has the lock.
    survey: Option<u64>,
}

impl Waiting {
    pub(super) fn new(request: Request, ask: Ask, limit: Option<Duration>) -> Self {
        let timer = WaitTimer::first_report_after(FIRST_REPORT);
        // A limit that no `Instant` can express is none.
        let until = limit.and_then(|limit| timer.began.checked_add(limit));
        let ask_at = until.zip(limit);
        Waiting {
            request,
            ask,
            until,
            ask_at: ask_at.map(|(until, limit)| until - SURVEY.min(limit / 2)),
            survey: None,
            timer,
        }
    }

    /// When to call [`Waiting::report`].
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let due = [self.until, self.ask_at, self.timer.next_timeout()];
        due.into_iter().flatten().min()
    }

    /// Cancels a request that has waited long enough. If the node has ended, the outcome
    /// says so.
    pub(super) fn check_limit(&mut self, now: Instant) {
        if self.ask_at.take_if(|at| *at <= now).is_some() {
            let _ = self.request.survey();
        }
        if self.until.take_if(|until| *until <= now).is_some() {
            // The outcome then says what stood in the way.
            let _ = self.request.cancel();
        }
    }

    /// The survey that is over, if a report is due. The members are asked when it is.
    pub(super) fn report(&mut self, node: &mut LocalNode) -> Option<u64> {
        if self.survey.is_none() && self.timer.due().is_some() {
            let lock = LockName::new(self.request.name()).ok()?;
            // If the node has ended, the outcome says so.
            self.survey = node.short_survey(&lock).ok();
        }
        self.survey.take_if(|survey| node.is_survey_over(*survey))
    }
}
