//! The text of the bank's messages: the requests of a client, and the answers.
//!
//! ```text
//! t:1|op:6|rg:1111111111                                     login
//! t:5|op:1|rg:1111111111                                     balance
//! t:9|op:2|rg:1111111111|valor:15.0                          withdrawal
//! t:9|op:3|rg:1111111111|valor:15.0                          deposit
//! t:10|op:4|rg_origem:1111111111|rg_destino:987654321|valor:10.5  transfer
//! t:3|s:0|resposta:Login realizado com sucesso               done
//! t:3|s:1|resposta:Saldo insuficiente                        not done
//! ```
//!
//! `t` is the sender's Lamport clock. [`framing`](crate::framing) finds the end of a message.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::framing::Complete;
use crate::money::Money;
use crate::printable::printable;

/// The number of an identity card, which names an account: 1 to 10 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Rg(String);

impl Rg {
    pub fn parse(text: &str) -> Option<Self> {
        let is_rg = (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_rg.then(|| Rg(text.to_owned()))
    }
}

impl TryFrom<String> for Rg {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Rg::parse(&text).ok_or("an rg is 1 to 10 digits")
    }
}

impl fmt::Display for Rg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An operation that a client requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    Login { rg: Rg },
    Balance { rg: Rg },
    Withdraw { rg: Rg, amount: Money },
    Deposit { rg: Rg, amount: Money },
    Transfer { from: Rg, to: Rg, amount: Money },
}

impl Operation {
    /// Parses the text of a request after its stamp. `None` if it is not exactly an
    /// operation.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split('|').map(|field| field.split_once(':'));
        // The value of the next field, if it has one of these names.
        let mut next = |names: &[&str]| match fields.next()?? {
            (name, value) if names.contains(&name) => Some(value),
            _ => None,
        };
        let operation = match next(&["op"])? {
            "1" => Operation::Balance {
                rg: Rg::parse(next(&["rg"])?)?,
            },
            "2" => Operation::Withdraw {
                rg: Rg::parse(next(&["rg"])?)?,
                amount: Money::amount(next(&["valor"])?)?,
            },
            "3" => Operation::Deposit {
                rg: Rg::parse(next(&["rg"])?)?,
                amount: Money::amount(next(&["valor"])?)?,
            },
            // A document of the original uses the second names.
            "4" => Operation::Transfer {
                from: Rg::parse(next(&["rg_origem", "origen_rg"])?)?,
                to: Rg::parse(next(&["rg_destino", "destino_rg"])?)?,
                amount: Money::amount(next(&["valor"])?)?,
            },
            "6" => Operation::Login {
                rg: Rg::parse(next(&["rg"])?)?,
            },
            _ => return None,
        };
        fields.next().is_none().then_some(operation)
    }
}

/// The message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The client's clock; 0 if the text has none.
    pub stamp: u64,
    /// `None` if it is invalid.
    pub operation: Option<Operation>,
}

impl Request {
    /// Parses any bytes: they may be an invalid request.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = str::from_utf8(bytes).unwrap_or_default();
        let (stamp, rest) = text.split_once('|').unwrap_or((text, ""));
        let stamp = parse_stamp(stamp);
        Request {
            stamp: stamp.unwrap_or(0),
            operation: stamp.and_then(|_| Operation::parse(rest)),
        }
    }

    /// Whether these bytes are a complete request.
    pub fn complete(bytes: &[u8]) -> Complete {
        let is_one = |bytes: &[u8]| Request::parse(bytes).operation.is_some();
        let goes_on = |more: &[u8]| is_one(&[bytes, more].concat());
        match is_one(bytes) {
            false => Complete::No,
            true if goes_on(b"0") || goes_on(b".0") => Complete::Perhaps,
            true => Complete::Yes,
        }
    }
}

/// The message of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The server's clock.
    pub stamp: u64,
    /// Whether the server has done the operation.
    pub is_done: bool,
    pub text: String,
}

impl Answer {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (stamp, rest) = str::from_utf8(bytes).ok()?.split_once('|')?;
        let (state, text) = rest.split_once("|resposta:")?;
        let is_done = match state {
            "s:0" => true,
            "s:1" => false,
            _ => return None,
        };
        Some(Answer {
            stamp: parse_stamp(stamp)?,
            is_done,
            text: text.to_owned(),
        })
    }

    /// Whether these bytes are a complete answer: never certain, because its text is free.
    pub fn complete(bytes: &[u8]) -> Complete {
        match Answer::parse(bytes) {
            Some(_) => Complete::Perhaps,
            None => Complete::No,
        }
    }
}

/// One line, whatever its text quotes.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_done { 0 } else { 1 };
        let text = printable(&self.text);
        write!(f, "t:{}|s:{state}|resposta:{text}", self.stamp)
    }
}

/// `t:` and a number.
fn parse_stamp(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("t:")?;
    let is_number = digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rg(text: &str) -> Rg {
        Rg::parse(text).unwrap()
    }

    fn amount(text: &str) -> Money {
        Money::amount(text).unwrap()
    }

    fn request(text: &str) -> (u64, Option<Operation>) {
        let Request { stamp, operation } = Request::parse(text.as_bytes());
        (stamp, operation)
    }

    #[test]
    fn the_requests_of_the_original_are_understood() {
        let transfer = Operation::Transfer {
            from: rg("1111111111"),
            to: rg("987654321"),
            amount: amount("10.5"),
        };
        for (text, stamp, operation) in [
            (
                "t:1|op:6|rg:1111111111",
                1,
                Operation::Login {
                    rg: rg("1111111111"),
                },
            ),
            ("t:5|op:1|rg:7", 5, Operation::Balance { rg: rg("7") }),
            (
                "t:9|op:2|rg:1111111111|valor:15.0",
                9,
                Operation::Withdraw {
                    rg: rg("1111111111"),
                    amount: amount("15"),
                },
            ),
            (
                "t:9|op:3|rg:1111111111|valor:0.01",
                9,
                Operation::Deposit {
                    rg: rg("1111111111"),
                    amount: amount("0.01"),
                },
            ),
            (
                "t:10|op:4|rg_origem:1111111111|rg_destino:987654321|valor:10.5",
                10,
                transfer.clone(),
            ),
            (
                "t:10|op:4|origen_rg:1111111111|destino_rg:987654321|valor:10.5",
                10,
                transfer,
            ),
        ] {
            assert_eq!(request(text), (stamp, Some(operation)), "{text}");
        }
    }

    #[test]
    fn the_stamp_of_an_invalid_request_is_used_if_it_is_valid() {
        for (text, stamp) in [
            ("", 0),
            ("t:7", 7),
            ("t:7|", 7),
            ("t:7|op:5|rg:1", 7),
            ("t:7|op:1|rg:12345678901", 7),
            ("t:7|op:1|rg:", 7),
            ("t:7|op:1|rg:1|", 7),
            ("t:7|op:1|rg:1|valor:1", 7),
            ("t:7|op:1|rg:../1", 7),
            ("t:7|op:1|rg:1\n", 7),
            ("t:7|op:3|rg:1|valor:nan", 7),
            ("t:7|op:3|rg:1|valor:-5.0", 7),
            ("t:7|op:3|valor:5.0|rg:1", 7),
            ("t:-7|op:1|rg:1", 0),
            ("t:|op:1|rg:1", 0),
            ("t:18446744073709551616|op:1|rg:1", 0),
            ("op:1|rg:1", 0),
            (" t:7|op:1|rg:1", 0),
        ] {
            assert_eq!(request(text), (stamp, None), "{text}");
        }
        let no_text = Request {
            stamp: 0,
            operation: None,
        };
        assert_eq!(Request::parse(b"t:7|op:1|rg:1\xff"), no_text);
    }

    #[test]
    fn a_request_is_complete_if_no_more_of_it_could_follow() {
        for (text, complete) in [
            ("t:1|op:6|rg:1111111111", Complete::Yes),
            ("t:1|op:6|rg:111111111", Complete::Perhaps),
            ("t:1|op:3|rg:1|valor:15.00", Complete::Yes),
            ("t:1|op:3|rg:1|valor:15.0", Complete::Perhaps),
            ("t:1|op:3|rg:1|valor:1234567890123", Complete::Perhaps),
            ("t:1|op:3|rg:1|valor:15.", Complete::No),
            ("t:1|op:6|rg", Complete::No),
        ] {
            assert_eq!(Request::complete(text.as_bytes()), complete, "{text}");
        }
    }

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let answer = Answer {
            stamp: 3,
            is_done: false,
            text: "Cliente não encontrado".to_owned(),
        };
        let text = "t:3|s:1|resposta:Cliente não encontrado";
        assert_eq!(answer.to_string(), text);
        assert_eq!(Answer::parse(text.as_bytes()), Some(answer));
        for text in ["", "t:3|s:2|resposta:x", "t:3|s:0", "s:0|resposta:x"] {
            assert_eq!(Answer::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_answer_is_one_line_whatever_it_quotes() {
        let answer = Answer {
            stamp: 3,
            is_done: false,
            text: "a\nb\x1b[2J".to_owned(),
        };
        assert_eq!(answer.to_string(), r"t:3|s:1|resposta:a\nb\u{1b}[2J");
    }
}
