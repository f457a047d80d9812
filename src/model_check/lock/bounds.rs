//! The size of a group, and what may go wrong in it.

use crate::mutex::planted::Planted;
use crate::mutex::{Config, Durability, Incarnation, NodeId};

bounds! {
    /// The smallest group in which something can go wrong.
    SMALL;
    members: u16 = 2,
    /// The number of requests of each member.
    entries: u8 = 2,
    /// The number of members, the last ones, that make one request only.
    requesting_once: u16 = 0,
    /// The number of members, the last ones, whose requests may be shared or exclusive.
    sharing: u16 = 0,
    /// The number of members, the first ones, that take shared requests for exclusive ones,
    /// as older versions and the original do.
    older: u16 = 0,
    /// The number of crashes, each with a restart.
    crashes: u8 = 0,
    /// The number of requests that are cancelled.
    cancels: u8 = 0,
    /// Whether every request is a try.
    are_tries: bool = false,
    /// How often all members try at once, when all are free.
    rushes: u8 = 0,
    /// The number of delegations, and the tokens of each.
    delegations: u8 = 0,
    tokens: u64 = 2,
    /// The number of members, the first ones, that keep no permissions.
    keeping_none: u16 = 0,
    /// Whether an entry outlives a crash of its node. It then goes on until it ends by
    /// itself, and a node that restarts meanwhile resumes it.
    outlives: bool = false,
    /// Whether clocks survive on disk; otherwise a member learns them from its peers.
    is_durable: bool = true,
    /// How far ahead of the clock its bound is persisted.
    ahead: u64 = 100,
    /// Whether messages that can no longer have an effect stay under way.
    is_unreduced: bool = false,
    /// Whether it is checked which permissions two members hold of each other. A bug is to be
    /// found by what comes of it.
    checks_permissions: bool = true,
    planted: Option<Planted> = None,
}

impl Bounds {
    /// The configuration of a member in its n-th run.
    pub(super) fn config(&self, index: usize, run: u8, below: u64) -> Config {
        let id = id_of(index);
        let incarnation = Incarnation(u64::from(id.0) * 100 + u64::from(run));
        let synced = true;
        Config {
            durability: match self.is_durable {
                true => Durability::Durable { below, synced },
                false => Durability::Forgetful,
            },
            ahead: match self.crashes {
                0 => u64::MAX / 4,
                _ => self.ahead,
            },
            keeps_permissions: id.0 > self.keeping_none,
            has_tries: self.are_tries || self.rushes > 0,
            knows_no_modes: id.0 <= self.older,
            planted: self.planted,
            ..Config::new(id, self.members, incarnation)
        }
    }

    /// Whether the requests of this member may be shared.
    pub(super) fn may_share(&self, index: usize) -> bool {
        index >= usize::from(self.members - self.sharing)
    }

    /// The most effects of a step: a message to every peer and a reply to each, which
    /// leaves room for the persisted clock and for the entry or its end.
    pub(super) fn max_effects(&self) -> usize {
        2 * usize::from(self.members)
    }

    pub(super) fn entries_of(&self, index: usize) -> u8 {
        let often = usize::from(self.members - self.requesting_once);
        if index < often { self.entries } else { 1 }
    }
}

/// The id of the member at this index.
pub(super) fn id_of(index: usize) -> NodeId {
    NodeId(u16::try_from(index + 1).expect("groups are small"))
}
