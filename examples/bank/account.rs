//! The text of an account file, and the token in it that nobody sees.
//!
//! ```text
//! {"rg": "1111111111", "nome": "Antonio", "saldo": 10.0}
//! ```
//!
//! That is the original's file, and it accepts exactly these three keys. The
//! fencing token of the last writer has to be in the file all the same: written
//! anywhere else it would not change in the same instant, the rename. So it
//! stands behind the object, where JSON allows blanks and every reader skips
//! them: a line of blanks, each digit as so many spaces and a tab. Token 120 is
//! `␣⇥␣␣⇥⇥`.
//!
//! Whoever writes the file anew, the original or an editor, loses the mark. That
//! does no harm: the highest token of all is in the [journal](crate::journal),
//! which nobody else writes.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::money::Money;
use crate::protocol::Rg;

/// What a mark may be made of at most: the digits of the largest token.
const MOST_DIGITS: usize = 20;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub rg: Rg,
    /// As the file has it, quotes and escapes and all: it goes back as it came.
    name: String,
    pub balance: Money,
    /// The token of whoever wrote it last; 0 if that was no server of ours.
    pub token: u64,
}

/// The object in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys<'a> {
    rg: String,
    #[serde(borrow)]
    nome: &'a RawValue,
    /// As text: on the way through a float it would not be exact.
    #[serde(borrow)]
    saldo: &'a RawValue,
}

impl Account {
    /// An account that nobody has written to. The name is for the original to
    /// show: letters.
    pub fn new(rg: Rg, name: &str, balance: Money) -> Self {
        Account {
            rg,
            name: format!("\"{name}\""),
            balance,
            token: 0,
        }
    }

    /// Reads the account of this rg.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(rg: &Rg, text: &str) -> Result<Self, String> {
        let keys: Keys = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if keys.rg != rg.to_string() {
            return Err("its rg is not that of its name".to_owned());
        }
        let name = keys.nome.get();
        if !name.starts_with('"') {
            return Err("its nome is no text".to_owned());
        }
        let balance = Money::balance(keys.saldo.get())
            .ok_or("its saldo is no sum of whole cents with at most fifteen digits")?;
        let behind = text.rsplit('}').next().unwrap_or_default();
        Ok(Account {
            rg: rg.clone(),
            name: name.to_owned(),
            balance,
            token: unmark(behind).unwrap_or(0),
        })
    }

    /// What is to be in its file.
    pub fn text(&self) -> String {
        let Account {
            rg,
            name,
            balance,
            token,
        } = self;
        let mark = mark(*token);
        format!("{{\"rg\": \"{rg}\", \"nome\": {name}, \"saldo\": {balance}}}{mark}")
    }

    /// The name in words, for people.
    pub fn name(&self) -> String {
        serde_json::from_str(&self.name).unwrap_or_else(|_| self.name.clone())
    }
}

fn mark(token: u64) -> String {
    if token == 0 {
        return String::new();
    }
    let digits = token.to_string();
    let blanks = digits
        .bytes()
        .map(|digit| " ".repeat(usize::from(digit - b'0')) + "\t");
    format!("\n{}\n", blanks.collect::<String>())
}

/// The token in what stands behind the object, if any does.
fn unmark(behind: &str) -> Option<u64> {
    let line = behind.strip_prefix('\n')?.strip_suffix("\t\n")?;
    let blanks: Vec<&str> = line.split('\t').take(MOST_DIGITS + 1).collect();
    let digits: Option<String> = blanks
        .iter()
        .map(|blanks| {
            let is_digit = blanks.len() <= 9 && blanks.bytes().all(|b| b == b' ');
            is_digit.then(|| blanks.len().to_string())
        })
        .collect();
    digits?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: &str = r#"{"rg": "1111111111", "nome": "Antonio", "saldo": 10.0}"#;

    fn rg() -> Rg {
        Rg::parse("1111111111").unwrap()
    }

    fn parse(text: &str) -> Result<Account, String> {
        Account::parse(&rg(), text)
    }

    #[test]
    fn an_account_without_a_token_is_to_the_letter_the_originals() {
        let ten = Money::amount("10").unwrap();
        let account = Account::new(rg(), "Antonio", ten);
        assert_eq!(account.text(), SEED);
        assert_eq!(parse(SEED), Ok(account));
    }

    #[test]
    fn the_token_is_in_the_blanks_behind_it() {
        let mut account = parse(SEED).unwrap();
        for token in [1, 9, 10, 120, 2_000_000_003, u64::MAX] {
            account.token = token;
            let text = account.text();
            assert_eq!(text.trim_end(), SEED);
            assert_eq!(parse(&text).as_ref(), Ok(&account));
        }
        account.token = 120;
        assert_eq!(account.text(), format!("{SEED}\n \t  \t\t\n"));
    }

    #[test]
    fn blanks_that_are_no_mark_are_no_token() {
        let twenty_one = "\t".repeat(21);
        for blanks in [
            "",
            "\n",
            "\n\n",
            " \t",
            "\n \n",
            "\n  \t \n",
            "\n          \t\n",
            &twenty_one,
        ] {
            assert_eq!(
                parse(&format!("{SEED}{blanks}")).unwrap().token,
                0,
                "{blanks:?}"
            );
        }
    }

    #[test]
    fn a_name_goes_back_as_it_came() {
        let text = r#"{"rg": "1111111111", "nome": "Jo\u00e3o \"}\"", "saldo": 0.5}"#;
        let account = parse(text).unwrap();
        assert_eq!(account.text(), text);
        assert_eq!(account.name(), "João \"}\"");
    }

    #[test]
    fn what_the_original_would_not_read_is_an_error_that_says_why() {
        for (text, why) in [
            ("", "EOF while parsing a value"),
            (
                r#"{"rg": "1111111111", "nome": "A"}"#,
                "missing field `saldo`",
            ),
            (
                r#"{"rg": "1111111111", "nome": "A", "saldo": 1.0, "token": 3}"#,
                "unknown field `token`",
            ),
            (
                r#"{"rg": "2", "nome": "A", "saldo": 1.0}"#,
                "its rg is not that of its name",
            ),
            (
                r#"{"rg": "1111111111", "nome": 1, "saldo": 1.0}"#,
                "its nome is no text",
            ),
            (
                r#"{"rg": "1111111111", "nome": "A", "saldo": "1"}"#,
                "its saldo is no sum",
            ),
            (
                r#"{"rg": "1111111111", "nome": "A", "saldo": NaN}"#,
                "expected value",
            ),
            (
                r#"{"rg": "1111111111", "nome": "A", "saldo": 0.001}"#,
                "its saldo is no sum",
            ),
            (&format!("{SEED}{SEED}"), "trailing characters"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
