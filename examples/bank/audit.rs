//! `bank audit`: adds up all accounts.
//!
//! It joins no group and waits for no turn. It reads the accounts, and the journal before
//! and after them. If the journal has not changed, no batch was completed in between, and
//! the journal has all changes of a batch in progress. So the accounts are those of one
//! moment, however busy the servers are.

use std::thread;
use std::time::Duration;

use clap::Args;

use crate::account::Account;
use crate::files::{FileError, Files};
use crate::journal::{Batch, Change, Journal, Progress};
use crate::money::Money;
use crate::printable::printable;
use crate::{Accounts, Failure, print, warn};

/// Add up all accounts, and find transfers that are half done.
///
/// Prints every account with the fencing token of its last writer, and the total.
/// The servers may continue meanwhile. A transfer that a killed server has left
/// half done counts as done, because the next turn of a server completes it. Exits
/// with 1 if a person has to repair something.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    accounts: Accounts,
}

const EXAMPLES: &str = "\
Examples:
  bank audit
  bank audit --accounts /srv/contas | tail -1";

/// How often it reads until nothing has changed, and how long it waits each time.
const MAX_TRIES: usize = 200;
const RETRY_AFTER: Duration = Duration::from_millis(5);

/// The state of the bank at one moment.
#[derive(Default)]
struct Findings {
    accounts: Vec<Account>,
    /// The changes that the next turn completes.
    half_done: Vec<String>,
    errors: Vec<FileError>,
}

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        let files = self.accounts.files()?;
        let Some(findings) = inspect(&files)? else {
            let folder = files.folder().display();
            return Err(Failure::Failed(format!(
                "{folder} changes faster than it can be read: try again"
            )));
        };
        findings.print()
    }
}

fn inspect(files: &Files) -> Result<Option<Findings>, FileError> {
    for _ in 0..MAX_TRIES {
        let before = Journal::read(files)?;
        let findings = Findings::of(files, before.pending.as_ref())?;
        if Journal::read(files)? == before {
            return Ok(Some(findings));
        }
        thread::sleep(RETRY_AFTER);
    }
    Ok(None)
}

impl Findings {
    fn of(files: &Files, pending: Option<&Batch>) -> Result<Self, FileError> {
        let mut findings = Findings::default();
        for rg in files.owners()? {
            let mut changes = pending.iter().flat_map(|batch| &batch.changes);
            let found = match changes.find(|change| change.rg == rg) {
                Some(change) => findings.account_after(files, change).map(Some),
                None => files
                    .account(&rg)
                    .map(|found| found.map(|(account, _)| account)),
            };
            match found {
                Ok(account) => findings.accounts.extend(account),
                Err(error) => findings.errors.push(error),
            }
        }
        Ok(findings)
    }

    /// The account after a change in progress.
    fn account_after(&mut self, files: &Files, change: &Change) -> Result<Account, FileError> {
        let parse = |text: &str| {
            let path = files.path(&change.name());
            Account::parse(&change.rg, text).map_err(|why| FileError::new(&path, why))
        };
        let after = parse(&change.after)?;
        match change.progress(files)? {
            Progress::Applied => {}
            Progress::Pending => {
                let before = parse(&change.before)?.balance;
                self.half_done.push(format!(
                    "half done: {} still has {before}, and will have {}",
                    change.rg, after.balance
                ));
            }
            Progress::Conflict => return Err(change.conflict(files)),
        }
        Ok(after)
    }

    fn print(self) -> Result<(), Failure> {
        for account in &self.accounts {
            let (rg, balance) = (account.rg.to_string(), account.balance.to_string());
            let token = match account.token {
                0 => "no token".to_owned(),
                token => format!("token {token}"),
            };
            let name = printable(&account.name());
            print(&format!("{rg:10}  {balance:>16}  {token:<12}  {name}"));
        }
        for half_done in &self.half_done {
            print(half_done);
        }
        let mut total = Money::default();
        for account in &self.accounts {
            total = total.plus(account.balance).ok_or_else(|| {
                Failure::Failed("the total has more than fifteen digits".to_owned())
            })?;
        }
        let count = self.accounts.len();
        print(&format!("{count} accounts, total {total}"));
        for error in &self.errors {
            warn(&error.to_string());
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Failure::Reported)
        }
    }
}
