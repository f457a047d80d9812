//! The command of a supervisor: its start, and the signals to it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{Pid, Signal, getpgid, getpgrp, kill_process};

use super::exit_code::{NOT_EXECUTABLE, NOT_FOUND, OWN_FAILURE};
use super::messages;
use crate::system::signals::is_handled;

/// The lowest descriptor of the record in the command. Scripts use small numbers for
/// their own files, which would close the record.
const MIN_RECORD_FD: i32 = 100;

/// Opens the record again, for all processes that are started from now on.
pub(super) fn inheritable(record: &OwnedFd) -> io::Result<OwnedFd> {
    // The limit of open files may be lower than the number.
    let inheritable =
        fcntl_dupfd_cloexec(record, MIN_RECORD_FD).or_else(|_| fcntl_dupfd_cloexec(record, 3))?;
    fcntl_setfd(&inheritable, FdFlags::empty())?;
    Ok(inheritable)
}

/// Starts the command.
///
/// # Errors
/// The exit code. The reason is printed.
pub(super) fn spawn(command: &[OsString], input: OwnedFd) -> Result<Pid, u8> {
    let (program, arguments) = command.split_first().ok_or(OWN_FAILURE)?;
    let spawned = Command::new(program).args(arguments).stdin(input).spawn();
    spawned
        .map(|child| Pid::from_child(&child))
        .map_err(|error| not_started(program, &error))
}

/// Has this process become the command. Returns the exit code if it cannot. The reason is
/// printed.
pub(super) fn become_it(
    command: &[OsString],
    environment: impl IntoIterator<Item = (&'static str, String)>,
) -> u8 {
    let Some((program, arguments)) = command.split_first() else {
        return OWN_FAILURE;
    };
    let mut command = Command::new(program);
    let error = command.args(arguments).envs(environment).exec();
    not_started(program, &error)
}

fn not_started(program: &OsStr, error: &io::Error) -> u8 {
    let shown = Path::new(program).display();
    messages::print(&format!("cannot run {shown}: {error}"));
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => NOT_FOUND,
        // The system has no room for a process.
        Some(Errno::AGAIN | Errno::NOMEM) => OWN_FAILURE,
        _ => NOT_EXECUTABLE,
    }
}

/// Whether the command itself has received a signal that the terminal sent to the process
/// group. It has not if it has left the group, or was not started yet. One that does not
/// handle the signal has ended, so that to send it again does no harm: it is sent again
/// unless the command handles it.
pub(super) fn has_received(command: Pid, signal: i32) -> bool {
    getpgid(Some(command)) == Ok(getpgrp()) && is_handled(command.as_raw_pid(), signal)
}

pub(super) fn pass_on(command: Pid, signal: i32) {
    let Some(named) = Signal::from_named_raw(signal) else {
        return;
    };
    // The command was not reaped, so the id is still its own.
    if let Err(error) = kill_process(command, named) {
        messages::print(&format!(
            "cannot pass signal {signal} on to the command: {error}"
        ));
    }
}
