//! What a member is told when it is made: who it is, how its clock survives, when
//! it asks again.

use core::net::SocketAddr;
use core::time::Duration;

use super::clock::{MAX_JUMP, NodeId};
use super::effect::Effect;
use super::message::{Body, Incarnation, Message, Origin};
#[cfg(test)]
use super::planted::Planted;
use super::token::Token;

/// How many clocks a restart skips. A member is ahead of all others by about as
/// many events as it has peers; this is far more.
const AHEAD: u64 = 1_000_000;

/// What a member is told when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Its place in the member list.
    pub id: NodeId,
    /// How many members there are.
    pub members: u16,
    /// The nonce of this run.
    pub incarnation: Incarnation,
    /// How its clock survives a restart.
    pub durability: Durability,
    /// How many clocks a restart skips: how far ahead a clock is written down,
    /// and how far ahead of all others it may get before it is forgotten. Entries
    /// that do not ask a peer, and tokens that are lent, take it no further than
    /// half of that ahead of what the peer was heard to have got to.
    pub ahead: u64,
    /// Whether the address in the member list may lead to another node that
    /// says it is this member. Then it must hear itself there before its first
    /// request.
    pub must_hear_itself: bool,
    /// Whether the permissions of turno nodes are kept from entry to entry
    /// (Carvalho and Roucairol). Otherwise every peer is asked for every entry.
    /// Members that do and members that do not go together.
    pub keeps_permissions: bool,
    /// When requests are sent again.
    pub pace: Pace,
    /// A bug, to see that the proofs find it.
    #[cfg(test)]
    pub(crate) planted: Option<Planted>,
}

/// How a member makes sure that its clock never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Durability {
    /// It forgets its clock, and so hears every peer's first.
    Forgetful,
    /// It writes down a bound that its clock stays below.
    Durable {
        /// The bound that was written last; 1 before the first time. The clock
        /// starts there.
        below: u64,
        /// Whether it has heard every peer's clock since it began to write. What
        /// it wrote before may be lost: a disk that was wiped does not say so.
        heard: bool,
    },
}

/// How long requests wait before they are sent again: twice as long each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    /// The first time.
    pub first: Duration,
    /// At the most.
    pub longest: Duration,
}

impl Config {
    /// Member `id` of so many, in a run of this nonce: one that forgets its clock,
    /// listens where the list says and keeps permissions.
    #[must_use]
    pub fn new(id: NodeId, members: u16, incarnation: Incarnation) -> Self {
        Config {
            id,
            members,
            incarnation,
            durability: Durability::Forgetful,
            ahead: AHEAD,
            must_hear_itself: false,
            keeps_permissions: true,
            pace: Pace::default(),
            #[cfg(test)]
            planted: None,
        }
    }

    /// How far ahead of a peer the clock may get without asking it. In what is left
    /// until a restart is not enough, and until a seed peer's request is not
    /// believed, there is room for what happens besides.
    pub(crate) fn unsynced_ahead(&self) -> u64 {
        self.ahead.min(MAX_JUMP) / 2
    }

    /// Whether an entry began in this run: of a planted bug.
    pub(crate) fn is_of_this_run(&self, token: Token) -> bool {
        match self.durability {
            Durability::Durable { below, .. } => token.get() >= below,
            Durability::Forgetful => true,
        }
    }

    /// Something that this member says.
    pub(crate) fn send(
        &self,
        to: NodeId,
        reply_to: Option<SocketAddr>,
        body: Body,
        repetition: u32,
    ) -> Effect {
        let message = Message {
            from: self.id,
            origin: Origin::Turno(self.incarnation),
            body,
        };
        Effect::Send {
            to,
            reply_to,
            message,
            repetition,
        }
    }
}

impl Default for Pace {
    /// From a quarter of a second to two.
    fn default() -> Self {
        Pace {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(2),
        }
    }
}

impl Pace {
    /// The pause after the same has been sent so often before.
    pub(crate) fn after(self, sent: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << sent.min(20));
        doubled.min(self.longest).max(self.first)
    }
}
