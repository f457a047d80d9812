//! The text of the datagrams.
//!
//! ```text
//! req<CLOCK,ID>TAIL       asks for the critical section
//! reply<CLOCK,ID>TAIL     permission to enter
//! cs<CLOCK,ID>(TEXT)      the holder talks to the critical section
//! ```
//!
//! The head, up to the `>`, is the seed's: decimal digits, nothing else. A seed
//! peer reads no further. TAIL is ours: nothing, or one JSON object of
//!
//! - `incarnation`: 16 hexadecimal digits, the nonce that the sender drew when
//!   it started;
//! - `echo`, in a reply: the clock of the request that it answers.
//!
//! An object with any other field is refused, not half understood. A tail that
//! is no object is passed over, as a seed peer would.
//!
//! ```
//! use turno::wire::{Datagram, decode};
//!
//! let Ok(Datagram::Message(reply)) = decode(b"reply<5,3>") else { panic!() };
//! assert_eq!((reply.stamp.clock, reply.stamp.id.0), (5, 3));
//! ```
#![deny(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros
)]

mod head;
mod section;
mod tail;

use thiserror::Error;

use crate::mutex::Message;
use head::Kind;
pub use section::{BEGINS, ENDS, SectionMessage};

/// The longest datagram that is read: what a UDP datagram can hold.
pub const LONGEST_DATAGRAM: usize = 65_535;

/// A datagram, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datagram {
    /// From node to node.
    Message(Message),
    /// From the holder to the critical section.
    Section(SectionMessage),
}

/// Why a datagram could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Malformed {
    /// There is nothing in it.
    #[error("it is empty")]
    Empty,
    /// It begins with none of the three kinds.
    #[error("it begins with none of req<, reply< and cs<")]
    Kind,
    /// The head breaks off or holds something else than two numbers.
    #[error("its head is not kind<clock,id>")]
    Head,
    /// More than a seed peer can read, [`crate::mutex::clock::MAX_CLOCK`].
    #[error("its clock is larger than 2^63 - 1")]
    Clock,
    /// More than an id can be.
    #[error("its id is larger than 65535")]
    Id,
    /// What follows the head of a request or a reply is not ours.
    #[error("what follows its head is no turno tail")]
    Tail,
    /// What follows the head of a `cs` is not a text in parentheses.
    #[error("what follows its head is not (text)")]
    Text,
}

/// Reads a datagram.
///
/// # Errors
/// [`Malformed`] says what is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<Datagram, Malformed> {
    let (kind, stamp, rest) = head::decode(bytes)?;
    Ok(match kind {
        Kind::Section => Datagram::Section(SectionMessage {
            stamp,
            text: section::decode_text(rest)?,
        }),
        Kind::Request => Datagram::Message(tail::decode_request(stamp, rest)?),
        Kind::Reply => Datagram::Message(tail::decode_reply(stamp, rest)?),
    })
}

/// The text of a request or a reply.
#[must_use]
pub fn encode(message: &Message) -> String {
    format!("{message}{}", tail::encode(message))
}

#[cfg(test)]
mod tests;
