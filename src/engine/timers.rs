//! The algorithm's timers, as a source of envelopes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::envelope::{Envelope, Input};
use crate::mutex::{LockName, Purpose, Timer};

/// The pending timers: at most one for each purpose.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// The number distinguishes timers that are due at the same time.
    waiting: BTreeMap<(Instant, u64), Timer>,
    due: HashMap<Purpose, (Instant, u64)>,
    set: u64,
}

impl Timers {
    /// Sets a timer for `after` from now; if it is jittered, a quarter more or less: nodes
    /// that began together must not send together.
    pub(super) fn set(&mut self, timer: Timer, after: Duration) {
        let purpose = timer.purpose();
        self.cancel(&purpose);
        // A time that no `Instant` can express never comes.
        let after = if timer.is_jittered() {
            jittered(after)
        } else {
            after
        };
        if let Some(due) = Instant::now().checked_add(after) {
            self.set += 1;
            self.due.insert(purpose, (due, self.set));
            self.waiting.insert((due, self.set), timer);
        }
    }

    /// Forgets the timer of this lock's request, which has ended. The timer would be
    /// ignored anyway; but a lock that is used all the time would leave many.
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

    /// When the next timer is due.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let ((due, _), _) = self.waiting.first_key_value()?;
        Some(*due)
    }

    /// Puts the timers that are due into the queue.
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

/// A quarter more or less.
pub(super) fn jittered(after: Duration) -> Duration {
    // It need not be unpredictable, so it costs no system call.
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
    fn a_timer_is_due_once() {
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
    fn the_last_timer_of_a_purpose_replaces_the_others() {
        let mut timers = Timers::default();
        let mut queue = VecDeque::<Envelope<()>>::new();
        timers.set(resend("a", 2), Duration::ZERO);
        timers.set(resend("a", 4), Duration::ZERO);
        timers.set(resend("a", 6), Duration::MAX);
        timers.drain(&mut queue);
        assert_eq!((queue.len(), timers.next_timeout()), (0, None));
    }

    #[test]
    fn a_forgotten_lock_leaves_no_timer() {
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
