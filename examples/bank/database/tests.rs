//! What only a database does: conflicts, idle transactions and lost connections.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;

use super::*;
use crate::bank::execute;
use crate::language::Language;
use crate::ledger::Ledger;
use crate::protocol::Operation;
use crate::test_postgres::{Postgres, connect as client_of};

fn rg(digit: u8) -> Rg {
    Rg::parse(&digit.to_string()).unwrap()
}

fn money(text: &str) -> Money {
    Money::amount(text).unwrap()
}

/// A bank with the accounts 1 and 2, of 10.0 each.
struct Bank {
    _postgres: Arc<Postgres>,
    url: String,
}

impl Bank {
    fn new() -> Self {
        let postgres = Postgres::shared();
        let url = postgres.database();
        let accounts = [1, 2].map(|digit| Account::new(rg(digit), "Ana", money("10")));
        Database::new(&url)
            .unwrap()
            .open(accounts.to_vec())
            .unwrap();
        Bank {
            _postgres: postgres,
            url,
        }
    }

    fn sql(&self, statements: &str) {
        client_of(&self.url).batch_execute(statements).unwrap();
    }

    fn balances(&self) -> [String; 2] {
        let findings = Database::new(&self.url).unwrap().inspect().unwrap();
        let balances = findings
            .accounts
            .iter()
            .map(|account| account.balance.to_string());
        balances.collect::<Vec<_>>().try_into().unwrap()
    }

    /// A trigger that does this before each write of an account, and another one at its
    /// commit. `seen` counts also what is undone.
    fn trigger(&self, moment: &str, body: &str) {
        self.sql(&format!(
            "CREATE SEQUENCE IF NOT EXISTS seen;
             CREATE FUNCTION disturb() RETURNS trigger AS $$ BEGIN {body} RETURN NEW; END $$ LANGUAGE plpgsql;
             CREATE {moment} ON bank_account {} FOR EACH ROW EXECUTE FUNCTION disturb()",
            if moment.contains("CONSTRAINT") { "DEFERRABLE INITIALLY DEFERRED" } else { "" }
        ));
    }
}

const BEFORE_WRITE: &str = "TRIGGER disturb BEFORE UPDATE";
const AT_COMMIT: &str = "CONSTRAINT TRIGGER disturb AFTER UPDATE";

/// Deposits 1.0 into account 1.
fn deposit(url: &str, token: u64) -> Result<String, String> {
    let database = Database::new(url).unwrap();
    deposit_in(&mut Ledger::new(Box::new(database)), token)
}

fn deposit_in(ledger: &mut Ledger, token: u64) -> Result<String, String> {
    let deposit = Operation::Deposit {
        rg: rg(1),
        amount: money("1"),
    };
    let texts = Language::Pt.texts();
    execute(ledger, Turn::Token(token), &[deposit], texts).remove(0)
}

#[test]
fn a_conflict_is_tried_again_until_it_succeeds() {
    for code in ["40001", "40P01"] {
        for moment in [BEFORE_WRITE, AT_COMMIT] {
            let bank = Bank::new();
            let raise = format!(
                "IF nextval('seen') <= 5 THEN RAISE EXCEPTION 'restart' USING ERRCODE = '{code}'; END IF;"
            );
            bank.trigger(moment, &raise);
            deposit(&bank.url, 3).unwrap();
            assert_eq!(bank.balances(), ["11.0", "10.0"], "{code} {moment}");
        }
    }
}

#[test]
fn a_conflict_that_does_not_end_is_reported() {
    let bank = Bank::new();
    bank.trigger(
        BEFORE_WRITE,
        "RAISE EXCEPTION 'restart' USING ERRCODE = '40001';",
    );
    let why = deposit(&bank.url, 3).unwrap_err();
    assert!(
        why.starts_with("Não feito: ") && why.contains("restart (40001)"),
        "{why}"
    );
    assert_eq!(bank.balances(), ["10.0", "10.0"]);
}

/// Twelve writers at once, with tokens that rise and are used late, at each isolation level.
#[test]
fn the_fence_holds_at_each_isolation_level() {
    for level in ["read committed", "repeatable read", "serializable"] {
        let bank = Bank::new();
        let name = bank.url.rsplit_once('/').unwrap().1;
        bank.sql(&format!(
            "ALTER DATABASE {name} SET default_transaction_isolation = '{level}';
             CREATE TABLE written (n serial, token bigint);
             CREATE FUNCTION note() RETURNS trigger AS $$ BEGIN INSERT INTO written (token) VALUES (NEW.token); RETURN NEW; END $$ LANGUAGE plpgsql;
             CREATE TRIGGER note AFTER UPDATE ON bank_fence FOR EACH ROW EXECUTE FUNCTION note()"
        ));
        let next = std::sync::atomic::AtomicU64::new(1);
        let done = std::sync::atomic::AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut ledger = Ledger::new(Box::new(Database::new(&bank.url).unwrap()));
                    for _ in 0..25 {
                        use std::sync::atomic::Ordering::SeqCst;
                        let token = next.fetch_add(1, SeqCst);
                        match deposit_in(&mut ledger, token) {
                            Ok(_) => drop(done.fetch_add(1, SeqCst)),
                            Err(why) => assert!(why.starts_with("Não feito: "), "{why}"),
                        }
                    }
                });
            }
        });
        let done = done.into_inner();
        assert!(done > 0, "{level}");
        assert_eq!(bank.balances()[0], format!("{}.0", 10 + done), "{level}");
        let rows = client_of(&bank.url).query("SELECT token FROM written ORDER BY n", &[]);
        let tokens: Vec<i64> = rows.unwrap().iter().map(|row| row.get(0)).collect();
        assert_eq!(tokens.len() as u64, done, "{level}");
        assert!(tokens.is_sorted(), "{level}: {tokens:?}");
    }
}

/// The row that a late holder has locked is free once the database has ended its transaction.
#[test]
fn an_idle_holder_loses_its_transaction_and_writes_nothing() {
    let bank = Bank::new();
    let lease = Duration::from_millis(400);
    let late = Database::new(&bank.url)
        .unwrap()
        .claimed(Claim::None, Some(lease));
    let mut late = Ledger::new(Box::new(late));
    let mut transaction = late.begin(Turn::Token(5)).unwrap();
    transaction.balance(&rg(1)).unwrap();
    transaction.set(&rg(1), money("1000"));
    // This waits for the row.
    deposit(&bank.url, 9).unwrap();
    let error = transaction.commit().unwrap_err();
    assert!(matches!(error, StoreError::Away(_)), "{error}");
    assert_eq!(bank.balances(), ["11.0", "10.0"]);
    let why = deposit_in(&mut late, 5).unwrap_err();
    assert!(why.contains("refused: token 5 is older than 9"), "{why}");
}

#[test]
fn a_connection_that_is_lost_before_the_commit_is_replaced() {
    let bank = Bank::new();
    let terminate =
        "IF nextval('seen') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;";
    bank.trigger(BEFORE_WRITE, terminate);
    deposit(&bank.url, 3).unwrap();
    assert_eq!(bank.balances(), ["11.0", "10.0"]);
}

#[test]
fn a_connection_that_is_lost_in_the_commit_leaves_no_doubt() {
    // The transaction is undone, and done again.
    let bank = Bank::new();
    let terminate =
        "IF nextval('seen') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;";
    bank.trigger(AT_COMMIT, terminate);
    deposit(&bank.url, 3).unwrap();
    assert_eq!(bank.balances(), ["11.0", "10.0"]);

    // The transaction is done, and the answer is lost: it is not done again.
    let bank = Bank::new();
    deposit(&relay_without_the_answer_to_a_commit(&bank.url), 3).unwrap();
    assert_eq!(bank.balances(), ["11.0", "10.0"]);
}

/// A relay to the database, whose first connection ends after a commit, before its answer.
/// Returns its URL.
fn relay_without_the_answer_to_a_commit(url: &str) -> String {
    let (start, end) = url.split_once("127.0.0.1:").unwrap();
    let (port, name) = end.split_once('/').unwrap();
    let target: u16 = port.parse().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for (n, client) in listener.incoming().enumerate() {
            let client = client.unwrap();
            let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
            let (from, to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || copy(from, to, false));
            thread::spawn(move || copy(client, server, n == 0));
        }
    });
    format!("{start}127.0.0.1:{port}/{name}")
}

/// Copies until a commit, if that is the end.
fn copy(mut from: TcpStream, mut to: TcpStream, ends_at_commit: bool) {
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let piece = &piece[..length];
        if ends_at_commit && piece.windows(6).any(|word| word == b"COMMIT") {
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.write_all(piece);
            return;
        }
        if to.write_all(piece).is_err() {
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
