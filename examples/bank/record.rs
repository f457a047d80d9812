//! What a client has asked, and what it was answered, in a file: `bank audit` compares it with
//! the accounts.
//!
//! ```text
//! > t:9|op:3|rg:1111111111|valor:100.0
//! < t:11|s:0|resposta:Depósito realizado com sucesso
//! ```
//!
//! A request is written before it is sent. One without an answer may be done or not.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use crate::language::Texts;
use crate::money::Money;
use crate::protocol::{Answer, Operation, Request, Rg};

/// How many operations without an answer an audit can tell apart.
const MAX_IN_DOUBT: usize = 20;

/// A record that is being written.
pub struct Record(Option<File>);

impl Record {
    /// Appends to a file, if there is one.
    pub fn open(path: Option<&Path>) -> io::Result<Self> {
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        Ok(Record(path.map(open).transpose()?))
    }

    pub fn asked(&mut self, request: &str) -> io::Result<()> {
        self.write('>', request)
    }

    pub fn answered(&mut self, answer: &Answer) -> io::Result<()> {
        self.write('<', &answer.to_string())
    }

    fn write(&mut self, mark: char, text: &str) -> io::Result<()> {
        match &mut self.0 {
            Some(file) => file.write_all(format!("{mark} {text}\n").as_bytes()),
            None => Ok(()),
        }
    }
}

/// What the accounts must have by what clients were answered.
#[derive(Default)]
pub struct Expected {
    /// How many operations were answered as done.
    pub done: usize,
    balances: BTreeMap<Rg, Money>,
    in_doubt: Vec<Operation>,
}

impl Expected {
    /// Begins with these balances.
    pub fn since(balances: BTreeMap<Rg, Money>) -> Self {
        Expected {
            balances,
            ..Expected::default()
        }
    }

    /// How many operations may be done or not.
    pub fn in_doubt(&self) -> usize {
        self.in_doubt.len()
    }

    /// Adds the record of a client.
    ///
    /// # Errors
    /// The line that is none of a record.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        let mut asked: Option<Operation> = None;
        // A client that was killed may have left half a line.
        let is_whole = text.is_empty() || text.ends_with('\n');
        let count = text.lines().count();
        let whole = if is_whole { count } else { count - 1 };
        for (number, line) in text.lines().enumerate().take(whole) {
            let bad = || format!("line {}: {line:?} is not of a record", number + 1);
            if let Some(request) = line.strip_prefix("> ") {
                self.in_doubt.extend(asked.take());
                asked = Request::parse(request.as_bytes()).operation;
            } else if let Some(answer) = line.strip_prefix("< ") {
                let answer = Answer::parse(answer.as_bytes()).ok_or_else(bad)?;
                match asked.take() {
                    Some(operation) if answer.is_done => self.done(&operation)?,
                    Some(operation) if Texts::is_unknown(&answer.text) => {
                        self.in_doubt.push(operation);
                    }
                    _ => {}
                }
            } else {
                return Err(bad());
            }
        }
        self.in_doubt.extend(asked);
        Ok(())
    }

    fn done(&mut self, operation: &Operation) -> Result<(), String> {
        self.done += 1;
        apply(&mut self.balances, operation)
    }

    /// Whether the accounts have these balances, with some of the operations in doubt done and
    /// the others not. Returns what is wrong.
    pub fn compare(mut self, found: &BTreeMap<Rg, Money>) -> Result<(), String> {
        self.in_doubt.retain(|operation| !is_read_only(operation));
        if self.in_doubt.len() > MAX_IN_DOUBT {
            return Err(format!(
                "{} operations were not answered: more than {MAX_IN_DOUBT} cannot be told apart",
                self.in_doubt.len()
            ));
        }
        for done in 0..1u32 << self.in_doubt.len() {
            let mut balances = self.balances.clone();
            let operations = self.in_doubt.iter().enumerate();
            let mut done = operations.filter(|(n, _)| done >> n & 1 == 1);
            if done.all(|(_, operation)| apply(&mut balances, operation).is_ok())
                && balances == *found
            {
                return Ok(());
            }
        }
        let wrong = self.balances.iter().find_map(|(rg, expected)| {
            let found = found.get(rg).copied().unwrap_or_default();
            (found != *expected).then(|| {
                format!("{rg} has {found}; by what clients were answered it has {expected}")
            })
        });
        let doubt = match self.in_doubt.len() {
            0 => String::new(),
            count => format!(", and none of the {count} operations in doubt explains that"),
        };
        let wrong = wrong.unwrap_or_else(|| "there are other accounts than before".to_owned());
        Err(wrong + &doubt)
    }
}

fn is_read_only(operation: &Operation) -> bool {
    matches!(
        operation,
        Operation::Login { .. } | Operation::Balance { .. }
    )
}

fn apply(balances: &mut BTreeMap<Rg, Money>, operation: &Operation) -> Result<(), String> {
    let mut add = |rg: &Rg, amount: Money, is_added: bool| {
        let balance = balances.entry(rg.clone()).or_default();
        let sum = if is_added {
            balance.plus(amount)
        } else {
            balance.minus(amount)
        };
        *balance = sum.ok_or_else(|| format!("{rg}: more than fifteen digits"))?;
        Ok(())
    };
    match operation {
        Operation::Login { .. } | Operation::Balance { .. } => Ok(()),
        Operation::Withdraw { rg, amount } => add(rg, *amount, false),
        Operation::Deposit { rg, amount } => add(rg, *amount, true),
        Operation::Transfer { from, to, amount } => {
            add(from, *amount, false)?;
            add(to, *amount, true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn balances(texts: [&str; 2]) -> BTreeMap<Rg, Money> {
        let both = ["1", "2"].into_iter().zip(texts);
        both.map(|(rg, text)| (Rg::parse(rg).unwrap(), Money::balance(text).unwrap()))
            .collect()
    }

    fn compare(record: &str, found: [&str; 2]) -> Result<(), String> {
        let mut expected = Expected::since(balances(["10", "10"]));
        expected.add(record)?;
        expected.compare(&balances(found))
    }

    const DEPOSIT: &str = "> t:1|op:3|rg:1|valor:5\n";
    const TRANSFER: &str = "> t:1|op:4|rg_origem:1|rg_destino:2|valor:3\n";
    const DONE: &str = "< t:3|s:0|resposta:x\n";

    #[test]
    fn what_was_answered_must_be_there() {
        let record = [DEPOSIT, DONE, TRANSFER, DONE].concat();
        assert_eq!(compare(&record, ["12", "13"]), Ok(()));
        let wrong = compare(&record, ["12.01", "13"]).unwrap_err();
        assert!(wrong.starts_with("1 has 12.01; by what"), "{wrong}");
        assert!(compare(&record, ["7", "13"]).is_err(), "it is lost");
    }

    #[test]
    fn what_was_refused_must_not_be_there() {
        let record = format!("{DEPOSIT}< t:3|s:1|resposta:x\n");
        assert_eq!(compare(&record, ["10", "10"]), Ok(()));
        assert!(compare(&record, ["15", "10"]).is_err());
    }

    #[test]
    fn what_was_not_answered_is_there_as_a_whole_or_not_at_all() {
        let unknown = "< t:3|s:1|resposta:Resultado desconhecido: x\n";
        for record in [
            [DEPOSIT, DONE, TRANSFER].concat(),
            [DEPOSIT, DONE, TRANSFER, unknown].concat(),
            [DEPOSIT, DONE, TRANSFER, "< t:3|s:"].concat(),
        ] {
            assert_eq!(compare(&record, ["15", "10"]), Ok(()));
            assert_eq!(compare(&record, ["12", "13"]), Ok(()));
            assert!(compare(&record, ["12", "10"]).is_err(), "half of it");
        }
    }

    #[test]
    fn a_line_that_is_none_of_a_record_is_named() {
        let why = compare("> t:1|op:1|rg:1\nhello\n", ["10", "10"]).unwrap_err();
        assert_eq!(why, "line 2: \"hello\" is not of a record");
    }
}
