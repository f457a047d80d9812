//! The client waits for its turn.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::messages::{Messages, rough};
use super::{GRACE, LockOptions, Patience, RunError};
use crate::agent::protocol::{Answer, Ask, ClientMessage};
use crate::lock_command::connection::Connection;
use crate::system::millis;

/// Waits that are shorter are not told of.
const MOMENT: Duration = Duration::from_secs(1);

/// For how long somebody may look at a record.
const INSTANT: Duration = Duration::from_millis(1);

/// How much of a command is shown to those who ask, in bytes.
const MOST_SHOWN: usize = 4096;

/// A turn that has come.
pub(super) struct Acquired {
    /// The fencing token of the entry.
    pub(super) token: u64,
    /// Which member holds the lock.
    pub(super) node: u16,
    /// The record of the entry, locked for as long as anybody has it open.
    pub(super) record: File,
}

/// Until then the signals do what they do: nothing is held that outlives this
/// process.
pub(super) fn wait(
    connection: &mut Connection,
    config: &LockOptions,
    tell: &Messages<'_>,
) -> Result<Acquired, RunError> {
    let asked = Instant::now();
    connection.say(&ClientMessage::Ask(ask(config)))?;
    let moment = asked + MOMENT;
    let mut is_told = false;
    let mut turn: Option<Acquired> = None;
    let mut unreported: Option<String> = None;
    loop {
        if Instant::now() >= moment
            && let Some(text) = unreported.take()
        {
            tell.of_waiting(&text);
            is_told = true;
        }
        let Some(answer) = connection.hear(unreported.is_some().then_some(moment))? else {
            continue;
        };
        match (answer, turn.take()) {
            (Answer::Waiting { text }, before) => {
                unreported = Some(text);
                turn = before;
                // It says more when it has taken twice as long.
                connection.expect_word_after(asked.elapsed());
            }
            (
                Answer::Granted {
                    token,
                    node,
                    record,
                },
                None,
            ) => {
                unreported = None;
                turn = Some(Acquired {
                    token,
                    node,
                    record: lock(record)?,
                });
                connection.say(&ClientMessage::Locked {})?;
                connection.wait_at_least(GRACE);
            }
            (Answer::Go {}, Some(turn)) => {
                let after = rough(asked.elapsed());
                tell.of_turn(
                    is_told,
                    &format!("held after {after}, token {}", turn.token),
                );
                return Ok(turn);
            }
            (Answer::TimedOut { why }, _) => return Err(RunError::NotInTime(why)),
            (Answer::Failed { why }, _) => return Err(RunError::Refused(why)),
            (answer, _) => {
                let why = format!("it says what has no place here: {answer:?}");
                return Err(connection.lost(io::Error::other(why)).into());
            }
        }
    }
}

fn ask(config: &LockOptions) -> Ask {
    let wait_ms = match config.patience {
        Patience::For(time) => Some(millis(time)),
        Patience::AtOnce | Patience::Endless => None,
    };
    Ask {
        name: config.lock.as_str().to_owned(),
        at_once: config.patience == Patience::AtOnce,
        wait_ms,
        command: shown(&config.command),
    }
}

/// As much of a command as one wants to see.
fn shown(command: &[OsString]) -> Vec<String> {
    let mut left = MOST_SHOWN;
    let mut shown = Vec::new();
    for argument in command {
        let mut argument = argument.to_string_lossy().into_owned();
        let is_whole = argument.len() <= left;
        if !is_whole {
            while !argument.is_char_boundary(left) {
                left -= 1;
            }
            argument.truncate(left);
            argument.push('…');
        }
        left = left.saturating_sub(argument.len() + 1);
        shown.push(argument);
        if !is_whole {
            break;
        }
    }
    shown
}

/// Locks the record of the entry. Nobody else keeps it locked, for it is of this
/// entry alone; but an agent that looks whether it is locked has it for an instant.
fn lock(record: PathBuf) -> Result<File, RunError> {
    let locked = |record: &Path| {
        let file = File::open(record)?;
        let until = Instant::now() + MOMENT;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(Errno::WOULDBLOCK) if Instant::now() < until => thread::sleep(INSTANT),
                locked => return Ok(locked.map(|()| file)?),
            }
        }
    };
    locked(&record).map_err(|source| RunError::Record { record, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_looks_at_a_record_for_an_instant_does_not_keep_it_from_being_locked() {
        let record = tempfile::NamedTempFile::new().unwrap();
        let look = File::open(record.path()).unwrap();
        flock(&look, FlockOperation::LockExclusive).unwrap();
        let path = record.path().to_owned();
        let locks = thread::spawn(move || lock(path).map(drop));
        drop(look);
        assert!(locks.join().unwrap().is_ok());
    }

    #[test]
    fn of_a_long_command_the_beginning_is_shown() {
        let command = ["rsync", "-a", "from", "to"].map(OsString::from);
        assert_eq!(shown(&command), ["rsync", "-a", "from", "to"]);
        let long = ["x".into(), "é".repeat(10_000).into(), "y".into()];
        let shown = shown(&long);
        assert_eq!(shown.len(), 2);
        assert_eq!(shown[1], format!("{}…", "é".repeat((4096 - 2) / 2)));
    }
}
