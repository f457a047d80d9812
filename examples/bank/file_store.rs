//! The accounts as a directory of JSON files.
//!
//! A commit has these steps:
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
//! writer might still come. That gap is two system calls long. A [database](crate::database)
//! does both in one step, and has no gap. If you can choose, take such a store.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use crate::account::Account;
use crate::files::{FileError, Files};
use crate::journal::{Batch, Change, Journal, PENDING, Progress};
use crate::protocol::Rg;
use crate::stop::{Step, stop_at};
use crate::store::{Findings, Found, Store, StoreError};
use crate::turns::Turn;
use crate::warn;

/// How often an audit reads until nothing has changed, and how long it waits each time.
const MAX_TRIES: usize = 200;
const RETRY_AFTER: Duration = Duration::from_millis(5);

/// The accounts of a directory.
pub struct FileStore {
    files: Files,
    /// The staged files of killed servers are removed.
    is_clean: bool,
    open: Option<Transaction>,
}

struct Transaction {
    token: u64,
    batch: u64,
    /// The texts of the accounts that it has read.
    before: BTreeMap<Rg, String>,
}

impl From<FileError> for StoreError {
    fn from(error: FileError) -> Self {
        StoreError::Failed(error.to_string())
    }
}

impl FileStore {
    pub fn new(files: Files) -> Self {
        FileStore {
            files,
            is_clean: false,
            open: None,
        }
    }
}

impl Store for FileStore {
    /// Refuses a turn that is over, and applies the batch that a killed server has decided.
    fn begin(&mut self, turn: Turn) -> Result<(), StoreError> {
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
        self.open = Some(Transaction {
            token,
            batch: journal.last() + 1,
            before: BTreeMap::new(),
        });
        Ok(())
    }

    fn read(&mut self, rgs: &[Rg]) -> Result<Vec<Found>, StoreError> {
        let FileStore { files, open, .. } = self;
        let transaction = open.as_mut().expect("it was begun");
        let mut read = |rg: &Rg| {
            let Some((account, before)) = files.account(rg)? else {
                return Ok(None);
            };
            check_account(transaction.token, &account, files)?;
            transaction.before.insert(rg.clone(), before);
            Ok(Some(account))
        };
        Ok(rgs.iter().map(&mut read).collect())
    }

    fn commit(&mut self, changed: Vec<Account>) -> Result<(), StoreError> {
        let files = &self.files;
        let mut transaction = self.open.take().expect("it was begun");
        if changed.is_empty() {
            return Ok(());
        }
        stop_at(Step::Write);
        let (token, batch) = (transaction.token, transaction.batch);
        let mut change = |mut account: Account| {
            account.token = token;
            let before = transaction.before.remove(&account.rg);
            Change {
                before: before.expect("it was read"),
                after: account.text(),
                rg: account.rg,
            }
        };
        let journal = Batch {
            batch,
            token,
            changes: changed.into_iter().map(&mut change).collect(),
        };
        let mut texts = journal.texts();
        texts.push((PENDING.to_owned(), journal.text()));
        let mut accounts = files.stage(&texts)?;
        let decision = accounts.pop().expect("the journal is the last");
        stop_at(Step::Commit);
        check(token, &Journal::read(files)?, files)?;
        decision.publish()?;
        let unknown = |error: FileError| StoreError::Unknown(error.to_string());
        files.sync().map_err(unknown)?;

        // The batch is decided. After an error from here on, the next transaction applies it.
        let apply = || -> Result<(), StoreError> {
            for (change, account) in journal.changes.iter().zip(accounts) {
                if let Some((found, _)) = files.account(&change.rg)? {
                    check_account(token, &found, files)?;
                }
                account.publish()?;
            }
            Ok(Batch::mark_applied(files)?)
        };
        if let Err(error) = apply() {
            warn(&format!("batch {batch} waits in {PENDING}: {error}"));
        }
        Ok(())
    }

    fn rollback(&mut self) {
        self.open = None;
    }

    fn open(&mut self, accounts: Vec<Account>) -> Result<usize, StoreError> {
        let folder = self.files.folder();
        fs::create_dir_all(folder).map_err(|error| FileError::new(folder, error))?;
        let text = |account: Account| (Files::name(&account.rg), account.text());
        let texts: Vec<_> = accounts.into_iter().map(text).collect();
        let mut opened = 0;
        for account in self.files.stage(&texts)? {
            if account.publish_new()? {
                opened += 1;
            }
        }
        self.files.sync()?;
        Ok(opened)
    }

    /// Reads the accounts, and the journal before and after them. If the journal has not
    /// changed, no batch was completed in between, and the journal has all changes of a batch
    /// in progress. So the accounts are those of one moment, however busy the servers are.
    fn inspect(&mut self) -> Result<Findings, StoreError> {
        let files = &self.files;
        for _ in 0..MAX_TRIES {
            let before = Journal::read(files)?;
            let findings = find(files, before.pending.as_ref())?;
            if Journal::read(files)? == before {
                return Ok(findings);
            }
            thread::sleep(RETRY_AFTER);
        }
        let why = "changes faster than it can be read: try again";
        Err(FileError::new(files.folder(), why).into())
    }
}

fn find(files: &Files, pending: Option<&Batch>) -> Result<Findings, FileError> {
    let mut findings = Findings::default();
    for rg in files.owners()? {
        let mut changes = pending.iter().flat_map(|batch| &batch.changes);
        let found = match changes.find(|change| change.rg == rg) {
            Some(change) => account_after(&mut findings, files, change).map(Some),
            None => files
                .account(&rg)
                .map(|found| found.map(|(account, _)| account)),
        };
        match found {
            Ok(account) => findings.accounts.extend(account),
            Err(error) => findings.errors.push(error.into()),
        }
    }
    Ok(findings)
}

/// The account after a change in progress.
fn account_after(
    findings: &mut Findings,
    files: &Files,
    change: &Change,
) -> Result<Account, FileError> {
    let parse = |text: &str| {
        let path = files.path(&change.name());
        Account::parse(&change.rg, text).map_err(|why| FileError::new(&path, why))
    };
    let after = parse(&change.after)?;
    match change.progress(files)? {
        Progress::Applied => {}
        Progress::Pending => {
            let before = parse(&change.before)?.balance;
            findings.half_done.push(format!(
                "half done: {} still has {before}, and will have {}",
                change.rg, after.balance
            ));
        }
        Progress::Conflict => return Err(change.conflict(files)),
    }
    Ok(after)
}

/// Refuses a token that is smaller than the highest one: a later turn has written, so ours
/// is over.
fn check(token: u64, journal: &Journal, files: &Files) -> Result<(), StoreError> {
    let highest = journal.token();
    if token < highest {
        let why = format!("refused: token {token} is older than {highest}, that of the last write");
        return Err(stale(FileError::new(files.folder(), why)));
    }
    Ok(())
}

fn check_account(token: u64, account: &Account, files: &Files) -> Result<(), StoreError> {
    let highest = account.token;
    if token < highest {
        let path = files.path(&Files::name(&account.rg));
        let why =
            format!("refused: token {token} is older than {highest}, that of its last writer");
        return Err(stale(FileError::new(&path, why)));
    }
    Ok(())
}

fn stale(error: FileError) -> StoreError {
    StoreError::Stale(error.to_string())
}

#[cfg(test)]
mod tests;
