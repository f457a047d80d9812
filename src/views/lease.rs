//! The membership lease: how long it lasts, for the member that has it and for those
//! that acknowledged it.

use core::time::Duration;

/// The bound on the difference of two clocks' rates: one part in a thousand.
const RATE_BOUND: u32 = 1000;

/// The shortest lease.
pub const MIN_LEASE: Duration = Duration::from_secs(1);

/// The longest lease: a dead member would cost the others more than an hour.
pub const MAX_LEASE: Duration = Duration::from_secs(3600);

/// The longest time between two beats.
const MAX_BEAT: Duration = Duration::from_secs(1);

/// The shortest time that an acknowledgment outlasts the lease by more than the clocks'
/// rates demand.
const MIN_GRACE: Duration = Duration::from_millis(100);

/// The membership lease of a group: the same for all its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease(Duration);

impl Lease {
    /// A lease of this length. `None` if it is shorter than [`MIN_LEASE`] or longer
    /// than [`MAX_LEASE`].
    #[must_use]
    pub fn new(length: Duration) -> Option<Self> {
        (MIN_LEASE..=MAX_LEASE)
            .contains(&length)
            .then_some(Lease(length))
    }

    /// Its length, as the group agrees on it.
    #[must_use]
    pub fn length(self) -> Duration {
        self.0
    }

    /// The length in microseconds.
    #[must_use]
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX)
    }

    /// How long it lasts for the member that has it, from the sending of the beat that
    /// a majority acknowledged (rule 3): the length, less the clocks' difference.
    #[must_use]
    pub fn held(self) -> Duration {
        self.0 - self.0 / RATE_BOUND
    }

    /// How long a member that acknowledges it counts on it (rule 2): the length, plus
    /// the clocks' difference, plus [`Lease::grace`].
    #[must_use]
    pub fn acknowledged(self) -> Duration {
        self.0 + self.0 / RATE_BOUND + self.grace()
    }

    /// Not needed for exclusion, because [`Lease::acknowledged`] outlasts
    /// [`Lease::held`] without it. It pays for a command that is killed late, and for
    /// writes that are under way.
    #[must_use]
    pub fn grace(self) -> Duration {
        (self.0 / 10).max(MIN_GRACE)
    }

    /// How much of it an entry needs at its beginning. Exclusion does not need that; but an
    /// entry that ends at once is of no use, and a command would not even be started.
    #[must_use]
    pub fn for_an_entry(self) -> Duration {
        self.0 / 2
    }

    /// The time between two beats (rule 1).
    #[must_use]
    pub fn beat(self) -> Duration {
        (self.0 / 10).min(MAX_BEAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(millis: u64) -> Lease {
        Lease::new(Duration::from_millis(millis)).unwrap()
    }

    /// A member holds a lease from the sending of a beat, the others count on it from
    /// its arrival or later. Whatever two clocks within the bound show, the first ends
    /// before the second.
    #[test]
    fn an_acknowledgment_outlasts_the_lease_at_every_rate_within_the_bound() {
        for millis in [1_000, 3_000, 10_000, 3_600_000] {
            let lease = lease(millis);
            let (slow, fast) = (1.0 - 0.0005, 1.0 + 0.0005);
            // In real time: the holder's clock is slow, the acknowledger's is fast.
            let held = lease.held().as_secs_f64() / slow;
            let acknowledged = (lease.acknowledged() - lease.grace()).as_secs_f64() / fast;
            assert!(held < acknowledged, "{millis} ms: {held} {acknowledged}");
            // Beyond the bound it does not: the check can fail.
            let held = lease.held().as_secs_f64() / (1.0 - 0.002);
            assert!(held > acknowledged, "{millis} ms: {held} {acknowledged}");
        }
    }

    #[test]
    fn a_lease_has_a_least_length_and_ten_beats() {
        assert_eq!(Lease::new(Duration::from_millis(999)), None);
        assert_eq!(lease(10_000).beat(), Duration::from_secs(1));
        assert_eq!(lease(1_000).grace(), Duration::from_millis(100));
        assert_eq!(lease(10_000).grace(), Duration::from_secs(1));
    }
}
