//! The timers that the algorithm asked for, as a source of envelopes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::envelope::{Envelope, Source};
use crate::mutex::Timer;

/// Timers that have not come due: at most one a purpose.
#[derive(Debug, Default)]
pub(super) struct Timers {
    waiting: Vec<(Instant, Timer)>,
}

impl Timers {
    /// Sets a timer for about `after` from now: up to a quarter more or less,
    /// so that nodes that began together do not go on together.
    pub(super) fn set(&mut self, timer: Timer, after: Duration) {
        self.waiting.retain(|(_, other)| !timer.replaces(other));
        // A pause beyond all measure is as good as none.
        if let Some(due) = Instant::now().checked_add(jittered(after)) {
            self.waiting.push((due, timer));
        }
    }

    /// When the next one comes due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.iter().map(|(due, _)| *due).min()
    }

    /// Puts those that are due into the queue.
    pub(super) fn drain<S>(&mut self, queue: &mut VecDeque<Envelope<S>>) {
        if self.waiting.is_empty() {
            return;
        }
        let now = Instant::now();
        for (_, timer) in self.waiting.extract_if(.., |(due, _)| *due <= now) {
            queue.push_back(Envelope::empty(Source::Timer(timer)));
        }
    }
}

fn jittered(after: Duration) -> Duration {
    // Without randomness from the system the pause is as it was asked for.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    let (half, random) = (after / 2, f64::from(random) / f64::from(u32::MAX));
    (after - after / 4).saturating_add(half.mul_f64(random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutex::LockName;

    fn resend(lock: &str, request: u64) -> Timer {
        let lock = LockName::new(lock).unwrap();
        let sent = 1;
        Timer::Resend {
            lock,
            request,
            sent,
        }
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        let second = Duration::from_secs(1);
        for _ in 0..1000 {
            let pause = jittered(second);
            assert!(
                pause >= second * 3 / 4 && pause <= second * 5 / 4,
                "{pause:?}"
            );
        }
    }

    #[test]
    fn a_timer_comes_due_once() {
        let mut timers = Timers::default();
        let mut queue = VecDeque::<Envelope<()>>::new();
        timers.set(resend("a", 2), Duration::ZERO);
        timers.set(resend("b", 4), Duration::from_secs(3600));
        timers.drain(&mut queue);
        timers.drain(&mut queue);
        assert_eq!(queue, [Envelope::empty(Source::Timer(resend("a", 2)))]);
        assert!(timers.next_due().is_some());
    }

    #[test]
    fn of_one_purpose_the_last_timer_counts() {
        let mut timers = Timers::default();
        let mut queue = VecDeque::<Envelope<()>>::new();
        timers.set(resend("a", 2), Duration::ZERO);
        timers.set(resend("a", 4), Duration::ZERO);
        timers.set(resend("a", 6), Duration::MAX);
        timers.drain(&mut queue);
        assert_eq!((queue.len(), timers.next_due()), (0, None));
    }
}
