//! The rules of the bank: what an operation does to the accounts, and what is
//! answered.

use crate::complain;
use crate::files::Trouble;
use crate::ledger::{Ledger, Visit};
use crate::money::Money;
use crate::protocol::{Operation, Rg};
use crate::turns::Turn;

/// The answer to what nobody understands. (To the letter the original's.)
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

/// What is answered: what was done, or why nothing was.
pub type Outcome = Result<String, String>;

/// Does all these in one turn, one after the other, and answers each. Those that
/// change anything are on the disk, together, or are answered with an error.
pub fn execute(ledger: &mut Ledger, turn: Turn, operations: &[Operation]) -> Vec<Outcome> {
    let (mut outcomes, committed) = match ledger.enter(turn) {
        Ok(mut visit) => {
            let perform = |operation| perform(&mut visit, operation);
            let outcomes: Vec<Outcome> = operations.iter().map(perform).collect();
            (outcomes, visit.commit())
        }
        Err(trouble) => {
            if operations.is_empty() {
                // There is nobody to tell but whoever has started the server.
                complain(&trouble.to_string());
            }
            let outcome = Err(apology(&trouble));
            return vec![outcome; operations.len()];
        }
    };
    let Err(uncommitted) = committed else {
        return outcomes;
    };
    // They have seen each other's changes, which are none now: whoever wanted to
    // change something could not, and whoever only asked is answered anew.
    for (operation, outcome) in operations.iter().zip(&mut outcomes) {
        *outcome = if operation.is_question() {
            let visit = ledger.enter(turn);
            visit.map_or_else(
                |trouble| Err(apology(&trouble)),
                |mut visit| perform(&mut visit, operation),
            )
        } else {
            Err(apology(&uncommitted))
        };
    }
    outcomes
}

impl Operation {
    /// Whether it changes nothing.
    fn is_question(&self) -> bool {
        matches!(self, Operation::Login { .. } | Operation::Balance { .. })
    }
}

fn apology(why: &impl ToString) -> String {
    format!("Erro no servidor: {}", why.to_string())
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Refusal(apology(&trouble))
    }
}

/// Why an operation was not done.
struct Refusal(String);

impl From<&str> for Refusal {
    fn from(why: &str) -> Self {
        Refusal(why.to_owned())
    }
}

fn perform(visit: &mut Visit<'_>, operation: &Operation) -> Outcome {
    let done = match operation {
        Operation::Login { rg } => login(visit, rg),
        Operation::Balance { rg } => balance(visit, rg),
        Operation::Withdraw { rg, amount } => withdraw(visit, rg, *amount),
        Operation::Deposit { rg, amount } => deposit(visit, rg, *amount),
        Operation::Transfer { from, to, amount } => transfer(visit, from, to, *amount),
    };
    done.map_err(|Refusal(why)| why)
}

fn login(visit: &mut Visit<'_>, rg: &Rg) -> Result<String, Refusal> {
    visit.balance(rg)?.ok_or(NO_CLIENT)?;
    Ok(LOGIN_DONE.to_owned())
}

fn balance(visit: &mut Visit<'_>, rg: &Rg) -> Result<String, Refusal> {
    let balance = visit.balance(rg)?.ok_or(NO_CLIENT)?;
    Ok(format!("Saldo: {balance}"))
}

fn withdraw(visit: &mut Visit<'_>, rg: &Rg, amount: Money) -> Result<String, Refusal> {
    let balance = visit.balance(rg)?.ok_or(NO_CLIENT)?;
    visit.set(rg, less(balance, amount)?);
    Ok(WITHDRAWAL_DONE.to_owned())
}

fn deposit(visit: &mut Visit<'_>, rg: &Rg, amount: Money) -> Result<String, Refusal> {
    let balance = visit.balance(rg)?.ok_or(NO_CLIENT)?;
    visit.set(rg, balance.plus(amount).ok_or(TOO_MUCH)?);
    Ok(DEPOSIT_DONE.to_owned())
}

fn transfer(visit: &mut Visit<'_>, from: &Rg, to: &Rg, amount: Money) -> Result<String, Refusal> {
    if from == to {
        return Err(SAME_ACCOUNT.into());
    }
    let origin = visit.balance(from)?.ok_or(NO_ORIGIN)?;
    let destination = visit.balance(to)?.ok_or(NO_DESTINATION)?;
    let (origin, destination) = (
        less(origin, amount)?,
        destination.plus(amount).ok_or(TOO_MUCH)?,
    );
    visit.set(from, origin);
    visit.set(to, destination);
    Ok(TRANSFER_DONE.to_owned())
}

/// What is left, if the balance is not less than the amount.
fn less(balance: Money, amount: Money) -> Result<Money, Refusal> {
    if balance < amount {
        return Err(TOO_LITTLE.into());
    }
    Ok(balance.minus(amount).ok_or(TOO_LITTLE)?)
}
