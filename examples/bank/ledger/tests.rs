//! The same tests on both stores.

use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::bank::execute;
use crate::database::{Claim, Database};
use crate::file_store::FileStore;
use crate::files::Files;
use crate::language::Language;
use crate::protocol::Operation;
use crate::store::StoreError;
use crate::test_postgres::Postgres;

/// A bank with the accounts 1 and 2, of 10.0 each.
enum Bank {
    Files(tempfile::TempDir),
    /// Its server, which runs while this is there, and its URL.
    Database(
        #[allow(dead_code, reason = "it is kept")] Arc<Postgres>,
        String,
    ),
}

fn rg(digit: u8) -> Rg {
    Rg::parse(&digit.to_string()).unwrap()
}

fn money(text: &str) -> Money {
    Money::amount(text).unwrap()
}

/// Both kinds of banks.
fn banks() -> [Bank; 2] {
    let postgres = Postgres::shared();
    let url = postgres.database();
    let banks = [
        Bank::Files(tempfile::tempdir().unwrap()),
        Bank::Database(postgres, url),
    ];
    for bank in &banks {
        let accounts = [1, 2].map(|digit| Account::new(rg(digit), "Ana", money("10")));
        assert_eq!(bank.store().open(accounts.to_vec()).unwrap(), 2);
        assert_eq!(
            bank.store().open(accounts.to_vec()).unwrap(),
            0,
            "they exist"
        );
    }
    banks
}

impl Bank {
    /// The store of one more server.
    fn store(&self) -> Box<dyn Store> {
        match self {
            Bank::Files(folder) => {
                let folder: PathBuf = folder.path().to_owned();
                Box::new(FileStore::new(Files::new(folder)))
            }
            Bank::Database(_, url) => Box::new(Database::new(url).unwrap()),
        }
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(self.store())
    }

    /// The ledger of a server without a group.
    fn ledger_alone(&self) -> Ledger {
        match self {
            Bank::Files(_) => self.ledger(),
            Bank::Database(_, url) => {
                let database = Database::new(url).unwrap();
                Ledger::new(Box::new(database.claimed(Claim::alone(), None)))
            }
        }
    }

    /// The balances and the tokens, as an audit finds them.
    fn accounts(&self) -> [(String, u64); 2] {
        let findings = self.store().inspect().unwrap();
        let accounts = findings.accounts.into_iter();
        let accounts = accounts.map(|account| (account.balance.to_string(), account.token));
        accounts.collect::<Vec<_>>().try_into().unwrap()
    }

    fn balances(&self) -> [String; 2] {
        self.accounts().map(|(balance, _)| balance)
    }

    /// Moves 4.0 from account 1 to 2 in a turn of this token.
    fn transfer(&self, token: u64) -> Result<(), StoreError> {
        let mut ledger = self.ledger();
        let mut transaction = ledger.begin(Turn::Token(token))?;
        set_both(&mut transaction, "6", "14");
        transaction.commit()
    }
}

fn set_both(transaction: &mut Transaction<'_>, first: &str, second: &str) {
    for (digit, balance) in [(1, first), (2, second)] {
        transaction.balance(&rg(digit)).unwrap().unwrap();
        transaction.set(&rg(digit), money(balance));
    }
}

fn transfer(from: u8, to: u8, amount: &str) -> Operation {
    Operation::Transfer {
        from: rg(from),
        to: rg(to),
        amount: money(amount),
    }
}

#[test]
fn a_commit_is_there_with_its_token() {
    for bank in banks() {
        bank.transfer(120).unwrap();
        let [first, second] = bank.accounts();
        assert_eq!(first, ("6.0".to_owned(), 120));
        assert_eq!(second, ("14.0".to_owned(), 120));
    }
}

#[test]
fn a_transaction_that_is_dropped_or_changes_nothing_leaves_no_trace() {
    for bank in banks() {
        let mut ledger = bank.ledger();
        let mut transaction = ledger.begin(Turn::Token(7)).unwrap();
        set_both(&mut transaction, "1", "2");
        drop(transaction);
        let mut transaction = ledger.begin(Turn::Token(7)).unwrap();
        assert_eq!(transaction.balance(&rg(1)).unwrap(), Some(money("10")));
        assert_eq!(transaction.balance(&rg(3)).unwrap(), None);
        set_both(&mut transaction, "10", "10");
        transaction.commit().unwrap();
        let untouched = ("10.0".to_owned(), 0);
        assert_eq!(bank.accounts(), [untouched.clone(), untouched]);
    }
}

#[test]
fn an_older_token_is_refused_and_an_equal_one_is_admitted() {
    for bank in banks() {
        bank.transfer(9).unwrap();
        let refusal = bank.transfer(8).unwrap_err();
        assert!(matches!(refusal, StoreError::Stale(_)), "{refusal}");
        let why = "refused: token 8 is older than 9, that of the last write";
        assert!(refusal.to_string().ends_with(why), "{refusal}");
        bank.transfer(9).unwrap();
        bank.transfer(10).unwrap();
    }
}

#[test]
fn a_server_alone_has_a_token_that_is_not_smaller_than_any() {
    for bank in banks() {
        bank.transfer(7).unwrap();
        let mut ledger = bank.ledger_alone();
        let mut last = 7;
        for balance in ["1", "2"] {
            let mut transaction = ledger.begin(Turn::Alone).unwrap();
            set_both(&mut transaction, balance, balance);
            transaction.commit().unwrap();
            let [(found, token), _] = bank.accounts();
            assert_eq!(found, format!("{balance}.0"));
            assert!(token >= last, "{token} after {last}");
            last = token;
        }
    }
}

#[test]
fn a_batch_is_done_in_order_and_each_operation_sees_those_before_it() {
    for bank in banks() {
        let texts = Language::Pt.texts();
        let balance = |digit| Operation::Balance { rg: rg(digit) };
        let amount = money("0.1");
        let tenths = (0..10).map(|_| Operation::Deposit { rg: rg(1), amount });
        let operations: Vec<Operation> = [transfer(1, 2, "10.01"), transfer(1, 2, "10")]
            .into_iter()
            .chain([
                transfer(1, 2, "0.01"),
                balance(1),
                transfer(2, 2, "1"),
                transfer(2, 3, "1"),
            ])
            .chain(tenths)
            .chain([balance(1), balance(2)])
            .collect();
        let outcomes = execute(&mut bank.ledger(), Turn::Token(3), &operations, texts);
        let text = |n: usize| outcomes[n].clone().unwrap_or_else(|why| why);
        assert_eq!(outcomes[0], Err(texts.too_little.to_owned()));
        assert_eq!(outcomes[1], Ok(texts.transfer_done.to_owned()));
        assert_eq!(outcomes[2], Err(texts.too_little.to_owned()));
        assert_eq!(text(3), "Saldo: 0.0");
        assert_eq!(outcomes[4], Err(texts.same_account.to_owned()));
        assert_eq!(outcomes[5], Err(texts.no_destination.to_owned()));
        assert_eq!((&*text(16), &*text(17)), ("Saldo: 1.0", "Saldo: 20.0"));
        assert_eq!(bank.balances(), ["1.0", "20.0"]);
    }
}

#[test]
fn the_largest_sum_is_exact_and_no_sum_exceeds_it() {
    for bank in banks() {
        let texts = Language::Pt.texts();
        let deposit = |amount: &str| Operation::Deposit {
            rg: rg(1),
            amount: money(amount),
        };
        let operations = [deposit("9999999999989.99"), deposit("0.01")];
        let outcomes = execute(&mut bank.ledger(), Turn::Token(3), &operations, texts);
        assert!(outcomes[0].is_ok());
        assert_eq!(outcomes[1], Err(texts.too_much.to_owned()));
        assert_eq!(bank.balances(), ["9999999999999.99", "10.0"]);
    }
}

#[test]
fn a_turn_that_is_over_gets_an_answer_that_says_what_to_do() {
    for bank in banks() {
        bank.transfer(9).unwrap();
        let operations = [transfer(1, 2, "1"), Operation::Balance { rg: rg(1) }];
        for language in [Language::Pt, Language::Es] {
            let texts = language.texts();
            let outcomes = execute(&mut bank.ledger(), Turn::Token(8), &operations, texts);
            for outcome in outcomes {
                let why = outcome.unwrap_err();
                assert!(why.starts_with(texts.not_done), "{why}");
                assert!(why.ends_with(texts.try_again), "{why}");
            }
        }
        assert_eq!(bank.balances(), ["6.0", "14.0"]);
    }
}
