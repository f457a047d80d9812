//! The accounts, as a server reads and changes them in its turn.
//!
//! A [`Transaction`] reads the accounts that it needs, changes them in memory, and commits
//! all changes in one batch, or none. A commit has these steps:
//!
//! 1. every changed account is written under another name, which no server reads, and so is
//!    the journal, with the texts before and after;
//! 2. all of these files are synced;
//! 3. the token is compared with the highest token of any write;
//! 4. the journal is renamed into place, and the directory synced: *now* the batch is
//!    decided, and no crash can undo it;
//! 5. each account is renamed into place after a second check of its token, and the directory
//!    synced;
//! 6. the journal is renamed to show that it is applied.
//!
//! A lack of room or rights makes one of the first three steps fail, and nothing has changed
//! then. After a kill before step 4 the batch has not happened; after a kill later, the next
//! transaction begins with step 5.
//!
//! # The limit of the fence
//!
//! A directory has no compare-and-set: between the check of the token and the rename another
//! writer might still come. That gap is two system calls long. A store that can do both in one
//! step has no gap: `UPDATE accounts SET ... WHERE token <= 17`. If you can choose, take such
//! a store.

use std::collections::BTreeMap;
use std::collections::btree_map;

use thiserror::Error;

use crate::account::Account;
use crate::files::{FileError, Files};
use crate::journal::{Batch, Change, Journal, PENDING};
use crate::money::Money;
use crate::protocol::Rg;
use crate::turns::Turn;
use crate::warn;

/// The accounts of a directory.
pub struct Ledger {
    files: Files,
    /// The staged files of killed servers are removed.
    is_clean: bool,
}

/// Why a commit failed.
#[derive(Debug, Error)]
pub enum CommitError {
    /// Nothing has changed.
    #[error("{0}")]
    Undone(#[from] FileError),
    /// It is unknown whether the disk has the batch. If it has, the next turn applies it.
    #[error("não se sabe se foi gravado: {0}")]
    Unknown(FileError),
}

impl Ledger {
    pub fn new(files: Files) -> Self {
        let is_clean = false;
        Ledger { files, is_clean }
    }

    /// Begins a transaction: refuses a turn that is over, and applies the batch that a
    /// killed server has decided.
    pub fn begin(&mut self, turn: Turn) -> Result<Transaction<'_>, FileError> {
        let journal = Journal::read(&self.files)?;
        let token = match turn {
            // Not 0, which is not a token.
            Turn::Alone => journal.token().max(1),
            Turn::Token(token) => token,
        };
        check(token, &journal, &self.files)?;
        if !self.is_clean {
            self.files.remove_staged()?;
            self.is_clean = true;
        }
        if let Some(pending) = &journal.pending {
            pending.apply(&self.files)?;
        }
        Ok(Transaction {
            files: &self.files,
            token,
            batch: journal.last() + 1,
            read: BTreeMap::new(),
        })
    }
}

/// A transaction in one turn.
pub struct Transaction<'a> {
    files: &'a Files,
    token: u64,
    batch: u64,
    /// The accounts that it has read.
    read: BTreeMap<Rg, Entry>,
}

struct Entry {
    /// The text of its file.
    before: String,
    balance_before: Money,
    account: Account,
}

impl Transaction<'_> {
    /// The balance of an account. `None` if there is no such account.
    pub fn balance(&mut self, rg: &Rg) -> Result<Option<Money>, FileError> {
        let entry = match self.read.entry(rg.clone()) {
            btree_map::Entry::Occupied(entry) => entry.into_mut(),
            btree_map::Entry::Vacant(place) => {
                let Some((account, before)) = self.files.account(rg)? else {
                    return Ok(None);
                };
                check_account(self.token, &account, self.files)?;
                place.insert(Entry {
                    before,
                    balance_before: account.balance,
                    account,
                })
            }
        };
        Ok(Some(entry.account.balance))
    }

    /// Sets the balance of an account, in memory until the commit.
    ///
    /// # Panics
    /// If the balance was not read before.
    pub fn set(&mut self, rg: &Rg, balance: Money) {
        let entry = self.read.get_mut(rg).expect("its balance was read");
        entry.account.balance = balance;
    }

    /// Makes all changes, or none. After a success they are on the disk, whatever is killed
    /// next.
    pub fn commit(self) -> Result<(), CommitError> {
        let Transaction {
            files,
            token,
            batch,
            read,
        } = self;
        let entries = read.into_values();
        let changed = entries.filter(|entry| entry.account.balance != entry.balance_before);
        let changes: Vec<Change> = changed.map(|entry| entry.change(token)).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let journal = Batch {
            batch,
            token,
            changes,
        };
        let mut texts = journal.texts();
        texts.push((PENDING.to_owned(), journal.text()));
        let mut accounts = files.stage(&texts)?;
        let decision = accounts.pop().expect("the journal is the last");
        check(token, &Journal::read(files)?, files)?;
        decision.publish()?;
        files.sync().map_err(CommitError::Unknown)?;

        // The batch is decided. After an error from here on, the next transaction applies it.
        let apply = || {
            for (change, account) in journal.changes.iter().zip(accounts) {
                if let Some((found, _)) = files.account(&change.rg)? {
                    check_account(token, &found, files)?;
                }
                account.publish()?;
            }
            Batch::mark_applied(files)
        };
        if let Err(error) = apply() {
            warn(&format!("batch {batch} waits in {PENDING}: {error}"));
        }
        Ok(())
    }
}

impl Entry {
    fn change(mut self, token: u64) -> Change {
        self.account.token = token;
        let after = self.account.text();
        Change {
            rg: self.account.rg,
            before: self.before,
            after,
        }
    }
}

/// Refuses a token that is smaller than the highest one: a later turn has written, so ours
/// is over.
fn check(token: u64, journal: &Journal, files: &Files) -> Result<(), FileError> {
    let highest = journal.token();
    if token < highest {
        let why = format!("refused: token {token} is older than {highest}, that of the last write");
        return Err(FileError::new(files.folder(), why));
    }
    Ok(())
}

fn check_account(token: u64, account: &Account, files: &Files) -> Result<(), FileError> {
    let highest = account.token;
    if token < highest {
        let path = files.path(&Files::name(&account.rg));
        let why =
            format!("refused: token {token} is older than {highest}, that of its last writer");
        return Err(FileError::new(&path, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
