//! Time, as a node hands it in.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A moment of one machine, since some moment in its past that never changes.
///
/// It must never go back, and must count while the machine is suspended (Linux:
/// `CLOCK_BOOTTIME`). Moments of two machines cannot be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// A moment so many microseconds after the origin.
    #[must_use]
    pub fn from_micros(micros: u64) -> Self {
        Moment(micros)
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Saturates: a moment that no number can express never comes.
impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, time: Duration) -> Moment {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Moment(self.0.saturating_add(micros))
    }
}

/// Saturates at the origin.
impl Sub<Duration> for Moment {
    type Output = Moment;

    fn sub(self, time: Duration) -> Moment {
        Moment::default() + self.since(Moment::default() + time)
    }
}
