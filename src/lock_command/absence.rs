//! The absence of the agent while a client waits for its lock.

use std::mem;
use std::time::{Duration, Instant};

use super::MIN_REPORTED_WAIT;

/// The first pause between two tries to reach an agent.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest one.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// From the first try without an answer to the next answer.
pub(super) struct Absence {
    began: Instant,
    /// When the patience with it begins: the agent was there then, and had the client ask
    /// again, or its absence was noticed.
    since: Instant,
    pause: Duration,
    is_reported: bool,
}

impl Absence {
    pub(super) fn begin() -> Self {
        let now = Instant::now();
        Absence {
            began: now,
            since: now,
            pause: FIRST_PAUSE,
            is_reported: false,
        }
    }

    /// The agent is there, and has the client ask again: the patience with it begins again.
    pub(super) fn begin_again(&mut self) {
        self.since = Instant::now();
    }

    pub(super) fn patience_ends_at(&self, patience: Duration) -> Option<Instant> {
        self.since.checked_add(patience)
    }

    /// How long to wait until the next try. `None`: the time for that is over.
    pub(super) fn next_pause(&mut self, over_at: Option<Instant>) -> Option<Duration> {
        let now = Instant::now();
        if over_at.is_some_and(|at| at <= now) {
            return None;
        }
        let left = over_at.map(|at| at.duration_since(now));
        let pause = left.map_or(self.pause, |left| left.min(self.pause));
        self.pause = MAX_PAUSE.min(self.pause * 2);
        Some(pause)
    }

    /// Whether it has become so long that the user is told, once.
    pub(super) fn is_to_be_reported(&mut self) -> bool {
        self.began.elapsed() >= MIN_REPORTED_WAIT && !mem::replace(&mut self.is_reported, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_with_the_time_for_them() {
        let mut absence = Absence::begin();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            pauses.push(absence.next_pause(None).unwrap().as_millis());
        }
        assert_eq!(pauses, [5, 10, 20, 40, 80, 100, 100]);
        let soon = Instant::now() + Duration::from_millis(50);
        assert!(absence.next_pause(Some(soon)).unwrap() <= Duration::from_millis(50));
        assert_eq!(absence.next_pause(Some(Instant::now())), None);
    }
}
