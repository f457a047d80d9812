//! The terminal behind standard input or output.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Opens the terminal behind a descriptor again, for this process alone and non-blocking.
/// Our parent shares the descriptor itself, so we must not change its flags.
///
/// # Errors
/// Those of the system: the terminal may belong to another user (`su`).
pub(crate) fn reopen(descriptor: impl AsFd) -> io::Result<File> {
    let name = rustix::termios::ttyname(descriptor, Vec::new())?;
    let path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let terminal = OpenOptions::new().read(true).write(true).open(path)?;
    rustix::io::ioctl_fionbio(&terminal, true)?;
    Ok(terminal)
}

/// Whether we may read from a terminal. The shell may have put us into the background; a
/// process that reads there is stopped.
pub(crate) fn is_in_foreground(terminal: impl AsFd) -> bool {
    match rustix::termios::tcgetpgrp(terminal) {
        Ok(foreground) => foreground == rustix::process::getpgrp(),
        // It is not a terminal, or not our controlling one.
        Err(_) => true,
    }
}

/// Whether input and output are a terminal that knows escape codes.
pub(crate) fn can_fill_the_screen() -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    !is_dumb && io::stdin().is_terminal() && io::stdout().is_terminal()
}
