//! The configuration of a member: its id, how its clock survives a restart, and when
//! it sends again.

use core::net::SocketAddr;
use core::time::Duration;

use super::clock::{MAX_JUMP, NodeId};
use super::effect::Effect;
use super::message::{Body, Incarnation, Message, Origin};
#[cfg(test)]
use super::planted::Planted;

/// The default of [`Config::ahead`]. A member is ahead of all others by about as many
/// events as it has peers; this is far more.
const AHEAD: u64 = 1_000_000;

/// The configuration of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Its place in the member list.
    pub id: NodeId,
    /// The number of members.
    pub members: u16,
    /// The nonce of this run.
    pub incarnation: Incarnation,
    /// How its clock survives a restart.
    pub durability: Durability,
    /// How many clocks a restart skips: how far ahead of the clock its persisted bound
    /// is, and how far ahead of all others a clock that is forgotten may have been.
    /// Entries that do not ask a peer, and delegated tokens, take the clock no further
    /// than half of that ahead of the peer's last known clock.
    pub ahead: u64,
    /// Whether the address in the member list may lead to another node with the same
    /// id. Then this member must receive its own hello there before its first request.
    pub must_hear_itself: bool,
    /// Whether the permissions of turno nodes are kept from entry to entry
    /// (Carvalho and Roucairol). Otherwise every entry asks every peer. A group may
    /// have members of both kinds.
    pub keeps_permissions: bool,
    /// When requests are sent again.
    pub pace: Pace,
    /// Whether there are tries. A model without them need not remember what they are
    /// refused for.
    #[cfg(test)]
    pub(crate) has_tries: bool,
    /// Whether it is of a version that takes a shared request for an exclusive one.
    #[cfg(test)]
    pub(crate) knows_no_modes: bool,
    /// A bug, to show that the checks find it.
    #[cfg(test)]
    pub(crate) planted: Option<Planted>,
}

/// How a member makes sure that its clock never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Durability {
    /// It forgets its clock, and asks every peer for theirs first.
    Forgetful,
    /// It persists an upper bound on its clock.
    Durable {
        /// The last bound, or 1 before the first. The clock starts there.
        below: u64,
        /// Whether every peer's clock has been known since the first bound. A bound
        /// before that may be lost: a disk that was wiped does not say so.
        synced: bool,
    },
}

impl Durability {
    /// Of a member with failover that writes nothing down: its tokens need a bound that
    /// the others note, but it begins each run as if it had never run.
    pub(crate) const UNWRITTEN: Durability = Durability::Durable {
        below: 1,
        synced: false,
    };
}

/// The pauses before a request is sent again: each is twice the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pace {
    /// The first pause.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
}

impl Config {
    /// The configuration of member `id` that forgets its clock, is at its address in the
    /// member list, and keeps permissions.
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
            has_tries: true,
            #[cfg(test)]
            knows_no_modes: false,
            #[cfg(test)]
            planted: None,
        }
    }

    /// How far the clock may get ahead of a peer without asking it. The other half is
    /// for all other events, before a restart skips too little or the peer rejects a
    /// original peer's request.
    pub(crate) fn unsynced_ahead(&self) -> u64 {
        self.ahead.min(MAX_JUMP) / 2
    }

    /// A message of this member.
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
            view: None,
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
    /// From a quarter of a second to two seconds.
    fn default() -> Self {
        Pace {
            first: Duration::from_millis(250),
            longest: Duration::from_secs(2),
        }
    }
}

impl Pace {
    /// The pause after the same message has been sent this often before.
    pub(crate) fn after(self, sent: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << sent.min(20));
        doubled.min(self.longest).max(self.first)
    }
}
