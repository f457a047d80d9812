//! Why a datagram is dropped, and the name under which that is counted.

use std::net::SocketAddr;

use thiserror::Error;

use crate::mutex::{Incarnation, NodeId, Rejected};
use crate::wire::{GroupDigest, Malformed};

/// A datagram that is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// The sender that its head names, which anybody may have written there.
    pub named_sender: Option<NodeId>,
    /// What is wrong with it.
    pub reason: DropReason,
}

/// Why a datagram is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DropReason {
    /// It could not be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is meant for the critical section.
    #[error("it is for the critical section, not for a process")]
    ForSection,
    /// It says that it is from a member, and comes from another host.
    #[error("member {from} {}", place(*expected))]
    ForeignHost {
        /// The member.
        from: NodeId,
        /// Where that member is, if its name is known.
        expected: Option<SocketAddr>,
    },
    /// The group has a key, and it is not signed.
    #[error("it is not signed: give every member the same --key")]
    Unsigned,
    /// The group has a key, and it was not signed with it for us.
    #[error("its signature is wrong: give every member the same --key")]
    Forged,
    /// It is a challenge or a response, which only members with a key send.
    #[error("it is for a group with a key, and this process was given no --key")]
    NoKey,
    /// It is signed, and the group has no key.
    #[error("it is signed, and this process was given no --key")]
    Signed,
    /// The sender has another member list.
    #[error(
        "process {from} has another member list, or another --failover: give all the same, written the same"
    )]
    OtherList {
        /// The sender, by its list.
        from: NodeId,
        /// The digest of its list.
        group: GroupDigest,
        /// The run that asks for something and should learn of this.
        asks: Option<Incarnation>,
    },
    /// It is of the original, and the group has failover.
    #[error(
        "it is of a process of the original, which takes no part in failover: let all members be \
         turno, or start all without --failover"
    )]
    Original,
    /// A reply of the original's, at a socket that does not say which request it
    /// answers.
    #[error("it does not say which request it answers")]
    NoEcho,
    /// The algorithm refuses it, and no honest member sends it.
    #[error(transparent)]
    Rejected(Rejected),
}

/// `is at 10.0.0.7:7001`.
fn place(expected: Option<SocketAddr>) -> String {
    match expected {
        Some(expected) => format!("is at {expected}"),
        None => "is at no address that is known".to_owned(),
    }
}

impl DropReason {
    /// The name under which it is counted.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            DropReason::Malformed(_) => "malformed",
            DropReason::ForSection => "for the critical section",
            DropReason::ForeignHost { .. } => "from another host",
            DropReason::Unsigned => "not signed",
            DropReason::Forged => "signature wrong",
            DropReason::Signed | DropReason::NoKey => "signed, without a key here",
            DropReason::OtherList { .. } => "of another member list",
            DropReason::Original => "of the original",
            DropReason::NoEcho => "without an echo",
            DropReason::Rejected(Rejected::UnknownMember(_)) => "of no member",
            DropReason::Rejected(Rejected::OwnId(_)) => "of our own id",
            DropReason::Rejected(_) => "clock too far ahead",
        }
    }
}
