//! The rules of the bank: the changes and the answer of each operation.

use std::thread;
use std::time::Duration;

use crate::language::Texts;
use crate::ledger::{Ledger, Transaction};
use crate::money::Money;
use crate::protocol::{Operation, Rg};
use crate::stop::{Step, stop_at};
use crate::store::StoreError;
use crate::turns::Turn;
use crate::warn;

/// The text of an answer: what was done, or why nothing was.
pub type Outcome = Result<String, String>;

/// How often a batch is tried while other transactions are in its way, and how often on a
/// new connection.
const MAX_TRIES: u32 = 8;
const MAX_CONNECTIONS: u32 = 2;

/// The longest pause before the second try. It doubles with each.
const MAX_PAUSE: Duration = Duration::from_millis(4);

/// Does these operations in one turn, in this order, and returns the outcome of each.
/// Their changes are on the disk, all together, or each of them gets an error.
pub fn execute(
    ledger: &mut Ledger,
    turn: Turn,
    operations: &[Operation],
    texts: &'static Texts,
) -> Vec<Outcome> {
    let error = match try_all(ledger, turn, operations, texts) {
        Ok(outcomes) => return outcomes,
        Err(error) => error,
    };
    if operations.is_empty() {
        // No client waits for this error.
        warn(&error.to_string());
    }
    let refused = || Err(error_text(&error, texts));
    let is_read_only = |operation: &&Operation| operation.is_read_only();
    let reads: Vec<Operation> = operations.iter().filter(is_read_only).cloned().collect();
    if reads.is_empty() || reads.len() == operations.len() {
        return operations.iter().map(|_| refused()).collect();
    }
    // The operations have seen each other's changes, which are now undone. So the changes
    // get the error, and the reads are done again.
    let redone = match try_all(ledger, turn, &reads, texts) {
        Ok(outcomes) => outcomes,
        Err(error) => vec![Err(error_text(&error, texts)); reads.len()],
    };
    let mut redone = redone.into_iter();
    let outcome = |operation: &Operation| match operation.is_read_only() {
        true => redone.next().expect("there is one for each"),
        false => refused(),
    };
    operations.iter().map(outcome).collect()
}

/// Tries it again if another transaction was in the way, and once if the connection was lost:
/// both have undone everything.
fn try_all(
    ledger: &mut Ledger,
    turn: Turn,
    operations: &[Operation],
    texts: &'static Texts,
) -> Result<Vec<Outcome>, StoreError> {
    let (mut tries, mut connections) = (1, 1);
    let mut pause = MAX_PAUSE;
    loop {
        match try_once(ledger, turn, operations, texts) {
            Err(StoreError::Conflict(_)) if tries < MAX_TRIES => {
                tries += 1;
                // Not all at the same moment again.
                thread::sleep(pause.mul_f32(fastrand::f32()));
                pause *= 2;
            }
            Err(StoreError::Away(_)) if connections < MAX_CONNECTIONS => connections += 1,
            done => return done,
        }
    }
}

fn try_once(
    ledger: &mut Ledger,
    turn: Turn,
    operations: &[Operation],
    texts: &'static Texts,
) -> Result<Vec<Outcome>, StoreError> {
    if !operations.iter().all(Operation::is_read_only) {
        stop_at(Step::Turn);
    }
    let mut transaction = ledger.begin(turn)?;
    transaction.read(operations.iter().flat_map(Operation::accounts))?;
    let perform_next = |operation| perform(&mut transaction, operation, texts);
    let outcomes = operations.iter().map(perform_next).collect();
    transaction.commit()?;
    Ok(outcomes)
}

impl Operation {
    fn is_read_only(&self) -> bool {
        matches!(self, Operation::Login { .. } | Operation::Balance { .. })
    }

    /// The accounts that it reads.
    fn accounts(&self) -> Vec<&Rg> {
        match self {
            Operation::Login { rg }
            | Operation::Balance { rg }
            | Operation::Withdraw { rg, .. }
            | Operation::Deposit { rg, .. } => vec![rg],
            Operation::Transfer { from, to, .. } => vec![from, to],
        }
    }
}

/// What happened, and what the client is to do.
fn error_text(error: &StoreError, texts: &Texts) -> String {
    match error {
        StoreError::Stale(why) | StoreError::Conflict(why) | StoreError::Away(why) => {
            format!("{}{why}{}", texts.not_done, texts.try_again)
        }
        StoreError::Failed(why) => format!("{}{why}", texts.server_error),
        StoreError::Unknown(why) => format!("{}{why}{}", texts.unknown, texts.check_first),
    }
}

/// Why an operation was not done.
enum Refusal {
    Rule(&'static str),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Refusal::Store(error)
    }
}

fn perform(
    transaction: &mut Transaction<'_>,
    operation: &Operation,
    texts: &'static Texts,
) -> Outcome {
    let done = match operation {
        Operation::Login { rg } => login(transaction, texts, rg),
        Operation::Balance { rg } => balance(transaction, texts, rg),
        Operation::Withdraw { rg, amount } => withdraw(transaction, texts, rg, *amount),
        Operation::Deposit { rg, amount } => deposit(transaction, texts, rg, *amount),
        Operation::Transfer { from, to, amount } => transfer(transaction, texts, from, to, *amount),
    };
    done.map_err(|refusal| match refusal {
        Refusal::Rule(why) => why.to_owned(),
        Refusal::Store(error) => error_text(&error, texts),
    })
}

type Done = Result<String, Refusal>;

fn login(transaction: &mut Transaction<'_>, texts: &'static Texts, rg: &Rg) -> Done {
    known(transaction, rg, texts.no_client)?;
    Ok(texts.login_done.to_owned())
}

fn balance(transaction: &mut Transaction<'_>, texts: &'static Texts, rg: &Rg) -> Done {
    let balance = known(transaction, rg, texts.no_client)?;
    Ok(format!("Saldo: {balance}"))
}

fn withdraw(
    transaction: &mut Transaction<'_>,
    texts: &'static Texts,
    rg: &Rg,
    amount: Money,
) -> Done {
    let balance = known(transaction, rg, texts.no_client)?;
    transaction.set(rg, less(balance, amount, texts)?);
    Ok(texts.withdrawal_done.to_owned())
}

fn deposit(
    transaction: &mut Transaction<'_>,
    texts: &'static Texts,
    rg: &Rg,
    amount: Money,
) -> Done {
    let balance = known(transaction, rg, texts.no_client)?;
    transaction.set(rg, more(balance, amount, texts)?);
    Ok(texts.deposit_done.to_owned())
}

fn transfer(
    transaction: &mut Transaction<'_>,
    texts: &'static Texts,
    from: &Rg,
    to: &Rg,
    amount: Money,
) -> Done {
    if from == to {
        return Err(Refusal::Rule(texts.same_account));
    }
    let origin = known(transaction, from, texts.no_origin)?;
    let destination = known(transaction, to, texts.no_destination)?;
    let origin = less(origin, amount, texts)?;
    let destination = more(destination, amount, texts)?;
    transaction.set(from, origin);
    transaction.set(to, destination);
    Ok(texts.transfer_done.to_owned())
}

/// The balance of an account that must exist.
fn known(
    transaction: &mut Transaction<'_>,
    rg: &Rg,
    missing: &'static str,
) -> Result<Money, Refusal> {
    transaction.balance(rg)?.ok_or(Refusal::Rule(missing))
}

fn more(balance: Money, amount: Money, texts: &'static Texts) -> Result<Money, Refusal> {
    balance.plus(amount).ok_or(Refusal::Rule(texts.too_much))
}

/// The rest of the balance, if it is not less than the amount.
fn less(balance: Money, amount: Money, texts: &'static Texts) -> Result<Money, Refusal> {
    let rest = balance.minus(amount).filter(|_| balance >= amount);
    rest.ok_or(Refusal::Rule(texts.too_little))
}
