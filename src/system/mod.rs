//! The operating system, where the standard library is not enough: signals, terminals, and
//! output to a reader that may not read.

pub(crate) mod boot_clock;
pub(crate) mod file;
mod quota;
mod retry;
mod sync;
mod time;
mod wait_timer;

#[cfg(feature = "cli")]
pub(crate) mod output;
#[cfg(feature = "cli")]
mod readiness;
#[cfg(feature = "cli")]
pub(crate) mod signals;
#[cfg(feature = "cli")]
pub(crate) mod terminal;

#[cfg(feature = "cli")]
pub(crate) use output::Output;
pub(crate) use quota::Quota;
#[cfg(feature = "cli")]
pub(crate) use readiness::readiness;
pub(crate) use retry::retry_interrupted;
pub(crate) use sync::locked;
pub(crate) use time::millis;
pub(crate) use wait_timer::WaitTimer;
