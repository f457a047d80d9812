//! What is needed of the operating system beside what the standard library has:
//! signals, terminals, and output to somebody who may not be reading.

pub(crate) mod file;
pub(crate) mod output;
mod quota;
mod readiness;
mod retry;
pub(crate) mod signals;
mod sync;
pub(crate) mod terminal;
mod time;

pub(crate) use output::Output;
pub(crate) use quota::Quota;
pub(crate) use readiness::readiness;
pub(crate) use retry::retry_interrupted;
pub(crate) use sync::locked;
pub(crate) use time::millis;
