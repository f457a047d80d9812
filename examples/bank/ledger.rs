//! The accounts, as whoever has the turn reads and changes them.
//!
//! A turn is a [`Visit`]: it reads the accounts that it needs, changes them in
//! memory, and commits them all in one batch, or none. What a commit does, in
//! this order:
//!
//! 1. every changed account is written, under a name that nobody reads yet, and so
//!    is the journal, which says what they were and what they will be;
//! 2. all of that is synced;
//! 3. the token is held against the highest that anybody has written with;
//! 4. the journal is renamed into place, and the directory synced: *now* it has
//!    happened, and no crash can undo it;
//! 5. each account, its token checked once more, is renamed into place, and the
//!    directory synced;
//! 6. the journal is renamed to show that it is done with.
//!
//! All that can fail for want of room or rights fails up to the third step, and
//! nothing has changed. Killed before the fourth, nothing has happened; killed
//! after it, the next visit begins with the fifth.
//!
//! # How far the fence reaches
//!
//! A directory cannot compare and set: between the look at the token and the
//! rename somebody else might still come. It is the width of two system calls.
//! A store that can do both in one step leaves none: `UPDATE accounts SET ...
//! WHERE token <= 17`. Whoever has the choice takes such a store.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use thiserror::Error;

use crate::account::Account;
use crate::complain;
use crate::files::{Files, Trouble};
use crate::journal::{Batch, Change, Journal, PENDING};
use crate::money::Money;
use crate::protocol::Rg;
use crate::turns::Turn;

/// The accounts of a directory.
pub struct Ledger {
    files: Files,
    /// What killed servers left half written is gone.
    is_swept: bool,
}

/// Why a batch cannot be relied on.
#[derive(Debug, Error)]
pub enum Uncommitted {
    /// Nothing has changed.
    #[error("{0}")]
    Undone(#[from] Trouble),
    /// The disk did not say whether it has it. If it has, it will be made.
    #[error("não se sabe se foi gravado: {0}")]
    Unknown(Trouble),
}

impl Ledger {
    pub fn new(files: Files) -> Self {
        let is_swept = false;
        Ledger { files, is_swept }
    }

    /// Begins a visit: refuses a turn that is long over, and makes what a server
    /// that was killed has decided and not made.
    pub fn enter(&mut self, turn: Turn) -> Result<Visit<'_>, Trouble> {
        let journal = Journal::read(&self.files)?;
        let token = match turn {
            // Not 0, which would be no mark.
            Turn::Alone => journal.token().max(1),
            Turn::Token(token) => token,
        };
        check(token, &journal, &self.files)?;
        if !self.is_swept {
            self.files.sweep()?;
            self.is_swept = true;
        }
        if let Some(pending) = &journal.pending {
            pending.make(&self.files)?;
        }
        Ok(Visit {
            files: &self.files,
            token,
            batch: journal.last() + 1,
            opened: BTreeMap::new(),
        })
    }
}

/// One turn with the accounts.
pub struct Visit<'a> {
    files: &'a Files,
    token: u64,
    batch: u64,
    /// The accounts that it has looked at.
    opened: BTreeMap<Rg, Opened>,
}

struct Opened {
    /// The text of its file.
    before: String,
    found: Money,
    account: Account,
}

impl Visit<'_> {
    /// What an account holds; none if there is no such account.
    pub fn balance(&mut self, rg: &Rg) -> Result<Option<Money>, Trouble> {
        let opened = match self.opened.entry(rg.clone()) {
            Entry::Occupied(opened) => opened.into_mut(),
            Entry::Vacant(place) => {
                let Some((account, before)) = self.files.account(rg)? else {
                    return Ok(None);
                };
                check_account(self.token, &account, self.files)?;
                let found = account.balance;
                place.insert(Opened {
                    before,
                    found,
                    account,
                })
            }
        };
        Ok(Some(opened.account.balance))
    }

    /// From now on an account holds this, if the visit is committed.
    ///
    /// # Panics
    /// If its balance was not asked for before.
    pub fn set(&mut self, rg: &Rg, balance: Money) {
        let opened = self.opened.get_mut(rg).expect("it has been looked at");
        opened.account.balance = balance;
    }

    /// Makes all that was set, or nothing. What it returns without an error is
    /// on the disk, whoever is killed next.
    pub fn commit(self) -> Result<(), Uncommitted> {
        let Visit {
            files,
            token,
            batch,
            opened,
        } = self;
        let changed = opened.into_values();
        let changed = changed.filter(|opened| opened.account.balance != opened.found);
        let changes: Vec<Change> = changed.map(|opened| opened.change(token)).collect();
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
        let mut accounts = files.prepare(&texts)?;
        let decision = accounts.pop().expect("the journal is the last");
        check(token, &Journal::read(files)?, files)?;
        decision.finish()?;
        files.sync().map_err(Uncommitted::Unknown)?;

        // It has happened. What goes wrong from here on the next visit makes good.
        let make = || {
            for (change, account) in journal.changes.iter().zip(accounts) {
                if let Some((found, _)) = files.account(&change.rg)? {
                    check_account(token, &found, files)?;
                }
                account.finish()?;
            }
            Batch::has_been_made(files)
        };
        if let Err(trouble) = make() {
            complain(&format!("batch {batch} waits in {PENDING}: {trouble}"));
        }
        Ok(())
    }
}

impl Opened {
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

/// Whoever has written with a larger token came after us: our turn is over.
fn check(token: u64, journal: &Journal, files: &Files) -> Result<(), Trouble> {
    let highest = journal.token();
    if token < highest {
        let why =
            format!("refused: token {token} is older than {highest}, with which was written last");
        return Err(Trouble::new(files.folder(), why));
    }
    Ok(())
}

fn check_account(token: u64, account: &Account, files: &Files) -> Result<(), Trouble> {
    let highest = account.token;
    if token < highest {
        let path = files.path(&Files::name(&account.rg));
        let why = format!("refused: token {token} is older than {highest}, its last writer's");
        return Err(Trouble::new(&path, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
