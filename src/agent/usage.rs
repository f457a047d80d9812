//! How each lock is used by the clients of an agent: how long they waited for it and had it,
//! and why others did not get it. For the metrics, so the counts only rise.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many locks have counts of their own. The others share one: a client can think of any
/// number of names.
const MAX_LOCKS: usize = 100;

/// A lock that was not used for this time leaves its place to another. A shorter one would
/// have locks of which there are too many begin again all the time.
const MIN_UNUSED: Duration = Duration::from_secs(60 * 60);

/// The label of all locks that have no counts of their own, among them the lock of this name.
const OTHERS: &str = "(other locks)";

/// The upper bounds of the buckets of a [`Histogram`], in seconds.
pub(super) const BOUNDS: [f64; 7] = [0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0];

/// Durations, counted by their length.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    /// How many were at most as long as this bound, and longer than that before.
    counts: [u64; BOUNDS.len()],
    pub(super) count: u64,
    pub(super) sum: Duration,
}

impl Histogram {
    fn add(&mut self, time: Duration) {
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
        let place = BOUNDS.iter().position(|bound| time.as_secs_f64() <= *bound);
        if let Some(place) = place {
            self.counts[place] += 1;
        }
    }

    /// Each bound, and how many were at most so long.
    pub(super) fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let counts = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS.into_iter().zip(counts)
    }
}

/// Why a client that asked for a lock did not begin under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NotHad {
    /// Another caller had it or came first.
    Busy,
    /// Members did not answer.
    Unanswered,
    /// Its turn went to the next: it did not take it up.
    NotTakenUp,
    /// It ended, or left the line.
    Gone,
    /// The agent could not give it the lock.
    Failed,
}

impl NotHad {
    pub(super) const ALL: [NotHad; 5] = [
        NotHad::Busy,
        NotHad::Unanswered,
        NotHad::NotTakenUp,
        NotHad::Gone,
        NotHad::Failed,
    ];

    /// As the metrics have it.
    pub(super) fn name(self) -> &'static str {
        match self {
            NotHad::Busy => "busy",
            NotHad::Unanswered => "unanswered",
            NotHad::NotTakenUp => "not_taken_up",
            NotHad::Gone => "gone",
            NotHad::Failed => "failed",
        }
    }
}

/// How one lock is used.
#[derive(Clone, Debug, Default)]
pub(super) struct LockUsage {
    /// How long the clients waited that began under the lock.
    pub(super) waits: Histogram,
    /// How long those had the lock that have ended.
    pub(super) holds: Histogram,
    not_had: BTreeMap<NotHad, u64>,
}

impl LockUsage {
    /// How many clients did not get the lock for this reason.
    pub(super) fn not_had(&self, why: NotHad) -> u64 {
        self.not_had.get(&why).copied().unwrap_or(0)
    }
}

/// How all locks are used.
#[derive(Debug, Default)]
pub(super) struct Usage {
    /// With the moment of the latest count.
    locks: BTreeMap<String, (LockUsage, Instant)>,
    others: LockUsage,
}

impl Usage {
    /// A client asks for this lock, or has it still from an earlier agent. `is_used` says of
    /// another lock whether a client has it or waits for it: those keep their counts.
    pub(super) fn asked(&mut self, lock: &str, now: Instant, is_used: impl Fn(&str) -> bool) {
        if lock == OTHERS {
            return;
        }
        if let Some((_, at)) = self.locks.get_mut(lock) {
            *at = now;
            return;
        }
        if self.locks.len() == MAX_LOCKS {
            let unused = self.locks.iter().filter(|(name, (_, at))| {
                now.saturating_duration_since(*at) >= MIN_UNUSED && !is_used(name)
            });
            let Some((oldest, _)) = unused.min_by_key(|(_, (_, at))| *at) else {
                return;
            };
            let oldest = oldest.clone();
            self.locks.remove(&oldest);
        }
        if lock != OTHERS {
            let usage = (LockUsage::default(), now);
            self.locks.insert(lock.to_owned(), usage);
        }
    }

    /// A client begins under the lock, after it waited so long.
    pub(super) fn begun(&mut self, lock: &str, waited: Duration) {
        self.of(lock).waits.add(waited);
    }

    /// The lock is released, after it was held so long.
    pub(super) fn released(&mut self, lock: &str, held: Duration) {
        self.of(lock).holds.add(held);
    }

    /// A client that asked for the lock does not get it.
    pub(super) fn not_had(&mut self, lock: &str, why: NotHad) {
        *self.of(lock).not_had.entry(why).or_default() += 1;
    }

    fn of(&mut self, lock: &str) -> &mut LockUsage {
        match self.locks.get_mut(lock) {
            Some((usage, at)) => {
                *at = Instant::now();
                usage
            }
            None => &mut self.others,
        }
    }

    /// The name under which this lock is counted.
    pub(super) fn counted_as<'a>(&self, lock: &'a str) -> &'a str {
        match self.locks.contains_key(lock) {
            true => lock,
            false => OTHERS,
        }
    }

    /// All counts, by the name under which they are counted.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &LockUsage)> {
        let locks = self.locks.iter().map(|(name, (usage, _))| (&**name, usage));
        // All locks have counts of their own until there are too many.
        let has_others = self.others.waits.count + self.others.holds.count > 0
            || !self.others.not_had.is_empty();
        locks.chain(has_others.then_some((OTHERS, &self.others)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// The agent asks for so many locks, one after another.
    fn with_locks(count: usize, now: Instant) -> Usage {
        let mut usage = Usage::default();
        for index in 0..count {
            usage.asked(&format!("lock-{index:03}"), now, |_| false);
        }
        usage
    }

    fn count_of(usage: &Usage, name: &str) -> Option<u64> {
        let mut all = usage.all();
        let (_, found) = all.find(|(it, _)| *it == name)?;
        Some(found.waits.count)
    }

    #[test]
    fn a_bucket_counts_all_that_are_not_longer_than_its_bound() {
        let mut histogram = Histogram::default();
        for ms in [1, 10, 11, 999, 1_000, 4_000_000] {
            histogram.add(Duration::from_millis(ms));
        }
        let counts: Vec<u64> = histogram.buckets().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 3, 5, 5, 5, 5, 5]);
        assert_eq!(
            (histogram.count, histogram.sum),
            (6, Duration::from_millis(4_002_021))
        );
    }

    #[test]
    fn the_locks_beyond_the_limit_are_counted_together() {
        let now = Instant::now();
        let mut usage = with_locks(MAX_LOCKS + 50, now);
        for index in 0..MAX_LOCKS + 50 {
            usage.begun(&format!("lock-{index:03}"), SECOND);
        }
        assert_eq!(usage.all().count(), MAX_LOCKS + 1);
        assert_eq!(count_of(&usage, "lock-099"), Some(1));
        assert_eq!(count_of(&usage, "lock-100"), None);
        assert_eq!(count_of(&usage, OTHERS), Some(50));
        assert_eq!(usage.counted_as("lock-099"), "lock-099");
        assert_eq!(usage.counted_as("lock-100"), OTHERS);
    }

    #[test]
    fn only_a_lock_that_is_unused_for_long_leaves_its_place_to_another() {
        let now = Instant::now();
        let mut usage = with_locks(MAX_LOCKS, now);
        let later = now + MIN_UNUSED;
        usage.asked("lock-001", later, |_| false);
        usage.asked("new", later - SECOND, |_| false);
        assert_eq!(usage.counted_as("new"), OTHERS);
        usage.asked("new", later, |name| name == "lock-000");
        assert_eq!(usage.counted_as("new"), "new");
        for kept in ["lock-000", "lock-001", "lock-003"] {
            assert_eq!(usage.counted_as(kept), kept);
        }
        assert_eq!(usage.counted_as("lock-002"), OTHERS);
        assert_eq!(usage.all().count(), MAX_LOCKS);
    }

    #[test]
    fn a_lock_with_the_name_of_the_others_is_one_of_them() {
        let mut usage = Usage::default();
        usage.asked(OTHERS, Instant::now(), |_| false);
        assert_eq!(usage.all().count(), 0);
        usage.not_had(OTHERS, NotHad::Busy);
        let (name, found) = usage.all().next().unwrap();
        assert_eq!((name, found.not_had(NotHad::Busy)), (OTHERS, 1));
        assert_eq!(usage.all().count(), 1);
    }
}
