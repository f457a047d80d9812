//! The accounts, as a server reads and changes them in its turn.
//!
//! A [`Transaction`] reads the accounts that it needs, changes them in memory, and commits
//! all changes in one batch, or none. What that takes is the matter of the
//! [store](crate::store): of files, or of a database.

use std::collections::BTreeMap;

use crate::account::Account;
use crate::money::Money;
use crate::protocol::Rg;
use crate::store::{Store, StoreError};
use crate::turns::Turn;

/// The accounts of a bank.
pub struct Ledger {
    store: Box<dyn Store>,
}

impl Ledger {
    pub fn new(store: Box<dyn Store>) -> Self {
        Ledger { store }
    }

    /// Begins a transaction, unless the turn is over.
    pub fn begin(&mut self, turn: Turn) -> Result<Transaction<'_>, StoreError> {
        self.store.begin(turn)?;
        Ok(Transaction {
            store: &mut *self.store,
            read: BTreeMap::new(),
            is_over: false,
        })
    }
}

/// A transaction in one turn. Dropping it undoes its changes.
pub struct Transaction<'a> {
    store: &'a mut dyn Store,
    /// The accounts that it has read.
    read: BTreeMap<Rg, Result<Option<Entry>, StoreError>>,
    is_over: bool,
}

struct Entry {
    balance_before: Money,
    account: Account,
}

impl Transaction<'_> {
    /// Reads these accounts at once, as far as they are not read yet.
    pub fn read<'a>(&mut self, rgs: impl IntoIterator<Item = &'a Rg>) -> Result<(), StoreError> {
        let unread = rgs.into_iter().filter(|rg| !self.read.contains_key(rg));
        let mut unread: Vec<Rg> = unread.cloned().collect();
        unread.sort();
        unread.dedup();
        if unread.is_empty() {
            return Ok(());
        }
        let found = self.store.read(&unread)?;
        let entry = |account: Account| Entry {
            balance_before: account.balance,
            account,
        };
        let entries = found
            .into_iter()
            .map(|found| found.map(|found| found.map(entry)));
        self.read.extend(unread.into_iter().zip(entries));
        Ok(())
    }

    /// The balance of an account. `None` if there is no such account.
    pub fn balance(&mut self, rg: &Rg) -> Result<Option<Money>, StoreError> {
        self.read([rg])?;
        match &self.read[rg] {
            Ok(entry) => Ok(entry.as_ref().map(|entry| entry.account.balance)),
            Err(error) => Err(error.clone()),
        }
    }

    /// Sets the balance of an account, in memory until the commit.
    ///
    /// # Panics
    /// If the balance was not read before.
    pub fn set(&mut self, rg: &Rg, balance: Money) {
        let Some(Ok(Some(entry))) = self.read.get_mut(rg) else {
            panic!("its balance was read");
        };
        entry.account.balance = balance;
    }

    /// Makes all changes, or none. After a success they are on the disk, whichever
    /// process is killed next.
    pub fn commit(mut self) -> Result<(), StoreError> {
        self.is_over = true;
        let read = std::mem::take(&mut self.read).into_values();
        let entries = read.filter_map(|read| read.ok().flatten());
        let changed = entries.filter(|entry| entry.account.balance != entry.balance_before);
        self.store
            .commit(changed.map(|entry| entry.account).collect())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.store.rollback();
        }
    }
}

#[cfg(test)]
mod tests;
