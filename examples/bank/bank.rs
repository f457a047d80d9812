//! The rules of the bank: the changes and the answer of each operation.

use crate::files::FileError;
use crate::ledger::{Ledger, Transaction};
use crate::money::Money;
use crate::protocol::{Operation, Rg};
use crate::turns::Turn;
use crate::warn;

/// The answer to an invalid request, as the original spells it.
pub const NOT_UNDERSTOOD: &str = "Operaçao inválida";

const LOGIN_DONE: &str = "Login realizado com sucesso";
const WITHDRAWAL_DONE: &str = "Saque realizado com sucesso";
const DEPOSIT_DONE: &str = "Depósito realizado com sucesso";
const TRANSFER_DONE: &str = "Transferência realizada com sucesso";

const TOO_LITTLE: &str = "Saldo insuficiente";
const TOO_MUCH: &str = "Saldo máximo excedido";
const NO_CLIENT: &str = "Cliente não encontrado";
const NO_ORIGIN: &str = "Conta de origem não encontrada";
const NO_DESTINATION: &str = "Conta de destino não encontrada";
const SAME_ACCOUNT: &str = "Não é possível transferir para a mesma conta";

/// The text of an answer: what was done, or why nothing was.
pub type Outcome = Result<String, String>;

/// Does these operations in one turn, in this order, and returns the outcome of each.
/// Their changes are on the disk, all together, or each of them gets an error.
pub fn execute(ledger: &mut Ledger, turn: Turn, operations: &[Operation]) -> Vec<Outcome> {
    let mut transaction = match ledger.begin(turn) {
        Ok(transaction) => transaction,
        Err(error) => {
            if operations.is_empty() {
                // No client waits for this error.
                warn(&error.to_string());
            }
            return vec![Err(error_text(&error)); operations.len()];
        }
    };
    let perform_next = |operation| perform(&mut transaction, operation);
    let outcomes = operations.iter().map(perform_next).collect();
    let Err(error) = transaction.commit() else {
        return outcomes;
    };
    // The operations have seen each other's changes, which are now undone. So the changes
    // get the error, and the reads are done again.
    let redo = |operation: &Operation| {
        if !operation.is_read_only() {
            return Err(error_text(&error));
        }
        let transaction = ledger.begin(turn);
        perform(
            &mut transaction.map_err(|error| error_text(&error))?,
            operation,
        )
    };
    operations.iter().map(redo).collect()
}

impl Operation {
    fn is_read_only(&self) -> bool {
        matches!(self, Operation::Login { .. } | Operation::Balance { .. })
    }
}

fn error_text(why: &impl ToString) -> String {
    format!("Erro no servidor: {}", why.to_string())
}

impl From<FileError> for Refusal {
    fn from(error: FileError) -> Self {
        Refusal(error_text(&error))
    }
}

/// Why an operation was not done.
struct Refusal(String);

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Refusal(why.to_owned())
    }
}

fn perform(transaction: &mut Transaction<'_>, operation: &Operation) -> Outcome {
    let done = match operation {
        Operation::Login { rg } => login(transaction, rg),
        Operation::Balance { rg } => balance(transaction, rg),
        Operation::Withdraw { rg, amount } => withdraw(transaction, rg, *amount),
        Operation::Deposit { rg, amount } => deposit(transaction, rg, *amount),
        Operation::Transfer { from, to, amount } => transfer(transaction, from, to, *amount),
    };
    done.map_err(|Refusal(why)| why)
}

fn login(transaction: &mut Transaction<'_>, rg: &Rg) -> Result<String, Refusal> {
    transaction.balance(rg)?.ok_or(NO_CLIENT)?;
    Ok(LOGIN_DONE.to_owned())
}

fn balance(transaction: &mut Transaction<'_>, rg: &Rg) -> Result<String, Refusal> {
    let balance = transaction.balance(rg)?.ok_or(NO_CLIENT)?;
    Ok(format!("Saldo: {balance}"))
}

fn withdraw(transaction: &mut Transaction<'_>, rg: &Rg, amount: Money) -> Result<String, Refusal> {
    let balance = transaction.balance(rg)?.ok_or(NO_CLIENT)?;
    transaction.set(rg, less(balance, amount)?);
    Ok(WITHDRAWAL_DONE.to_owned())
}

fn deposit(transaction: &mut Transaction<'_>, rg: &Rg, amount: Money) -> Result<String, Refusal> {
    let balance = transaction.balance(rg)?.ok_or(NO_CLIENT)?;
    transaction.set(rg, balance.plus(amount).ok_or(TOO_MUCH)?);
    Ok(DEPOSIT_DONE.to_owned())
}

fn transfer(
    transaction: &mut Transaction<'_>,
    from: &Rg,
    to: &Rg,
    amount: Money,
) -> Result<String, Refusal> {
    if from == to {
        return Err(SAME_ACCOUNT.into());
    }
    let origin = transaction.balance(from)?.ok_or(NO_ORIGIN)?;
    let destination = transaction.balance(to)?.ok_or(NO_DESTINATION)?;
    let (origin, destination) = (
        less(origin, amount)?,
        destination.plus(amount).ok_or(TOO_MUCH)?,
    );
    transaction.set(from, origin);
    transaction.set(to, destination);
    Ok(TRANSFER_DONE.to_owned())
}

/// The rest of the balance, if it is not less than the amount.
fn less(balance: Money, amount: Money) -> Result<Money, Refusal> {
    if balance < amount {
        return Err(TOO_LITTLE.into());
    }
    Ok(balance.minus(amount).ok_or(TOO_LITTLE)?)
}
