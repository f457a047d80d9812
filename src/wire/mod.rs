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
//! | field | in | meaning |
//! |---|---|---|
//! | `incarnation` | all | the nonce that the sender drew when it started |
//! | `group` | all | a digest of the sender's member list |
//! | `lock` | `req`, `reply` | the name of the lock; without it the seed's one lock |
//! | `echo` | `reply` | the clock of the request that it answers |
//! | `to` | `reply` | the incarnation that made that request |
//! | `again` | `reply` | true: it grants nothing, for a later request of another run of the receiver was seen; in a welcome: an earlier run was heard |
//!
//! Nonces and digests are 16 hexadecimal digits. No request has clock 0, so that
//! clock is free for something else: `req<0,ID>` says hello, and a `reply` that
//! echoes 0 welcomes it with the replier's clock. A seed peer takes the hello
//! for a request that is older than any, and answers it as soon as it can.
//!
//! An object with a field that is not known is refused, not half understood,
//! unless the field's name ends in `?`: what a later version adds so may be
//! passed over. A tail that is no object is passed over too, as a seed peer
//! would.
//!
//! In a group with a key, a signature follows each datagram: `#` and 32
//! hexadecimal digits ([`Key`]).
//!
//! ```
//! use turno::mutex::Body;
//! use turno::wire::{Datagram, decode};
//!
//! let Ok(Datagram::Message { message, .. }) = decode(b"req<5,3>") else { panic!() };
//! assert_eq!((message.body.clock(), message.from.0), (5, 3));
//! ```

mod fields;
mod head;
mod key;
mod section;
mod tail;

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::mutex::{Message, NodeId};
pub use head::{DatagramKind, Head, decode as decode_head};
pub use key::{Key, KeyError, SIGNATURE, Signed};
pub use section::{BEGINS, ENDS, SectionMessage};

/// The longest datagram that is read: what a UDP datagram can hold.
pub const LONGEST_DATAGRAM: usize = 65_535;

/// How much room is made at first for one that is sent.
const USUAL_LENGTH: usize = 224;

/// A digest of a member list: two nodes that do not have the same list break the
/// lock, for one of them never asks somebody whom the other one asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupDigest(pub u64);

impl GroupDigest {
    /// The digest of a list, as it is written.
    pub fn of(members: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut hash = Sha256::new();
        for member in members {
            hash.update(member.as_ref().to_ascii_lowercase());
            hash.update([0]);
        }
        let digest = hash.finalize();
        let (first, _) = digest.split_first_chunk().expect("it has 32 bytes");
        GroupDigest(u64::from_be_bytes(*first))
    }
}

impl fmt::Display for GroupDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A datagram, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datagram {
    /// From member to member.
    Message {
        /// What it says.
        message: Message,
        /// The sender's member list; a seed peer says nothing of it.
        group: Option<GroupDigest>,
    },
    /// A seed peer's reply, which does not say what it answers.
    SeedReply {
        /// Who replies.
        from: NodeId,
        /// The replier's clock.
        clock: u64,
    },
    /// From the holder to the critical section.
    Section(SectionMessage),
}

/// Why a datagram could not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
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
    /// More than a seed peer can read, [`crate::mutex::MAX_CLOCK`].
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

/// Reads a datagram, without its signature if it has one.
///
/// # Errors
/// [`Malformed`] says what is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<Datagram, Malformed> {
    let (head, rest) = decode_head(bytes)?;
    decode_rest(head, rest)
}

/// Reads what stands behind a head.
///
/// # Errors
/// [`Malformed`] says what is wrong with it.
pub fn decode_rest(head: Head, rest: &[u8]) -> Result<Datagram, Malformed> {
    let Head { kind, stamp } = head;
    match kind {
        DatagramKind::Section => Ok(Datagram::Section(SectionMessage {
            stamp,
            text: section::decode_text(rest)?,
        })),
        DatagramKind::Request | DatagramKind::Reply => tail::decode(kind, stamp, rest),
    }
}

/// The text of a message, without a signature.
#[must_use]
pub fn encode(message: &Message, group: GroupDigest) -> String {
    let mut text = String::with_capacity(USUAL_LENGTH);
    write!(text, "{message}").expect("a string takes all");
    tail::encode(message, group, &mut text);
    text
}

#[cfg(test)]
mod tests;
