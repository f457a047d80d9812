//! What a node keeps of the algorithm, and why it may refuse an event.

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use thiserror::Error;

use super::clock::{ClockError, NodeId, Timestamp, Token};
use super::message::Origin;

/// What a node does about the critical section.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing.
    Free,
    /// It has asked, and somebody has not replied yet.
    Wait {
        /// The request.
        request: Timestamp,
        /// Who has not replied: a set of members, never a number (rule 3).
        missing: BTreeSet<NodeId>,
        /// How often the request was sent again.
        resends: u32,
    },
    /// It is in the critical section.
    Held {
        /// The fencing token of this entry.
        token: Token,
    },
}

/// The seed's word for the state.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Free => "FREE",
            State::Wait { .. } => "WAIT",
            State::Held { .. } => "HELD",
        })
    }
}

/// A request whose reply waits until we have left the section ourselves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deferred {
    /// The request.
    pub request: Timestamp,
    /// The program that asked.
    pub origin: Origin,
    /// Where its reply goes.
    pub return_address: SocketAddr,
}

/// Why an event changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejected {
    /// A second request before the first is done with.
    #[error("already waiting, or in the critical section")]
    NotFree,
    /// Nobody waits here, so there is nothing to give up.
    #[error("not waiting")]
    NotWaiting,
    /// Nobody here is in the critical section, so nobody leaves it.
    #[error("not in the critical section")]
    NotHeld,
    /// The sender is not in the member list.
    #[error("id {0} is no member's")]
    NoMember(NodeId),
    /// The sender claims to be us.
    #[error("id {0} is our own")]
    OwnId(NodeId),
    /// The same request is in the reply queue already.
    #[error("already in the reply queue")]
    AlreadyDeferred,
    /// The peer has made a newer request since.
    #[error("overtaken by a newer request")]
    Overtaken,
    /// A reply while no request waits for one.
    #[error("no request of ours waits for a reply")]
    NotAwaited,
    /// A reply that does not say what it answers, by its echo or by where it
    /// arrived.
    #[error("it does not say which request it answers")]
    NoEcho,
    /// A reply to another request than the current one (rule 2).
    #[error("it does not answer our current request")]
    StaleReply,
    /// A second reply from the same member (rule 3).
    #[error("that member has replied already")]
    RepeatedReply,
    /// The received clock cannot be believed, or ours is at its end.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// A timer of a request that is done with.
    #[error("the timer is stale")]
    StaleTimer,
}
