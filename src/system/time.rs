//! Times as whole numbers, as JSON has them.

use std::time::Duration;

/// In milliseconds; those beyond all measure are as many as there can be.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
