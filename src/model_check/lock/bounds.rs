//! The size of a group, and what may go wrong in it.

use crate::mutex::planted::Planted;
use crate::mutex::{Config, Durability, Incarnation, NodeId};

/// The size of a group, and what may go wrong in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) members: u16,
    /// The number of requests of each member.
    pub(crate) entries: u8,
    /// The number of members, the last ones, that make one request only.
    pub(crate) requesting_once: u16,
    /// The number of crashes, each with a restart.
    pub(crate) crashes: u8,
    /// The number of requests that are cancelled.
    pub(crate) cancels: u8,
    /// The number of delegations, and the tokens of each.
    pub(crate) delegations: u8,
    pub(crate) tokens: u64,
    /// The number of members, the first ones, that keep no permissions.
    pub(crate) keeping_none: u16,
    /// Whether an entry outlives a crash of its node. It then goes on until it ends by
    /// itself, and a node that restarts meanwhile resumes it.
    pub(crate) outlives: bool,
    /// Whether clocks survive on disk; otherwise a member learns them from its peers.
    pub(crate) is_durable: bool,
    /// How far ahead of the clock its bound is persisted.
    pub(crate) ahead: u64,
    /// Whether messages that can no longer have an effect stay under way.
    pub(crate) is_unreduced: bool,
    pub(crate) planted: Option<Planted>,
}

/// The smallest group in which something can go wrong.
pub(crate) const SMALL: Bounds = Bounds {
    members: 2,
    entries: 2,
    requesting_once: 0,
    crashes: 0,
    cancels: 0,
    delegations: 0,
    tokens: 2,
    keeping_none: 0,
    outlives: false,
    is_durable: true,
    ahead: 100,
    is_unreduced: false,
    planted: None,
};

/// `SMALL.crashes(1)` is SMALL with this value in that field.
macro_rules! setters {
    ($($field:ident: $kind:ty,)+) => {
        impl Bounds {
            $(pub(crate) fn $field(self, $field: $kind) -> Self {
                Bounds { $field, ..self }
            })+
        }
    };
}

setters! {
    members: u16,
    entries: u8,
    requesting_once: u16,
    crashes: u8,
    cancels: u8,
    delegations: u8,
    tokens: u64,
    keeping_none: u16,
    ahead: u64,
    outlives: bool,
    is_durable: bool,
    is_unreduced: bool,
    planted: Option<Planted>,
}

impl Bounds {
    /// The configuration of a member in its n-th run.
    pub(super) fn config(&self, index: usize, run: u8, below: u64) -> Config {
        let id = id_of(index);
        let incarnation = Incarnation(u64::from(id.0) * 100 + u64::from(run));
        let heard = true;
        Config {
            durability: match self.is_durable {
                true => Durability::Durable { below, heard },
                false => Durability::Forgetful,
            },
            ahead: match self.crashes {
                0 => u64::MAX / 4,
                _ => self.ahead,
            },
            keeps_permissions: id.0 > self.keeping_none,
            planted: self.planted,
            ..Config::new(id, self.members, incarnation)
        }
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
