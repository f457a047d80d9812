//! Whose turn it is: all that the bank knows of the lock.
//!
//! The loop asks for its turn when operations wait, goes on with its other work,
//! and finds out after each wake whether it has it. Nothing here waits. A server
//! that is alone has its turn at once; one of a [`group`](crate::group) asks the
//! others.

use std::env;
use std::io;
use std::time::Instant;

use mio::{Registry, Token};

use crate::claim::Claim;
use crate::files::{Files, Trouble};

/// A test's switch: if this variable of the environment is 1, every server
/// always has its turn, in a group too. Several of them lose money then, and the
/// test that counts it shows that it can.
const WITHOUT_LOCK: &str = "TURNO_BANK_WITHOUT_LOCK";

/// What a turn is worth to whoever checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is nobody else. The highest token so far will do: a group that is
    /// started here later begins above it.
    Alone,
    /// The fencing token of this turn.
    Token(u64),
}

/// Who gives a server its turns.
pub trait Turns {
    /// Has the poll wake the loop under this token when there is something to do.
    fn register(&mut self, _registry: &Registry, _token: Token) -> io::Result<()> {
        Ok(())
    }

    /// When there is something to do though nothing wakes the loop.
    fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// Asks for the turn, unless that has been done already.
    fn want(&mut self) -> io::Result<()>;

    /// The turn, for as long as we have it. Called after each wake: what there is
    /// to do for the lock is done here.
    fn turn(&mut self) -> io::Result<Option<Turn>>;

    /// The turn is over: whatever it was for is on the disk.
    fn done(&mut self) -> io::Result<()>;

    /// No turn is wanted any more: the others are not to wait for this server's.
    fn leave(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server that has its turn whenever it wants it.
pub struct Alone {
    is_wanted: bool,
    _claim: Option<Claim>,
}

impl Alone {
    /// For a server that shares its accounts with nobody.
    ///
    /// # Errors
    /// It would share them: see [`Claim::alone`].
    pub fn with(files: &Files) -> Result<Self, Trouble> {
        let claim = Claim::alone(files)?;
        Ok(Alone {
            is_wanted: false,
            _claim: Some(claim),
        })
    }

    /// For a server that is one of several and behaves as if it were alone, if a
    /// test wants that.
    pub fn without_lock() -> Option<Self> {
        let is_wanted_by_test = env::var_os(WITHOUT_LOCK).is_some_and(|value| value == "1");
        is_wanted_by_test.then_some(Alone {
            is_wanted: false,
            _claim: None,
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
