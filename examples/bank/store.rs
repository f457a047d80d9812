//! Where the accounts are: a trait of few methods, with two implementations.
//!
//! - [`file_store`](crate::file_store): a directory of JSON files, as the original has it;
//! - [`database`](crate::database): tables of PostgreSQL.
//!
//! A store knows nothing of the bank's rules: it reads accounts, and replaces some of them
//! together or none, if no later turn has written.

use thiserror::Error;

use crate::account::Account;
use crate::protocol::Rg;
use crate::turns::Turn;

/// Why a store has not done something.
#[derive(Clone, Debug, Error)]
pub enum StoreError {
    /// The turn is over, because a later one has written. Nothing has changed.
    #[error("{0}")]
    Stale(String),
    /// Another transaction is in the way: the same again may succeed at once. Nothing has
    /// changed.
    #[error("{0}")]
    Conflict(String),
    /// The store cannot be reached now. Nothing has changed.
    #[error("{0}")]
    Away(String),
    /// Anything else. Nothing has changed.
    #[error("{0}")]
    Failed(String),
    /// It is unknown whether the change was made.
    #[error("{0}")]
    Unknown(String),
}

/// An account, `None` if there is none, or why it cannot be read.
pub type Found = Result<Option<Account>, StoreError>;

/// The accounts of a bank.
pub trait Store: Send {
    /// Begins a transaction in this turn.
    ///
    /// # Errors
    /// Among others [`StoreError::Stale`]: the turn is over.
    fn begin(&mut self, turn: Turn) -> Result<(), StoreError>;

    /// Reads these accounts, in their order. An error of a single account is in its place.
    fn read(&mut self, rgs: &[Rg]) -> Result<Vec<Found>, StoreError>;

    /// Replaces these accounts, which were read, and ends the transaction. After a success
    /// they are on the disk, whichever process is killed next; after an error, other than
    /// [`StoreError::Unknown`], none of them has changed.
    fn commit(&mut self, changed: Vec<Account>) -> Result<(), StoreError>;

    /// Ends the transaction without a change.
    fn rollback(&mut self);

    /// Creates the accounts that do not exist yet, and the store if it does not. Returns how
    /// many it has created.
    fn open(&mut self, accounts: Vec<Account>) -> Result<usize, StoreError>;

    /// All accounts as they are at one moment. It needs no turn.
    fn inspect(&mut self) -> Result<Findings, StoreError>;
}

/// All accounts at one moment.
#[derive(Default)]
pub struct Findings {
    pub accounts: Vec<Account>,
    /// The changes that the next turn completes.
    pub half_done: Vec<String>,
    /// The accounts that a person has to repair.
    pub errors: Vec<StoreError>,
}
