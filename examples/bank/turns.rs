//! Whose turn it is: all that the bank knows of the lock.
//!
//! The loop asks for its turn when operations wait, goes on with its other work,
//! and finds out after each wake whether it has it. Nothing here waits.

use std::env;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;

use crate::complain;
use crate::files::Trouble;

/// A test's switch: if this variable of the environment is 1, every server
/// always has its turn. Several of them lose money then, and the test that
/// counts it shows that it can.
const WITHOUT_LOCK: &str = "TURNO_BANK_WITHOUT_LOCK";

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
    _mark: Option<File>,
}

impl Alone {
    /// # Errors
    /// Another server of this machine uses the directory.
    pub fn in_folder(folder: &Path) -> Result<Self, Trouble> {
        let is_locked = env::var_os(WITHOUT_LOCK).is_none_or(|value| value != "1");
        let mark = if is_locked { be_alone(folder)? } else { None };
        Ok(Alone {
            is_wanted: false,
            _mark: mark,
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
/// start two. So the first marks the directory, as far as its own machine sees;
/// the system forgets that when the process ends, however it ends.
fn be_alone(folder: &Path) -> Result<Option<File>, Trouble> {
    let directory = File::open(folder).map_err(|error| Trouble::new(folder, error))?;
    match directory.try_lock() {
        Ok(()) => Ok(Some(directory)),
        Err(TryLockError::WouldBlock) => {
            let why = "another server uses these accounts, and believes to be alone";
            Err(Trouble::new(folder, why))
        }
        Err(TryLockError::Error(error)) => {
            let folder = folder.display();
            complain(&format!("{folder}: cannot be marked as in use: {error}"));
            Ok(None)
        }
    }
}
