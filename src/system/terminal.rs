//! The terminal that standard input or output is.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::system::retry_interrupted;

/// Opens the terminal behind a descriptor once more, for this process alone, and
/// non-blocking. The descriptor itself is shared with whoever started us, so its
/// flags are not ours to change.
///
/// # Errors
/// The system's; the terminal may belong to another user (`su`).
pub(crate) fn reopen(descriptor: impl AsFd) -> io::Result<File> {
    let name = rustix::termios::ttyname(descriptor, Vec::new())?;
    let path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let terminal = OpenOptions::new().read(true).write(true).open(path)?;
    rustix::io::ioctl_fionbio(&terminal, true)?;
    Ok(terminal)
}

/// What can be done with a descriptor at this moment without waiting: of
/// reading and writing what was asked for, and whether it has hung up.
pub(crate) fn readiness(descriptor: impl AsFd, asked: PollFlags) -> io::Result<PollFlags> {
    let mut polled = [PollFd::new(&descriptor, asked)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    retry_interrupted(|| Ok(rustix::event::poll(&mut polled, Some(&at_once))?))?;
    Ok(polled[0].revents())
}

/// Whether a terminal is ours to read from: the shell may have put us into the
/// background, and stops whoever reads from there.
pub(crate) fn is_in_foreground(terminal: impl AsFd) -> bool {
    match rustix::termios::tcgetpgrp(terminal) {
        Ok(foreground) => foreground == rustix::process::getpgrp(),
        // No terminal, or not our controlling one.
        Err(_) => true,
    }
}
