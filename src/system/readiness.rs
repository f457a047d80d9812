//! The readiness of a descriptor at this moment.

use std::io;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::retry_interrupted;

/// Whether a descriptor can be read or written without waiting, as asked for, and whether
/// it has hung up.
pub(crate) fn readiness(descriptor: impl AsFd, asked: PollFlags) -> io::Result<PollFlags> {
    let mut polled = [PollFd::new(&descriptor, asked)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    retry_interrupted(|| Ok(rustix::event::poll(&mut polled, Some(&at_once))?))?;
    Ok(polled[0].revents())
}
