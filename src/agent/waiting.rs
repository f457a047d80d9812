//! A client that waits: when it gets a report, and when its request is cancelled.

use std::time::{Duration, Instant};

use super::protocol::{Answer, Ask, FIRST_REPORT};
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
}

impl Waiting {
    pub(super) fn new(request: Request, ask: Ask, limit: Option<Duration>) -> Self {
        let timer = WaitTimer::first_report_after(FIRST_REPORT);
        Waiting {
            request,
            ask,
            // A limit that no `Instant` can express is none.
            until: limit.and_then(|limit| timer.began.checked_add(limit)),
            timer,
        }
    }

    /// When to call [`Waiting::report`].
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let due = [self.until, self.timer.next_timeout()];
        due.into_iter().flatten().min()
    }

    /// Cancels a request that has waited long enough, or returns the report that is due.
    pub(super) fn report(&mut self, now: Instant, node: &mut LocalNode) -> Option<Answer> {
        if self.until.take_if(|until| *until <= now).is_some() {
            // The outcome then says what stood in the way, or that the node has ended.
            let _ = self.request.cancel();
            return None;
        }
        let waited = self.timer.due()?.as_secs();
        let blocked = node.blocked(&self.request);
        let text = format!("{waited} s for {blocked}");
        Some(Answer::Waiting { text })
    }
}
