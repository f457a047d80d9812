//! The operating system, where the standard library is not enough: signals, terminals, and
//! output to a reader that may not read.

pub(crate) mod boot_clock;
pub(crate) mod file;
mod quota;
mod wait_timer;

#[cfg(feature = "cli")]
pub(crate) mod output;
#[cfg(feature = "cli")]
pub(crate) mod process;
#[cfg(feature = "cli")]
mod readiness;
#[cfg(feature = "cli")]
pub(crate) mod signals;
#[cfg(feature = "cli")]
pub(crate) mod terminal;
#[cfg(feature = "cli")]
pub(crate) mod users;

use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(feature = "cli")]
pub(crate) use output::Output;
pub(crate) use quota::Quota;
#[cfg(feature = "cli")]
pub(crate) use readiness::{readable, readiness, register_readable};
pub(crate) use wait_timer::{WaitTimer, rough};

/// Repeats a system call until no signal interrupts it.
pub(crate) fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Locks a mutex. Ignores poisoning: no critical section here panics.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time in milliseconds, for JSON. Saturates at `u64::MAX`.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The time in microseconds. Saturates at `u64::MAX`.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
