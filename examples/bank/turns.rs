//! Whose turn it is: all that the bank knows of the lock.
//!
//! The loop asks for its turn when operations wait, goes on with its other work,
//! and finds out after each wake whether it has it. Nothing here waits.

use std::env;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::files::Trouble;

/// A test's switch: if this variable of the environment is 1, every server
/// always has its turn. Several of them lose money then, and the test that
/// counts it shows that it can.
const WITHOUT_LOCK: &str = "TURNO_BANK_WITHOUT_LOCK";

/// The file that the servers of one machine tell each other by that they are
/// there.
const PRESENCE: &str = ".servers";

/// What a turn is worth to whoever checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is nobody else. The highest token so far will do: a larger one
    /// would only be ahead of the group that may be started here later.
    Alone,
    /// The fencing token of this turn.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "only the tests are not alone yet")
    )]
    Token(u64),
}

/// Who gives a server its turns.
pub trait Turns {
    /// Asks for the turn, unless that has been done already.
    fn want(&mut self) -> io::Result<()>;

    /// The turn, for as long as we have it.
    fn turn(&mut self) -> io::Result<Option<Turn>>;

    /// The turn is over: whatever it was for is on the disk.
    fn done(&mut self) -> io::Result<()>;
}

/// A server that shares its accounts with nobody.
pub struct Alone {
    is_wanted: bool,
    _presence: Option<File>,
}

impl Alone {
    /// # Errors
    /// Another server of this machine uses the directory.
    pub fn in_folder(folder: &Path) -> Result<Self, Trouble> {
        let is_locked = env::var_os(WITHOUT_LOCK).is_none_or(|value| value != "1");
        let presence = is_locked.then(|| be_alone(folder)).transpose()?;
        Ok(Alone {
            is_wanted: false,
            _presence: presence,
        })
    }
}

impl Turns for Alone {
    fn want(&mut self) -> io::Result<()> {
        self.is_wanted = true;
        Ok(())
    }

    fn turn(&mut self) -> io::Result<Option<Turn>> {
        Ok(self.is_wanted.then_some(Turn::Alone))
    }

    fn done(&mut self) -> io::Result<()> {
        self.is_wanted = false;
        Ok(())
    }
}

/// Two servers that each believe to be alone would lose money, and it is easy to
/// start two. The system forgets the mark when the process ends, however.
fn be_alone(folder: &Path) -> Result<File, Trouble> {
    let path = folder.join(PRESENCE);
    let file = File::create(&path).map_err(|error| Trouble::new(&path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let why = "another server uses these accounts, and believes to be alone";
            Err(Trouble::new(folder, why))
        }
        Err(TryLockError::Error(error)) => Err(Trouble::new(&path, error)),
    }
}
