//! The timers that the algorithm asked for, as a source of envelopes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::envelope::{Envelope, Source};
use crate::mutex::Timer;

/// Timers that have not come due. There are few: one a request.
#[derive(Debug, Default)]
pub(super) struct Timers {
    waiting: Vec<(Instant, Timer)>,
}

impl Timers {
    /// Sets a timer for about `after` from now: up to a quarter more or less,
    /// so that nodes that began together do not go on together.
    pub(super) fn set(&mut self, timer: Timer, after: Duration) {
        self.waiting.push((Instant::now() + jittered(after), timer));
    }

    /// When the next one comes due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.iter().map(|(due, _)| *due).min()
    }

    /// Puts those that are due into the queue.
    pub(super) fn drain(&mut self, queue: &mut VecDeque<Envelope>) {
        let now = Instant::now();
        self.waiting.retain(|(due, timer)| {
            let is_due = *due <= now;
            if is_due {
                queue.push_back(Envelope::new(Source::Timer(*timer), ""));
            }
            !is_due
        });
    }
}

fn jittered(after: Duration) -> Duration {
    // Without randomness from the system the pause is as it was asked for.
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    after.mul_f64(0.75 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let mut queue = VecDeque::new();
        timers.set(Timer::Resend { request: 2 }, Duration::ZERO);
        timers.set(Timer::Resend { request: 4 }, Duration::from_secs(3600));
        timers.drain(&mut queue);
        timers.drain(&mut queue);
        let source = Source::Timer(Timer::Resend { request: 2 });
        assert_eq!(queue, [Envelope::new(source, "")]);
        assert!(timers.next_due().is_some());
    }
}
