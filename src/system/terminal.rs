//! The terminal that standard input or output is.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

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

/// Whether a terminal is ours to read from: the shell may have put us into the
/// background, and stops whoever reads from there.
pub(crate) fn is_in_foreground(terminal: impl AsFd) -> bool {
    match rustix::termios::tcgetpgrp(terminal) {
        Ok(foreground) => foreground == rustix::process::getpgrp(),
        // No terminal, or not our controlling one.
        Err(_) => true,
    }
}
