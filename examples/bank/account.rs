//! The text of an account file, with a hidden token.
//!
//! ```text
//! {"rg": "1111111111", "nome": "Antonio", "saldo": 10.0}
//! ```
//!
//! That is the original's file, and the original accepts exactly these three keys. Yet the
//! fencing token of the last writer must be in the same file: only then do both change at
//! the same instant, the rename. So the token is behind the object, where JSON allows
//! blanks and every reader skips them: a line of blanks, each digit as that many spaces and
//! a tab. Token 120 is `␣⇥␣␣⇥⇥`.
//!
//! If the original or an editor rewrites the file, this mark is lost. That does no harm: the
//! highest token is in the [journal](crate::journal), which only the servers write.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::money::Money;
use crate::protocol::Rg;

/// The number of digits of the largest token.
const MAX_DIGITS: usize = 20;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub rg: Rg,
    /// The name as the file has it, with quotes and escapes, so that it is not changed.
    name: String,
    pub balance: Money,
    /// The token of the last writer; 0 if that was not one of our servers.
    pub token: u64,
}

/// The object of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys<'a> {
    rg: String,
    #[serde(borrow)]
    nome: &'a RawValue,
    /// As text, because a float would not be exact.
    #[serde(borrow)]
    saldo: &'a RawValue,
}

impl Account {
    /// A new account.
    pub fn new(rg: Rg, name: &str, balance: Money) -> Self {
        Account {
            rg,
            name: serde_json::to_string(name).expect("a text is JSON"),
            balance,
            token: 0,
        }
    }

    /// Reads the account of this rg.
    ///
    /// # Errors
    /// The reason why the text is not an account of this rg.
    pub fn parse(rg: &Rg, text: &str) -> Result<Self, String> {
        let keys: Keys = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if keys.rg != rg.to_string() {
            return Err("its rg is not that of its file name".to_owned());
        }
        let name = keys.nome.get();
        if !name.starts_with('"') {
            return Err("its nome is not a text".to_owned());
        }
        let balance = Money::balance(keys.saldo.get())
            .ok_or("its saldo is not a sum of whole cents with at most fifteen digits")?;
        let behind = text.rsplit('}').next().unwrap_or_default();
        Ok(Account {
            rg: rg.clone(),
            name: name.to_owned(),
            balance,
            token: unmark(behind).unwrap_or(0),
        })
    }

    /// The text of its file.
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

    /// The name without quotes and escapes.
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

/// The token in the text behind the object, if there is one.
fn unmark(behind: &str) -> Option<u64> {
    let line = behind.strip_prefix('\n')?.strip_suffix("\t\n")?;
    let blanks: Vec<&str> = line.split('\t').take(MAX_DIGITS + 1).collect();
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

    const ORIGINAL: &str = r#"{"rg": "1111111111", "nome": "Antonio", "saldo": 10.0}"#;

    fn rg() -> Rg {
        Rg::parse("1111111111").unwrap()
    }

    fn parse(text: &str) -> Result<Account, String> {
        Account::parse(&rg(), text)
    }

    #[test]
    fn an_account_without_a_token_has_the_text_of_the_original() {
        let ten = Money::amount("10").unwrap();
        let account = Account::new(rg(), "Antonio", ten);
        assert_eq!(account.text(), ORIGINAL);
        assert_eq!(parse(ORIGINAL), Ok(account));
    }

    #[test]
    fn the_token_is_in_the_blanks_behind_the_object() {
        let mut account = parse(ORIGINAL).unwrap();
        for token in [1, 9, 10, 120, 2_000_000_003, u64::MAX] {
            account.token = token;
            let text = account.text();
            assert_eq!(text.trim_end(), ORIGINAL);
            assert_eq!(parse(&text).as_ref(), Ok(&account));
        }
        account.token = 120;
        assert_eq!(account.text(), format!("{ORIGINAL}\n \t  \t\t\n"));
    }

    #[test]
    fn other_blanks_are_not_a_token() {
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
                parse(&format!("{ORIGINAL}{blanks}")).unwrap().token,
                0,
                "{blanks:?}"
            );
        }
    }

    #[test]
    fn a_name_is_written_as_it_was_read() {
        let text = r#"{"rg": "1111111111", "nome": "Jo\u00e3o \"}\"", "saldo": 0.5}"#;
        let account = parse(text).unwrap();
        assert_eq!(account.text(), text);
        assert_eq!(account.name(), "João \"}\"");
    }

    #[test]
    fn a_file_that_the_original_would_not_read_is_an_error_with_a_reason() {
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
                "its rg is not that of its file name",
            ),
            (
                r#"{"rg": "1111111111", "nome": 1, "saldo": 1.0}"#,
                "its nome is not a text",
            ),
            (
                r#"{"rg": "1111111111", "nome": "A", "saldo": "1"}"#,
                "its saldo is not a sum",
            ),
            (
                r#"{"rg": "1111111111", "nome": "A", "saldo": NaN}"#,
                "expected value",
            ),
            (
                r#"{"rg": "1111111111", "nome": "A", "saldo": 0.001}"#,
                "its saldo is not a sum",
            ),
            (&format!("{ORIGINAL}{ORIGINAL}"), "trailing characters"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
