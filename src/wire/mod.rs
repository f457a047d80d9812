//! The text of the datagrams: `docs/wire.md` describes it for readers who do not know
//! the code.
//!
//! ```text
//! req<CLOCK,ID>TAIL       asks for the critical section
//! reply<CLOCK,ID>TAIL     grants permission to enter
//! note<CLOCK,ID>TAIL      refuses a try
//! up<COUNT,ID>TAIL        the sender is up
//! query<NUMBER,ID>TAIL    asks what happens with the locks
//! report<NUMBER,ID>TAIL   tells it
//! challenge<NONCE,ID>TAIL asks for a response, to see who is at an address
//! response<NONCE,ID>TAIL  is that
//! cs<CLOCK,ID>(TEXT)      the holder writes to the critical section
//! ```
//!
//! The head, up to the `>`, is the original's, and an original peer reads no further.
//! TAIL is turno's: nothing, or one JSON object ([`tail`]). An object with an unknown
//! field is refused, not half understood, unless the name of the field ends in `?`: a
//! later version may add such a field, and this one skips it. A tail that is not an
//! object is skipped, as an original peer would do.
//!
//! No request has clock 0: `req<0,ID>` is a hello, and a `reply` that echoes 0 is the
//! welcome, which tells the replier's clock. An original peer takes the hello for a
//! request that is older than any, and answers it as soon as it can.
//!
//! In a group with a key, a signature follows each datagram: `#` and 32 hexadecimal
//! digits ([`Key`]).

mod fields;
mod head;
mod hexadecimal;
mod key;
mod query;
mod report;
mod section;
mod tail;
mod up;
mod views;

use std::fmt::{self, Write as _};

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::mutex::{Incarnation, Message, NodeId};
use crate::views::{Lease, ViewMessage};
pub use head::{DatagramKind, Head, decode as decode_head};
pub use key::{Key, KeyError, MAX_SECRETS, SIGNATURE, Signed};
pub use query::{Piece, Query, encode_piece, encode_query, encode_report};
pub use report::{
    CALLER_STATES, CallerReport, ENDING, HOLDING, LockReport, MAX_PIECES, OuterEntry, WAITING,
};
pub use section::{BEGINS, ENDS, SectionMessage};
pub use tail::encode_challenge;
pub use up::{Heard, encode_up};

/// The longest datagram that is read, in bytes: the longest that UDP allows.
pub const MAX_DATAGRAM: usize = 65_535;

/// The capacity with which an outgoing datagram begins.
const USUAL_LENGTH: usize = 224;

/// A digest of a member list. Two nodes with different lists would break the lock,
/// because one of them would not ask a member that the other asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupDigest(pub u64);

impl GroupDigest {
    /// The digest of a list as it is written, upper and lower case alike.
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

    /// The digest of the same list in a group with failover: members with another lease,
    /// or with none, must not be taken for members of this group.
    #[must_use]
    pub fn with_lease(self, lease: Lease) -> Self {
        GroupDigest::of([self.to_string(), format!("lease {}", lease.micros())])
    }
}

impl fmt::Display for GroupDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A decoded datagram.
#[derive(Clone, Debug, PartialEq)]
pub enum Datagram {
    /// From member to member.
    Message {
        /// What it says.
        message: Message,
        /// The digest of the sender's member list. `None` from an original peer.
        group: Option<GroupDigest>,
    },
    /// An original peer's reply, which does not say which request it answers.
    OriginalReply {
        /// Who replies.
        from: NodeId,
        /// The replier's clock.
        clock: u64,
    },
    /// From member to member, about views.
    View {
        /// The sender.
        from: NodeId,
        /// The run of the sender.
        incarnation: Incarnation,
        /// The message.
        message: ViewMessage,
        /// The sender's member list.
        group: GroupDigest,
    },
    /// From member to member: the sender is up, or is about to end.
    Up {
        /// The sender.
        from: NodeId,
        /// The run of the sender.
        incarnation: Incarnation,
        /// The number of the datagram among these of its run.
        count: u64,
        /// Whether it is about to end.
        leaves: bool,
        /// When the sender last heard the receiver. `None`: it does not say so.
        heard: Option<Heard>,
        /// The sender's member list.
        group: GroupDigest,
    },
    /// From member to member: asks what happens with the locks.
    Query {
        /// The sender.
        from: NodeId,
        /// The run of the sender.
        incarnation: Incarnation,
        /// The sender's member list.
        group: GroupDigest,
        /// What it asks.
        query: Query,
    },
    /// From member to member: a part of the answer to a query.
    Report {
        /// The sender.
        from: NodeId,
        /// The run of the sender.
        incarnation: Incarnation,
        /// The sender's member list.
        group: GroupDigest,
        /// The part.
        piece: Piece,
    },
    /// From member to member: is the receiver at the address to which this was sent?
    Challenge(Challenge),
    /// The answer to that, with the same nonce.
    Response(Challenge),
    /// From the holder to the critical section.
    Section(SectionMessage),
}

/// A challenge, or the response to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The sender.
    pub from: NodeId,
    /// The run of the sender.
    pub incarnation: Incarnation,
    /// What nobody can know who has not received the challenge; as small as a clock.
    pub nonce: u64,
    /// The sender's member list.
    pub group: GroupDigest,
}

/// Why a datagram could not be decoded: a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Malformed(&'static str);

/// Reads a datagram, without its signature if it has one.
///
/// # Errors
/// [`Malformed`] says what is wrong with it.
pub fn decode(bytes: &[u8]) -> Result<Datagram, Malformed> {
    let (head, rest) = decode_head(bytes)?;
    decode_rest(head, rest)
}

/// Reads what follows a head.
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
        DatagramKind::Query | DatagramKind::Report => query::decode(kind, stamp, rest),
        DatagramKind::Up => up::decode(stamp, rest),
        DatagramKind::Challenge => tail::decode_challenge(stamp, rest).map(Datagram::Challenge),
        DatagramKind::Response => tail::decode_challenge(stamp, rest).map(Datagram::Response),
        DatagramKind::Request | DatagramKind::Reply | DatagramKind::Note => {
            tail::decode(kind, stamp, rest)
        }
        _ => views::decode(kind, stamp, rest),
    }
}

/// The text of a message about views, without a signature.
#[must_use]
pub fn encode_view(
    from: NodeId,
    incarnation: Incarnation,
    message: &ViewMessage,
    group: GroupDigest,
) -> String {
    views::encode(from, incarnation, message, group)
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
