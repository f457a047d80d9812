//! `bank audit`: what is in the bank, added up.
//!
//! It joins no group and waits for no turn: it looks, and looks at the journal
//! before and after. If that has not changed, nobody has finished a batch
//! meanwhile, and what one that is under way has changed stands in the journal:
//! so it has seen one moment, however busy the servers are.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Args;

use crate::account::Account;
use crate::files::{Files, Trouble};
use crate::journal::{Batch, Change, Journal, Progress};
use crate::money::Money;
use crate::protocol::Rg;
use crate::{Failure, complain, files_in, say};

/// Add up all accounts, and find what is half done.
///
/// Prints every account with the fencing token of its last writer, and the total.
/// The servers may go on meanwhile. A transfer that a killed server has left half
/// done counts as done, for the next server that has its turn completes it.
/// Exits with 1 if there is anything that takes a person to put right.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The directory of the accounts
    #[arg(long, value_name = "DIR", default_value = crate::ACCOUNTS)]
    accounts: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  bank audit
  bank audit --accounts /srv/contas | tail -1";

/// How often it looks until nothing has moved, and how long it waits each time.
const MOST_LOOKS: usize = 200;
const BETWEEN: Duration = Duration::from_millis(5);

/// What was found at one moment.
#[derive(Default)]
struct Findings {
    accounts: Vec<Account>,
    /// What the next server makes good.
    half_done: Vec<String>,
    troubles: Vec<Trouble>,
}

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        let files = files_in(self.accounts)?;
        let Some(findings) = look(&files)? else {
            let folder = files.folder().display();
            return Err(Failure::Failed(format!(
                "{folder} changes faster than it can be looked at: try again"
            )));
        };
        findings.print()
    }
}

fn look(files: &Files) -> Result<Option<Findings>, Trouble> {
    for _ in 0..MOST_LOOKS {
        let before = Journal::read(files)?;
        let findings = Findings::of(files, before.pending.as_ref())?;
        if Journal::read(files)? == before {
            return Ok(Some(findings));
        }
        thread::sleep(BETWEEN);
    }
    Ok(None)
}

impl Findings {
    fn of(files: &Files, pending: Option<&Batch>) -> Result<Self, Trouble> {
        let mut findings = Findings::default();
        for rg in files.owners()? {
            let change =
                |batch: &Batch| batch.changes.iter().find(|change| change.rg == rg).cloned();
            let found = match pending.and_then(change) {
                Some(change) => findings.look_at_change(files, &change),
                None => files
                    .account(&rg)
                    .map(|found| found.map(|(account, _)| account)),
            };
            match found {
                Ok(account) => findings.accounts.extend(account),
                Err(trouble) => findings.troubles.push(trouble),
            }
        }
        Ok(findings)
    }

    /// The account as it will be.
    fn look_at_change(
        &mut self,
        files: &Files,
        change: &Change,
    ) -> Result<Option<Account>, Trouble> {
        let parse = |rg: &Rg, text: &str| {
            let path = files.path(&change.name());
            Account::parse(rg, text).map_err(|why| Trouble::new(&path, why))
        };
        let after = parse(&change.rg, &change.after)?;
        match change.progress(files)? {
            Progress::Made => {}
            Progress::ToBeMade => {
                let before = parse(&change.rg, &change.before)?.balance;
                self.half_done.push(format!(
                    "half done: {} still has {before}, and will have {}",
                    change.rg, after.balance
                ));
            }
            Progress::Crossed => return Err(change.crossed(files)),
        }
        Ok(Some(after))
    }

    fn print(self) -> Result<(), Failure> {
        for account in &self.accounts {
            let (rg, balance, name) = (&account.rg, account.balance.to_string(), account.name());
            let token = match account.token {
                0 => "no token".to_owned(),
                token => format!("token {token}"),
            };
            let name = turno::internals::Printable::new(name.as_bytes()).to_string();
            say(&format!(
                "{:10}  {balance:>16}  {token:<12}  {name}",
                rg.to_string()
            ));
        }
        for half_done in &self.half_done {
            say(half_done);
        }
        let mut total = Money::default();
        for account in &self.accounts {
            total = total.plus(account.balance).ok_or_else(|| {
                Failure::Failed("the total has more than fifteen digits".to_owned())
            })?;
        }
        let count = self.accounts.len();
        say(&format!("{count} accounts, total {total}"));
        for trouble in &self.troubles {
            complain(&trouble.to_string());
        }
        if self.troubles.is_empty() {
            Ok(())
        } else {
            Err(Failure::Said)
        }
    }
}
