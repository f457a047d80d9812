//! The algorithm for one lock: FREE → WAIT → HELD, and the reply queue.
//!
//! Quotations are from Ricart and Agrawala 1981. Six rules keep it safe on a network that
//! loses, repeats and reorders. [`rules`] has a function for each:
//!
//! 1. a new request has a new clock, and is sent again with the same clock;
//! 2. a reply counts only while its echo is the current request;
//! 3. replies are a set of senders, never a number;
//! 4. a reply carries the replier's clock as it is sent, and the receiver goes
//!    strictly past it;
//! 5. requests are ordered by (clock, id);
//! 6. a member's clock never goes back, whatever happens to its node.
//!
//! # Kept permissions
//!
//! Carvalho and Roucairol 1983: a permission lasts until its peer asks for ours. So a
//! member that enters again before any other has asked sends nothing, and an entry costs
//! between 0 and 2(N-1) messages.
//!
//! Of a pair, at most one holds the other's permission: from the moment the reply to its
//! current request counts, until it replies to the other one itself. It is always safe
//! that neither holds it, so a FREE or HELD lock may forget its permissions at any time,
//! as a crash does. The rules are as above, with two differences:
//!
//! - a request goes only to the peers whose permission is missing;
//! - a waiting member that replies to an older request of a peer whose permission it has
//!   kept gives that away with the reply, and asks for it again, with the request's own
//!   clock.
//!
//! A repeated request gets the same reply again, without any check. If we hold the peer's
//! permission, the peer gave it after that reply, to a younger request of ours; so the
//! peer had finished with its own.
//!
//! # Tries
//!
//! A try wants an answer as things stand: it is refused where another request would be
//! deferred. Of several members that try before a request of the others arrives, exactly
//! one enters:
//!
//! - at least one: the oldest try is refused by no waiting member;
//! - at most one: a member that has entered had the replies of the others, with clocks past
//!   those of their tries; when it has left it refuses tries with smaller clocks than the
//!   last that it had received.
//!
//! A try that was refused is never granted, though its note may be lost. It is not enough,
//! and not right, that a try ends when its member answers an older request: that request may
//! have been cancelled long ago, and all tries could end so.
//!
//! Tokens still rise: a member that enters holds the permission of the previous holder,
//! which gave it after it had left, with its clock of that moment. But the clocks of the
//! requests may come out of order: a member with all permissions enters even if another's
//! request is on its way.

mod context;
mod holder;
mod kept;
#[cfg(test)]
mod model_hooks;
mod requester;
mod responder;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use super::clock::{NodeId, Timestamp};
use super::message::{Incarnation, Origin, RequestId};
use super::mode::Mode;
use super::rules;
use super::token::Token;
pub(crate) use context::{Context, Gate};
pub use kept::Kept;

/// The state of a member towards the critical section of a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// It has not requested the section. A request that waits until all clocks are known
    /// is not made yet.
    #[default]
    Free,
    /// It has requested the section, and waits for replies.
    Wait {
        /// The request.
        request: Timestamp,
        /// The members whose permission is missing: a set, never a number (rule 3).
        missing: BTreeSet<NodeId>,
        /// Whether it is a try, which ends when it is not the first.
        is_try: bool,
        /// The mode of the entry that it asks for.
        mode: Mode,
    },
    /// It is in the critical section.
    Held {
        /// The fencing token of this entry.
        token: Token,
        /// Whether other members may be in the section at the same time.
        mode: Mode,
    },
}

/// The original's word for the state.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Free => "FREE",
            State::Wait { .. } => "WAIT",
            State::Held { .. } => "HELD",
        })
    }
}

/// A peer's request, whose reply may be deferred until this member has left the section.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerRequest {
    /// The request.
    pub request: Timestamp,
    /// The program that made it.
    pub origin: Origin,
    /// The destination of its reply, if it is not the peer's address in the member list.
    pub reply_to: Option<SocketAddr>,
    /// Whether it is a try, which is refused rather than deferred.
    pub is_try: bool,
    /// Its mode.
    pub mode: Mode,
}

impl PeerRequest {
    /// The echo of an answer. An original peer has no incarnation, and does not read
    /// the echo.
    fn echo(&self) -> RequestId {
        let incarnation = match self.origin {
            Origin::Turno(incarnation) => incarnation,
            Origin::Original => Incarnation(0),
        };
        let clock = self.request.clock;
        RequestId { clock, incarnation }
    }
}

/// One lock, as one member sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RicartAgrawala {
    state: State,
    reply_queue: Vec<PeerRequest>,
    /// The permissions of turno peers that we hold. That of an original peer serves one
    /// entry.
    kept: Kept,
    /// The latest request of each turno peer.
    latest: BTreeMap<NodeId, Latest>,
    /// The tries of each peer with a clock below this are refused.
    refused_below: BTreeMap<NodeId, u64>,
    cancelled: rules::Cancelled,
}

/// What is remembered of a lock that is not in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Memory {
    /// The permissions that are kept.
    pub(crate) kept: Kept,
    /// Which tries are refused.
    pub(crate) refused_below: BTreeMap<NodeId, u64>,
}

impl Memory {
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.refused_below.is_empty()
    }
}

/// The latest request of a peer, and our reply to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Latest {
    request: u64,
    origin: Origin,
    /// The clock of our reply, or `None` while it is deferred.
    replied: Option<u64>,
}

impl RicartAgrawala {
    /// A lock that is not in use.
    pub(crate) fn remembered(memory: Memory) -> Self {
        let Memory {
            kept,
            refused_below,
        } = memory;
        RicartAgrawala {
            kept,
            refused_below,
            ..RicartAgrawala::default()
        }
    }

    /// What is remembered while the lock is not in use.
    pub(crate) fn into_memory(self) -> Memory {
        Memory {
            kept: self.kept,
            refused_below: self.refused_below,
        }
    }

    /// FREE, WAIT or HELD.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The deferred requests, in order of arrival.
    #[must_use]
    pub fn reply_queue(&self) -> &[PeerRequest] {
        &self.reply_queue
    }

    /// The permissions that we hold. While we wait, other peers may have replied too, for
    /// this request only: original peers.
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Whether no member is known to request or hold the lock.
    pub(crate) fn is_idle(&self) -> bool {
        self.state == State::Free && self.reply_queue.is_empty()
    }
}
