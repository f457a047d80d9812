//! `bank audit`: adds up all accounts, and compares them with what clients were answered.
//!
//! It joins no group and waits for no turn.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::account::Account;
use crate::money::Money;
use crate::printable::printable;
use crate::protocol::Rg;
use crate::record::Expected;
use crate::store::Findings;
use crate::{Accounts, Failure, print, warn};

/// Add up all accounts, and find transfers that are half done.
///
/// Prints every account with the fencing token of its last writer, and the total.
/// The servers may continue meanwhile. A transfer that a killed server has left
/// half done counts as done, because the next turn of a server completes it. Exits
/// with 1 if a person has to repair something.
///
/// With --since and --answers it checks also that everything is there that clients
/// were answered, and nothing else; all clients must have had a --record. An operation
/// without an answer may be there as a whole, or not at all.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    accounts: Accounts,

    /// The output of an earlier audit, from before the clients' first request
    #[arg(long, value_name = "FILE", requires = "answers")]
    since: Option<PathBuf>,

    /// The records of all clients since then
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "since")]
    answers: Vec<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  bank audit
  bank audit --accounts /srv/contas | tail -1
  bank audit >before; bank client 1111111111 --record ana
  bank audit --since before --answers ana";

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        let expected = match self.since {
            Some(since) => Some(expected(&since, &self.answers)?),
            None => None,
        };
        let findings = self.accounts.store()?.inspect()?;
        let balances = findings.accounts.iter();
        let balances = balances.map(|account| (account.rg.clone(), account.balance));
        let balances: BTreeMap<Rg, Money> = balances.collect();
        print_all(findings)?;
        let Some(expected) = expected else {
            return Ok(());
        };
        let (done, in_doubt) = (expected.done, expected.in_doubt());
        expected.compare(&balances).map_err(Failure::Failed)?;
        print(&format!(
            "{done} operations were answered, and are there; {in_doubt} in doubt"
        ));
        Ok(())
    }
}

/// What the accounts must have.
fn expected(since: &Path, answers: &[PathBuf]) -> Result<Expected, Failure> {
    let usage = |path: &Path, why: &dyn ToString| {
        Failure::Usage(format!("{}: {}", path.display(), why.to_string()))
    };
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| usage(path, &error));
    let mut balances = BTreeMap::new();
    for line in read(since)?.lines() {
        let mut words = line.split_whitespace();
        let rg = words.next().and_then(Rg::parse);
        let balance = words.next().and_then(Money::balance);
        if let Some((rg, balance)) = rg.zip(balance) {
            balances.insert(rg, balance);
        }
    }
    if balances.is_empty() {
        return Err(usage(since, &"it is not the output of bank audit"));
    }
    let mut expected = Expected::since(balances);
    for path in answers {
        let added = expected.add(&read(path)?);
        added.map_err(|why| usage(path, &why))?;
    }
    Ok(expected)
}

fn print_all(findings: Findings) -> Result<(), Failure> {
    findings.accounts.iter().for_each(print_account);
    for half_done in &findings.half_done {
        print(half_done);
    }
    let mut total = Money::default();
    for account in &findings.accounts {
        let sum = total.plus(account.balance);
        let too_much = || Failure::Failed("the total has more than fifteen digits".to_owned());
        total = sum.ok_or_else(too_much)?;
    }
    let count = findings.accounts.len();
    print(&format!("{count} accounts, total {total}"));
    for error in &findings.errors {
        warn(&error.to_string());
    }
    if findings.errors.is_empty() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

fn print_account(account: &Account) {
    let (rg, balance) = (account.rg.to_string(), account.balance.to_string());
    let token = match account.token {
        0 => "no token".to_owned(),
        token => format!("token {token}"),
    };
    let name = printable(&account.name());
    print(&format!("{rg:10}  {balance:>16}  {token:<12}  {name}"));
}
