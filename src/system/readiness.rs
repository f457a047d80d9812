//! The readiness of a descriptor, at this moment or as an event of a poll.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
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

/// Waits until one of these descriptors can be read, but not longer than `timeout`, and
/// says which can.
///
/// # Errors
/// The system's; or a signal interrupted it.
pub(crate) fn readable<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let mut polled = descriptors.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    // A timeout that no `Timespec` can express is none.
    let timeout = timeout.and_then(|time| Timespec::try_from(time).ok());
    rustix::event::poll(&mut polled, timeout.as_ref())?;
    Ok(polled.map(|polled| !polled.revents().is_empty()))
}

/// Has a poll report when this descriptor can be read.
pub(crate) fn register_readable(
    descriptor: &impl AsRawFd,
    registry: &Registry,
    token: Token,
) -> io::Result<()> {
    let mut source = SourceFd(&descriptor.as_raw_fd());
    registry.register(&mut source, token, Interest::READABLE)
}
