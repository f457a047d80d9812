//! When a long wait is reported.

use std::time::{Duration, Instant};

/// About how long: `14 s`, `12 min`, `2 h`, `3 d`.
pub(crate) fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

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
