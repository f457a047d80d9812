//! Times as whole numbers, for JSON.

use std::time::Duration;

/// The time in milliseconds. Saturates at `u64::MAX`.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
