//! When a long wait is reported.

use std::time::{Duration, Instant};

/// A wait. It is reported first after a given time, and again whenever it has lasted
/// twice as long.
#[derive(Debug)]
pub(crate) struct WaitTimer {
    pub(crate) began: Instant,
    next: Duration,
}

impl WaitTimer {
    /// A wait that begins now.
    pub(crate) fn first_report_after(first: Duration) -> Self {
        WaitTimer {
            began: Instant::now(),
            next: first,
        }
    }

    /// When it is to be reported next. `None`: later than an `Instant` can be.
    #[cfg(feature = "cli")]
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.began.checked_add(self.next)
    }

    /// How long it has lasted, if it is to be reported now.
    pub(crate) fn due(&mut self) -> Option<Duration> {
        let waited = self.began.elapsed();
        if waited < self.next {
            return None;
        }
        self.next = waited.saturating_mul(2);
        Some(waited)
    }
}
