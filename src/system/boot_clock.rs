//! The machine's clock that counts while it is suspended.

use rustix::time::{ClockId, clock_gettime};

use crate::views::Moment;

/// The present moment, by CLOCK_BOOTTIME. It takes no system call where the kernel maps
/// the clock into the process (vDSO).
pub(crate) fn now() -> Moment {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let micros = u64::try_from(now.tv_nsec / 1_000).unwrap_or(0);
    Moment::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
}
