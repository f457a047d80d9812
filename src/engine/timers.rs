//! The timers that the algorithm asked for, as a source of envelopes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::envelope::{Envelope, Input};
use crate::mutex::{LockName, Purpose, Timer};

/// Timers that have not come due: at most one a purpose.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// The number tells those apart that come due at the same time.
    waiting: BTreeMap<(Instant, u64), Timer>,
    due: HashMap<Purpose, (Instant, u64)>,
    set: u64,
}

impl Timers {
    /// Sets a timer for about `after` from now: up to a quarter more or less,
    /// so that nodes that began together do not go on together.
    pub(super) fn set(&mut self, timer: Timer, after: Duration) {
        let purpose = timer.purpose();
        self.cancel(&purpose);
        // A pause beyond all measure is as good as none.
        if let Some(due) = Instant::now().checked_add(jittered(after)) {
            self.set += 1;
            self.due.insert(purpose, (due, self.set));
            self.waiting.insert((due, self.set), timer);
        }
    }

    /// Nothing of this lock is asked for any more. What is set for it would mean
    /// nothing when it comes due; but a lock that is used and left all the time
    /// would leave many.
    pub(super) fn forget(&mut self, lock: &LockName) {
        if !self.waiting.is_empty() {
            self.cancel(&Purpose::Resend(lock.clone()));
        }
    }

    fn cancel(&mut self, purpose: &Purpose) {
        if let Some(due) = self.due.remove(purpose) {
            self.waiting.remove(&due);
        }
    }

    /// When the next one comes due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let ((due, _), _) = self.waiting.first_key_value()?;
        Some(*due)
    }

    /// Puts those that are due into the queue.
    pub(super) fn drain<S>(&mut self, queue: &mut VecDeque<Envelope<S>>) {
        if self.waiting.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(first) = self.waiting.first_entry()
            && first.key().0 <= now
        {
            let timer = first.remove();
            self.due.remove(&timer.purpose());
            queue.push_back(Envelope::Engine(Input::Timer(timer)));
        }
    }
}

fn jittered(after: Duration) -> Duration {
    // Nobody gains by guessing it, so the system is not asked each time.
    (after - after / 4).saturating_add((after / 2).mul_f64(fastrand::f64()))
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
        assert_eq!(queue, [Envelope::Engine(Input::Timer(resend("a", 2)))]);
        assert!(timers.next_timeout().is_some());
    }

    #[test]
    fn of_one_purpose_the_last_timer_counts() {
        let mut timers = Timers::default();
        let mut queue = VecDeque::<Envelope<()>>::new();
        timers.set(resend("a", 2), Duration::ZERO);
        timers.set(resend("a", 4), Duration::ZERO);
        timers.set(resend("a", 6), Duration::MAX);
        timers.drain(&mut queue);
        assert_eq!((queue.len(), timers.next_timeout()), (0, None));
    }

    #[test]
    fn nothing_is_left_of_a_lock_that_is_forgotten() {
        let mut timers = Timers::default();
        timers.set(resend("a", 2), Duration::from_secs(1));
        timers.set(resend("b", 4), Duration::from_secs(1));
        timers.forget(&LockName::new("a").unwrap());
        assert!(timers.next_timeout().is_some());
        timers.forget(&LockName::new("b").unwrap());
        assert!(timers.next_timeout().is_none());
        assert!(timers.due.is_empty());
    }
}
