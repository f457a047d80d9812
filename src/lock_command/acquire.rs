//! The client acquires its lock from the agent.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::connection::Connection;
use super::messages::{Messages, rounded};
use super::{GRACE, LockCommandError, LockOptions, WaitLimit};
use crate::agent::protocol::{Answer, Ask, ClientMessage};
use crate::system::millis;

/// A shorter wait is not reported.
const MIN_REPORTED_WAIT: Duration = Duration::from_secs(1);

/// How long to try to lock a record that the agent has just locked to check it.
const MAX_CHECK: Duration = Duration::from_secs(1);

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(1);

/// How much of a command is sent to the agent, in bytes.
const MAX_SHOWN: usize = 4096;

/// An acquired lock.
pub(super) struct Acquired {
    /// The fencing token of the entry.
    pub(super) token: u64,
    /// The id of this machine's member.
    pub(super) node: u16,
    /// The length of the lease, if the group has failover.
    pub(super) lease: Option<Duration>,
    /// The record of the entry, which stays locked while a process has it open.
    pub(super) record: File,
}

/// Requests the lock, and waits for it. A signal ends this process as it does any other:
/// it holds nothing yet that would outlive it.
pub(super) fn acquire(
    connection: &mut Connection,
    options: &LockOptions,
    messages: &mut Messages<'_>,
) -> Result<Acquired, LockCommandError> {
    let requested_at = Instant::now();
    connection.send(&ClientMessage::Ask(ask(options)))?;
    let report_at = requested_at + MIN_REPORTED_WAIT;
    let mut unreported: Option<String> = None;
    let mut acquired: Option<Acquired> = None;
    loop {
        if Instant::now() >= report_at
            && let Some(text) = unreported.take()
        {
            messages.report_wait(&text);
        }
        let Some(answer) = connection.receive(unreported.is_some().then_some(report_at))? else {
            continue;
        };
        match (answer, acquired.take()) {
            (Answer::Waiting { text }, before) => {
                unreported = Some(text);
                acquired = before;
                // The next report comes when the wait has lasted twice as long.
                connection.expect_answer_within(requested_at.elapsed());
            }
            (
                Answer::Granted {
                    token,
                    node,
                    record,
                    lease_us,
                },
                None,
            ) => {
                unreported = None;
                acquired = Some(Acquired {
                    token,
                    node,
                    record: lock(&record)?,
                    lease: lease_us.map(Duration::from_micros),
                });
                connection.send(&match lease_us {
                    None => ClientMessage::Locked {},
                    Some(_) => ClientMessage::LockedUntil {},
                })?;
                connection.extend_deadline(GRACE);
            }
            (Answer::Go {}, Some(acquired)) => {
                let (waited, token) = (rounded(requested_at.elapsed()), acquired.token);
                messages.report_entry(&format!("acquired after {waited}, token {token}"));
                return Ok(acquired);
            }
            (Answer::TimedOut { why }, _) => return Err(LockCommandError::TimedOut(why)),
            (Answer::Failed { why, .. }, _) => {
                return Err(LockCommandError::Failed(format!("the agent says: {why}")));
            }
            (answer, _) => {
                let why = format!("it sent an unexpected answer: {answer:?}");
                return Err(connection.lost(&io::Error::other(why)).into());
            }
        }
    }
}

fn ask(options: &LockOptions) -> Ask {
    let wait_ms = match options.wait_limit {
        WaitLimit::AtMost(time) => Some(millis(time)),
        WaitLimit::AtOnce | WaitLimit::Unlimited => None,
    };
    Ask {
        name: options.lock.as_str().to_owned(),
        at_once: options.wait_limit == WaitLimit::AtOnce,
        wait_ms,
        command: shown(&options.command),
    }
}

/// The beginning of a command, for `turno status`.
fn shown(command: &[OsString]) -> Vec<String> {
    let mut left = MAX_SHOWN;
    let mut shown = Vec::new();
    for argument in command {
        let mut argument = argument.to_string_lossy().into_owned();
        if argument.len() > left {
            while !argument.is_char_boundary(left) {
                left -= 1;
            }
            argument.truncate(left);
            argument.push('…');
            shown.push(argument);
            break;
        }
        left = left.saturating_sub(argument.len() + 1);
        shown.push(argument);
    }
    shown
}

/// Locks the record of the entry. Only the agent may have it locked, for an instant, to
/// check whether it is locked.
fn lock(record: &Path) -> Result<File, LockCommandError> {
    let lock = || -> io::Result<File> {
        let file = File::open(record)?;
        let until = Instant::now() + MAX_CHECK;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) if Instant::now() < until => thread::sleep(PAUSE),
                locked => return Ok(locked.map(|()| file)?),
            }
        }
    };
    lock().map_err(|error| {
        LockCommandError::Failed(format!(
            "cannot lock {}, the agent's record of this entry: {error}; the command was not run",
            record.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_of_the_record_does_not_prevent_its_lock() {
        let record = tempfile::NamedTempFile::new().unwrap();
        let check = File::open(record.path()).unwrap();
        flock(&check, FlockOperation::LockExclusive).unwrap();
        let path = record.path().to_owned();
        let locks = thread::spawn(move || lock(&path).map(drop));
        drop(check);
        assert!(locks.join().unwrap().is_ok());
    }

    #[test]
    fn a_long_command_is_cut() {
        let command = ["rsync", "-a", "from", "to"].map(OsString::from);
        assert_eq!(shown(&command), ["rsync", "-a", "from", "to"]);
        let long = ["x".into(), "é".repeat(10_000).into(), "y".into()];
        let shown = shown(&long);
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[1], format!("{}…", "é".repeat((4096 - 2) / 2)));
    }
}
