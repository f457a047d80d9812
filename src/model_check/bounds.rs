//! What the members of a group may do in a search.

use crate::mutex::planted::Planted;
use crate::mutex::{Config, Durability, Incarnation, NodeId};

/// What the members of a group may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) members: u16,
    /// How often each may ask.
    pub(crate) entries: u8,
    /// So many members, the last ones, ask only once.
    pub(crate) asking_once: u16,
    /// How often somebody may crash, and be started anew.
    pub(crate) crashes: u8,
    /// How often somebody may give up.
    pub(crate) cancels: u8,
    /// How often somebody may have tokens lent, and how many.
    pub(crate) delegates: u8,
    pub(crate) lent: u64,
    /// So many members, the first ones, keep no permissions.
    pub(crate) asking_everybody: u16,
    /// Whether what is done in the section outlives a crash of its node. It then
    /// goes on until it ends by itself, and if the node is started anew meanwhile,
    /// that takes the entry up.
    pub(crate) outlives: bool,
    /// Whether clocks survive on disk; else they are heard from the peers.
    pub(crate) is_durable: bool,
    /// How far ahead of the clock they write.
    pub(crate) ahead: u64,
    /// Whether messages stay under way that can never mean anything any more.
    pub(crate) is_unreduced: bool,
    pub(crate) planted: Option<Planted>,
}

impl Bounds {
    /// The first so many members keep no permissions.
    pub(super) fn asking_everybody(self, asking_everybody: u16) -> Self {
        Bounds {
            asking_everybody,
            ..self
        }
    }

    /// What a member is told when it is started for the so manieth time.
    pub(super) fn config(&self, place: usize, lives: u8, below: u64) -> Config {
        let id = NodeId(u16::try_from(place + 1).expect("groups are small"));
        let incarnation = Incarnation(u64::from(id.0) * 100 + u64::from(lives));
        let synced = true;
        Config {
            durability: if self.is_durable {
                Durability::Durable { below, synced }
            } else {
                Durability::Forgetful
            },
            ahead: if self.crashes > 0 {
                self.ahead
            } else {
                u64::MAX / 4
            },
            keeps_permissions: id.0 > self.asking_everybody,
            planted: self.planted,
            ..Config::new(id, self.members, incarnation)
        }
    }

    /// How many things a step asks for at most: a word to every peer and an answer to
    /// each, the clock written down, and the section entered or left.
    pub(super) fn most_acts(&self) -> usize {
        2 * usize::from(self.members)
    }

    pub(super) fn entries_of(&self, place: usize) -> u8 {
        let often = usize::from(self.members - self.asking_once);
        if place < often { self.entries } else { 1 }
    }
}
