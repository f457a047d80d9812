//! The clock of a member's machine: its origin and its rate are its own.

use serde::{Deserialize, Serialize};

use super::plan::Micros;
use crate::views::Moment;

const MILLION: u64 = 1_000_000;

/// A clock that counts while its machine is suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberClock {
    /// What it shows when the simulation begins.
    pub origin: Micros,
    /// How many parts in a million it is fast.
    pub rate: i32,
}

impl MemberClock {
    /// Whether it goes on, and no more than twice as fast as time.
    pub(super) fn is_valid(self) -> bool {
        self.rate.unsigned_abs() < 1_000_000 && self.origin < u64::MAX / 4
    }

    /// What it shows at this time.
    pub(super) fn at(self, time: Micros) -> Moment {
        let passed = u128::from(time) * u128::from(self.factor()) / u128::from(MILLION);
        Moment(self.origin + u64::try_from(passed).unwrap_or(u64::MAX / 4))
    }

    /// The first time at which it shows this moment or a later one.
    pub(super) fn time_of(self, moment: Moment) -> Micros {
        let passed = u128::from(moment.0.saturating_sub(self.origin)) * u128::from(MILLION);
        let time = passed.div_ceil(u128::from(self.factor()));
        u64::try_from(time)
            .unwrap_or(u64::MAX / 4)
            .min(u64::MAX / 4)
    }

    fn factor(self) -> u64 {
        MILLION.saturating_add_signed(i64::from(self.rate)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_shows_a_moment_at_its_time_and_not_before() {
        for (origin, rate) in [(0, 0), (7, 500), (1_000_000_007, -500), (3, 50_000)] {
            let clock = MemberClock { origin, rate };
            for after in [0, 1, 2, 999, 1_000_000, 86_399_999_999] {
                let moment = Moment(origin + after);
                let time = clock.time_of(moment);
                assert!(clock.at(time) >= moment, "{clock:?} {after}");
                assert!(
                    time == 0 || clock.at(time - 1) < moment,
                    "{clock:?} {after}"
                );
            }
        }
    }
}
