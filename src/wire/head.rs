//! `kind<clock,id>`, read as an original peer's scan reads it: up to the `>`, whatever
//! follows.

use super::Malformed;
use crate::mutex::{MAX_CLOCK, NodeId, Timestamp};

/// The head is cut short, or is not two numbers.
const NO_HEAD: Malformed = Malformed("its head is not kind<clock,id>");

/// The word before the `<`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramKind {
    /// `req`.
    Request,
    /// `reply`.
    Reply,
    /// `note`.
    Note,
    /// `cs`.
    Section,
    /// `up`.
    Up,
    /// `query`.
    Query,
    /// `report`.
    Report,
    /// `challenge`.
    Challenge,
    /// `response`.
    Response,
    /// `beat`.
    Beat,
    /// `ack`.
    Acknowledge,
    /// `propose`.
    Propose,
    /// `vote`.
    Vote,
    /// `decision`.
    Decision,
    /// `leave`.
    Leave,
}

/// What the original reads of a datagram: `kind<clock,id>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What it is.
    pub kind: DatagramKind,
    /// The clock, and the sender that it names.
    pub stamp: Timestamp,
}

/// The head of a datagram, and what follows its `>`.
///
/// # Errors
/// [`Malformed`] says what is wrong with the head.
pub fn decode(bytes: &[u8]) -> Result<(Head, &[u8]), Malformed> {
    if bytes.is_empty() {
        return Err(Malformed("it is empty"));
    }
    let (kind, rest) = [
        (DatagramKind::Request, &b"req<"[..]),
        (DatagramKind::Reply, b"reply<"),
        (DatagramKind::Note, b"note<"),
        (DatagramKind::Section, b"cs<"),
        (DatagramKind::Up, b"up<"),
        (DatagramKind::Query, b"query<"),
        (DatagramKind::Report, b"report<"),
        (DatagramKind::Challenge, b"challenge<"),
        (DatagramKind::Response, b"response<"),
        (DatagramKind::Beat, b"beat<"),
        (DatagramKind::Acknowledge, b"ack<"),
        (DatagramKind::Propose, b"propose<"),
        (DatagramKind::Vote, b"vote<"),
        (DatagramKind::Decision, b"decision<"),
        (DatagramKind::Leave, b"leave<"),
    ]
    .into_iter()
    .find_map(|(kind, word)| Some((kind, bytes.strip_prefix(word)?)))
    .ok_or(Malformed("it does not begin with req<, reply< or cs<"))?;
    let (clock, rest) = number(rest, b',')?;
    let (id, rest) = number(rest, b'>')?;
    // An original peer cannot read a larger clock.
    let clock = clock.filter(|clock| *clock <= MAX_CLOCK);
    let clock = clock.ok_or(Malformed("its clock is larger than 2^63 - 1"))?;
    let id = id.and_then(|id| u16::try_from(id).ok()).map(NodeId);
    let id = id.ok_or(Malformed("its id is larger than 65535"))?;
    let stamp = Timestamp { clock, id };
    Ok((Head { kind, stamp }, rest))
}

/// Digits up to `end` as a number (`None`: too large), and what follows `end`.
fn number(bytes: &[u8], end: u8) -> Result<(Option<u64>, &[u8]), Malformed> {
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = bytes.split_at(digits);
    let rest = rest.strip_prefix(&[end]).ok_or(NO_HEAD)?;
    let digits = str::from_utf8(digits).map_err(|_| NO_HEAD)?;
    if digits.is_empty() {
        return Err(NO_HEAD);
    }
    // Only digits, so parsing fails only if the number is too large.
    Ok((digits.parse().ok(), rest))
}
