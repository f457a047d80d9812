//! The turns of a server: the bank's view of the lock.
//!
//! The loop requests its turn when operations wait, continues with its other work, and
//! polls after each wake. Nothing here blocks. A server that is alone has its turn at
//! once; a server of a [`group`](crate::group) asks the others.

use std::env;
use std::io;
use std::time::Instant;

use mio::{Registry, Token};

use crate::claim::Claim;
use crate::files::{FileError, Files};

/// The environment variable that a test sets to 1 so that every server always has its
/// turn, in a group too. Several of them then lose money, which shows that the test can
/// find a loss.
const WITHOUT_LOCK: &str = "TURNO_BANK_WITHOUT_LOCK";

/// A turn, as the ledger checks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is no other server. The highest token so far is enough: the tokens of a later
    /// group begin above it.
    Alone,
    /// The fencing token of this turn.
    Token(u64),
}

/// The source of a server's turns.
pub trait Turns {
    /// Registers with the poll, which then wakes the loop when there is work.
    fn register(&mut self, _registry: &Registry, _token: Token) -> io::Result<()> {
        Ok(())
    }

    /// When there is work although nothing wakes the loop.
    fn next_timeout(&self) -> Option<Instant> {
        None
    }

    /// Requests a turn, if none is requested yet.
    fn request(&mut self) -> io::Result<()>;

    /// Does the work of the lock, and returns our turn while we have it. Called after each
    /// wake.
    fn poll(&mut self) -> io::Result<Option<Turn>>;

    /// Why the requested turn does not come. `None` if it may come at any moment.
    fn blocked(&mut self) -> Option<String> {
        None
    }

    /// Ends the turn: its changes are on the disk.
    fn release(&mut self) -> io::Result<()>;

    /// Leaves the group, so that the others do not wait for a turn of this server.
    fn close(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A server that has its turn as soon as it requests it.
pub struct Alone {
    is_requested: bool,
    _claim: Option<Claim>,
}

/// The environment says that this server is to behave as if it were alone.
pub fn is_without_lock() -> bool {
    env::var_os(WITHOUT_LOCK).is_some_and(|value| value == "1")
}

impl Alone {
    /// The turns of a server that does not share its accounts.
    ///
    /// # Errors
    /// It would share them: see [`Claim::alone`].
    pub fn claim(files: &Files) -> Result<Self, FileError> {
        Claim::alone(files).map(|claim| Alone {
            is_requested: false,
            _claim: Some(claim),
        })
    }

    /// The turns of a server whose store refuses others itself, or of one that a test has
    /// behave as if it were alone.
    pub fn unclaimed() -> Self {
        Alone {
            is_requested: false,
            _claim: None,
        }
    }
}

impl Turns for Alone {
    fn request(&mut self) -> io::Result<()> {
        self.is_requested = true;
        Ok(())
    }

    fn poll(&mut self) -> io::Result<Option<Turn>> {
        Ok(self.is_requested.then_some(Turn::Alone))
    }

    fn release(&mut self) -> io::Result<()> {
        self.is_requested = false;
        Ok(())
    }
}
