//! The exit codes of `turno lock` beside the command's own, as of env(1) and the shell.

use rustix::process::WaitStatus;

/// Members do not answer, so whether the lock is free is not known.
pub(crate) const UNANSWERED: u8 = 123;

/// turno itself failed.
pub(crate) const OWN_FAILURE: u8 = 125;

/// The command exists and cannot be executed.
pub(super) const NOT_EXECUTABLE: u8 = 126;

/// The command does not exist.
pub(super) const NOT_FOUND: u8 = 127;

/// The exit code for a command that this signal killed.
pub(super) fn killed_by(signal: i32) -> u8 {
    128 + u8::try_from(signal).unwrap_or_default()
}

/// The exit code for a command that ended like this.
pub(super) fn of(status: WaitStatus) -> u8 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => killed_by(signal),
        (None, None) => OWN_FAILURE,
    }
}
