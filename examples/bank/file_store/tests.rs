use std::fs;

use super::*;
use crate::journal::DONE;
use crate::ledger::{Ledger, Transaction};
use crate::money::Money;

/// A directory with two accounts of 10.0 each.
struct Bank {
    folder: tempfile::TempDir,
}

fn rg(digit: u8) -> Rg {
    Rg::parse(&digit.to_string()).unwrap()
}

fn money(text: &str) -> Money {
    Money::amount(text).unwrap()
}

impl Bank {
    fn new() -> Self {
        let bank = Bank {
            folder: tempfile::tempdir().unwrap(),
        };
        for digit in [1, 2] {
            let account = Account::new(rg(digit), "Ana", money("10"));
            bank.write(&Files::name(&account.rg), &account.text());
        }
        bank
    }

    fn files(&self) -> Files {
        Files::new(self.folder.path().to_owned())
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(Box::new(FileStore::new(self.files())))
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        self.files().read(name).unwrap().unwrap()
    }

    fn balances(&self) -> [String; 2] {
        [1, 2].map(|digit| {
            let account = self.files().account(&rg(digit)).unwrap();
            account.unwrap().0.balance.to_string()
        })
    }

    /// All names in the directory, in order.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// Moves 4.0 from account 1 to 2 in a turn of this token.
    fn transfer(&self, token: u64) -> Result<(), String> {
        let mut ledger = self.ledger();
        let mut transaction = ledger
            .begin(Turn::Token(token))
            .map_err(|error| error.to_string())?;
        set_both(&mut transaction, "6", "14");
        transaction
            .commit()
            .map_err(|uncommitted| uncommitted.to_string())
    }
}

fn set_both(transaction: &mut Transaction<'_>, first: &str, second: &str) {
    for (digit, balance) in [(1, first), (2, second)] {
        transaction.balance(&rg(digit)).unwrap().unwrap();
        transaction.set(&rg(digit), money(balance));
    }
}

#[test]
fn a_commit_is_in_the_files_with_the_token() {
    let bank = Bank::new();
    bank.transfer(120).unwrap();
    assert_eq!(
        bank.read("1.json"),
        "{\"rg\": \"1\", \"nome\": \"Ana\", \"saldo\": 6.0}\n \t  \t\t\n"
    );
    assert_eq!(bank.balances(), ["6.0", "14.0"]);
    assert_eq!(bank.names(), [DONE, "1.json", "2.json"]);
}

#[test]
fn a_transaction_without_changes_writes_nothing() {
    let bank = Bank::new();
    let mut ledger = bank.ledger();
    let mut transaction = ledger.begin(Turn::Alone).unwrap();
    assert_eq!(transaction.balance(&rg(1)).unwrap(), Some(money("10")));
    assert_eq!(transaction.balance(&rg(3)).unwrap(), None);
    set_both(&mut transaction, "10", "10");
    transaction.commit().unwrap();
    assert_eq!(bank.names(), ["1.json", "2.json"]);
}

#[test]
fn an_older_token_is_refused_and_an_equal_one_is_admitted() {
    let bank = Bank::new();
    bank.transfer(9).unwrap();
    let refusal = bank.transfer(8).unwrap_err();
    let why = "refused: token 8 is older than 9, that of the last write";
    assert!(refusal.ends_with(why), "{refusal}");
    bank.transfer(9).unwrap();
    bank.transfer(10).unwrap();
}

/// The holder was paused after it had read, and another server has had its turn since.
#[test]
fn a_late_holder_changes_nothing() {
    let bank = Bank::new();
    let mut late = bank.ledger();
    let mut transaction = late.begin(Turn::Token(5)).unwrap();
    set_both(&mut transaction, "1", "19");
    bank.transfer(6).unwrap();
    let refusal = transaction.commit().unwrap_err();
    assert!(matches!(refusal, StoreError::Stale(_)), "{refusal}");
    assert_eq!(bank.balances(), ["6.0", "14.0"]);
    assert_eq!(bank.names(), [DONE, "1.json", "2.json"]);
}

#[test]
fn an_account_is_fenced_even_if_the_journal_is_lost() {
    let bank = Bank::new();
    bank.transfer(9).unwrap();
    fs::remove_file(bank.folder.path().join(DONE)).unwrap();
    let mut ledger = bank.ledger();
    let mut transaction = ledger.begin(Turn::Token(8)).unwrap();
    let error = transaction.balance(&rg(1)).unwrap_err().to_string();
    let why = "1.json: refused: token 8 is older than 9, that of its last writer";
    assert!(error.ends_with(why), "{error}");
}

#[test]
fn a_late_holder_is_refused_even_if_the_accounts_have_lost_their_marks() {
    let bank = Bank::new();
    bank.transfer(9).unwrap();
    for name in ["1.json", "2.json"] {
        let unmarked = bank.read(name).trim_end().to_owned();
        bank.write(name, &unmarked);
    }
    assert!(bank.transfer(8).is_err());
}

#[test]
fn a_server_alone_uses_the_highest_token_so_far() {
    let bank = Bank::new();
    let mut ledger = bank.ledger();
    let mut token_in_turn = |balance| {
        let mut transaction = ledger.begin(Turn::Alone).unwrap();
        set_both(&mut transaction, balance, balance);
        transaction.commit().unwrap();
        Account::parse(&rg(1), &bank.read("1.json")).unwrap().token
    };
    assert_eq!(token_in_turn("1"), 1);
    assert_eq!(token_in_turn("2"), 1);
    bank.transfer(7).unwrap();
    assert_eq!(token_in_turn("3"), 7);
}

/// After a kill at any step of a commit, all of it has happened in the end or none, and no
/// file is left behind.
#[test]
fn an_interrupted_transfer_is_completed_if_it_was_decided() {
    let before = Bank::new();
    let after = Bank::new();
    after.transfer(5).unwrap();
    let (old, new) = ("1.json", "2.json");
    // Whether these were written: the journal, the first account, the second.
    for (journal, first, second, balances) in [
        (false, false, false, ["10.0", "10.0"]),
        (true, false, false, ["6.0", "14.0"]),
        (true, true, false, ["6.0", "14.0"]),
        (true, false, true, ["6.0", "14.0"]),
        (true, true, true, ["6.0", "14.0"]),
    ] {
        let bank = Bank::new();
        let source = |is_written| if is_written { &after } else { &before };
        bank.write(old, &source(first).read(old));
        bank.write(new, &source(second).read(new));
        bank.write("1.json.17.new", "{\"rg\": \"1\", \"no");
        bank.write(".journal.17.new", "");
        if journal {
            bank.write(PENDING, &after.read(DONE));
        }
        let mut ledger = bank.ledger();
        let mut transaction = ledger.begin(Turn::Token(6)).unwrap();
        let found = [1, 2].map(|digit| transaction.balance(&rg(digit)).unwrap().unwrap());
        assert_eq!(found.map(|balance| balance.to_string()), balances);
        drop(transaction);
        assert_eq!(bank.balances(), balances);
        assert!(!bank.names().iter().any(|name| name.ends_with(".new")));
        assert!(!bank.names().contains(&PENDING.to_owned()));
    }
}

#[test]
fn a_half_done_transfer_with_a_conflict_is_left_to_a_person() {
    let bank = Bank::new();
    let done = Bank::new();
    done.transfer(5).unwrap();
    bank.write(PENDING, &done.read(DONE));
    bank.write(
        "1.json",
        "{\"rg\": \"1\", \"nome\": \"Ana\", \"saldo\": 7.0}",
    );
    let mut ledger = bank.ledger();
    let error = ledger.begin(Turn::Token(6)).err().unwrap().to_string();
    assert!(
        error.contains("1.json: another program has changed it"),
        "{error}"
    );
    assert_eq!(bank.balances(), ["7.0", "10.0"], "nothing is made worse");
    bank.write("1.json", &done.read("1.json"));
    assert!(ledger.begin(Turn::Token(6)).is_ok());
    assert_eq!(bank.balances(), ["6.0", "14.0"]);
}

#[test]
fn an_unreadable_journal_is_reported() {
    let bank = Bank::new();
    bank.write(DONE, "{\"batch\": 1");
    let error = bank.ledger().begin(Turn::Alone).err().unwrap().to_string();
    assert!(
        error.contains(".journal.done: EOF while parsing"),
        "{error}"
    );
}

/// A symbolic link stands for a full disk.
#[test]
fn a_full_disk_changes_nothing_and_is_reported() {
    let bank = Bank::new();
    let files = bank.files();
    let full = files.staged(PENDING);
    let mut ledger = Ledger::new(Box::new(FileStore::new(files)));
    let mut transaction = ledger.begin(Turn::Token(5)).unwrap();
    set_both(&mut transaction, "6", "14");
    std::os::unix::fs::symlink("/dev/full", full).unwrap();
    let error = transaction.commit().unwrap_err().to_string();
    assert!(
        error.contains(".journal.") && error.contains("No space left"),
        "{error}"
    );
    assert_eq!(bank.balances(), ["10.0", "10.0"]);
    assert_eq!(bank.names(), ["1.json", "2.json"], "it takes no room");
}
