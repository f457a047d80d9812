use std::fs;

use super::*;
use crate::journal::DONE;

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
        Ledger::new(self.files())
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
        let mut visit = ledger
            .enter(Turn::Token(token))
            .map_err(|trouble| trouble.to_string())?;
        set_both(&mut visit, "6", "14");
        visit
            .commit()
            .map_err(|uncommitted| uncommitted.to_string())
    }
}

fn set_both(visit: &mut Visit<'_>, first: &str, second: &str) {
    for (digit, balance) in [(1, first), (2, second)] {
        visit.balance(&rg(digit)).unwrap().unwrap();
        visit.set(&rg(digit), money(balance));
    }
}

#[test]
fn what_is_committed_is_in_the_files_with_the_token() {
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
fn who_changes_nothing_writes_nothing() {
    let bank = Bank::new();
    let mut ledger = bank.ledger();
    let mut visit = ledger.enter(Turn::Alone).unwrap();
    assert_eq!(visit.balance(&rg(1)).unwrap(), Some(money("10")));
    assert_eq!(visit.balance(&rg(3)).unwrap(), None);
    set_both(&mut visit, "10", "10");
    visit.commit().unwrap();
    assert_eq!(bank.names(), ["1.json", "2.json"]);
}

#[test]
fn an_older_token_is_refused_and_an_equal_one_is_the_same_turn() {
    let bank = Bank::new();
    bank.transfer(9).unwrap();
    let refusal = bank.transfer(8).unwrap_err();
    let why = "refused: token 8 is older than 9, with which was written last";
    assert!(refusal.ends_with(why), "{refusal}");
    bank.transfer(9).unwrap();
    bank.transfer(10).unwrap();
}

/// It was paused after it had read, and another has had its turn since.
#[test]
fn a_holder_that_comes_too_late_changes_nothing() {
    let bank = Bank::new();
    let mut late = bank.ledger();
    let mut visit = late.enter(Turn::Token(5)).unwrap();
    set_both(&mut visit, "1", "19");
    bank.transfer(6).unwrap();
    let refusal = visit.commit().unwrap_err();
    assert!(matches!(refusal, Uncommitted::Undone(_)), "{refusal}");
    assert_eq!(bank.balances(), ["6.0", "14.0"]);
    assert_eq!(bank.names(), [DONE, "1.json", "2.json"]);
}

#[test]
fn an_account_is_fenced_even_where_the_journal_is_lost() {
    let bank = Bank::new();
    bank.transfer(9).unwrap();
    fs::remove_file(bank.folder.path().join(DONE)).unwrap();
    let mut ledger = bank.ledger();
    let mut visit = ledger.enter(Turn::Token(8)).unwrap();
    let trouble = visit.balance(&rg(1)).unwrap_err().to_string();
    let why = "1.json: refused: token 8 is older than 9, its last writer's";
    assert!(trouble.ends_with(why), "{trouble}");
}

#[test]
fn who_comes_too_late_is_refused_even_where_the_accounts_have_lost_their_marks() {
    let bank = Bank::new();
    bank.transfer(9).unwrap();
    for name in ["1.json", "2.json"] {
        let unmarked = bank.read(name).trim_end().to_owned();
        bank.write(name, &unmarked);
    }
    assert!(bank.transfer(8).is_err());
}

#[test]
fn alone_the_highest_token_so_far_will_do() {
    let bank = Bank::new();
    let mut ledger = bank.ledger();
    let mut token_in_turn = |balance| {
        let mut visit = ledger.enter(Turn::Alone).unwrap();
        set_both(&mut visit, balance, balance);
        visit.commit().unwrap();
        Account::parse(&rg(1), &bank.read("1.json")).unwrap().token
    };
    assert_eq!(token_in_turn("1"), 1);
    assert_eq!(token_in_turn("2"), 1);
    bank.transfer(7).unwrap();
    assert_eq!(token_in_turn("3"), 7);
}

/// Killed at each step of a commit, it has happened in the end or it has not, and
/// nothing is left behind.
#[test]
fn a_transfer_that_is_cut_short_is_made_whole_once_it_was_decided() {
    let before = Bank::new();
    let after = Bank::new();
    after.transfer(5).unwrap();
    let (old, new) = ("1.json", "2.json");
    // What was written: the journal, the first account, the second.
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
        let mut visit = ledger.enter(Turn::Token(6)).unwrap();
        let found = [1, 2].map(|digit| visit.balance(&rg(digit)).unwrap().unwrap());
        assert_eq!(found.map(|balance| balance.to_string()), balances);
        drop(visit);
        assert_eq!(bank.balances(), balances);
        assert!(!bank.names().iter().any(|name| name.ends_with(".new")));
        assert!(!bank.names().contains(&PENDING.to_owned()));
    }
}

#[test]
fn a_half_done_transfer_that_somebody_has_crossed_is_left_to_a_person() {
    let bank = Bank::new();
    let done = Bank::new();
    done.transfer(5).unwrap();
    bank.write(PENDING, &done.read(DONE));
    bank.write(
        "1.json",
        "{\"rg\": \"1\", \"nome\": \"Ana\", \"saldo\": 7.0}",
    );
    let mut ledger = bank.ledger();
    let trouble = ledger.enter(Turn::Token(6)).err().unwrap().to_string();
    assert!(
        trouble.contains("1.json: somebody has changed it"),
        "{trouble}"
    );
    assert_eq!(bank.balances(), ["7.0", "10.0"], "nothing is made worse");
    bank.write("1.json", &done.read("1.json"));
    assert!(ledger.enter(Turn::Token(6)).is_ok());
    assert_eq!(bank.balances(), ["6.0", "14.0"]);
}

#[test]
fn a_journal_that_cannot_be_read_is_named() {
    let bank = Bank::new();
    bank.write(DONE, "{\"batch\": 1");
    let trouble = bank.ledger().enter(Turn::Alone).err().unwrap().to_string();
    assert!(
        trouble.contains(".journal.done: EOF while parsing"),
        "{trouble}"
    );
}

/// The symbolic link takes the place of a disk that is full.
#[test]
fn a_full_disk_changes_nothing_and_is_named() {
    let bank = Bank::new();
    let mut ledger = bank.ledger();
    let mut visit = ledger.enter(Turn::Token(5)).unwrap();
    set_both(&mut visit, "6", "14");
    let full = visit.files.unfinished(PENDING);
    std::os::unix::fs::symlink("/dev/full", full).unwrap();
    let error = visit.commit().unwrap_err().to_string();
    assert!(
        error.contains(".journal.") && error.contains("No space left"),
        "{error}"
    );
    assert_eq!(bank.balances(), ["10.0", "10.0"]);
    assert_eq!(bank.names(), ["1.json", "2.json"], "it takes no room");
}
