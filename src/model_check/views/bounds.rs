//! The size of a search: what members may do how often.

use std::collections::BTreeSet;

use crate::mutex::planted::Planted;
use crate::mutex::{Config, Durability, Incarnation, NodeId, ViewNumber};
use crate::views::{self, Lease, Moment};

/// The number of members.
pub(super) const MEMBERS: usize = 3;

/// The one moment of every event. What was sent or acknowledged at it has not ended.
pub(super) const NOW: Moment = Moment(1_000_000_000);

bounds! {
    /// Three members that request the lock once each, and one view.
    SMALL;
    /// The number of requests of each member.
    requests: [u8; MEMBERS] = [1; MEMBERS],
    /// The number of restarts of each member.
    restarts: [u8; MEMBERS] = [0; MEMBERS],
    /// The number of times that each member leaves in order, and comes back.
    leaves: [u8; MEMBERS] = [0; MEMBERS],
    /// The number of proposals of each member.
    proposals: [u8; MEMBERS] = [1; MEMBERS],
    /// The sets of members that are proposed: of each, the bit of its members as bits.
    sets: u8 = u8::MAX,
    /// The largest counter in the number of a view.
    counters: u64 = 1,
    /// The members, as bits, whose acknowledgments from others end.
    lapsing: u8 = 0b111,
    /// How far ahead of the clock its bound is persisted.
    ahead: u64 = 100,
    /// Whether permissions are kept from entry to entry.
    keeps_permissions: bool = true,
    /// Whether an acknowledgment arrives at once or, if its beat is repeated, later. It
    /// may be late otherwise.
    acknowledges_at_once: bool = true,
    /// Whether messages that can no longer have an effect stay under way.
    is_unreduced: bool = false,
    /// Whether all members have their leases at the start.
    is_warm: bool = true,
    planted: Option<Planted> = None,
    /// The first actions, as [`super::Action`] describes them. A search begins after them.
    script: &'static [&'static [&'static str]] = &[],
}

impl Bounds {
    /// The configuration of a member in its n-th run.
    pub(super) fn config(&self, index: usize, run: u8, below: u64) -> Config {
        let id = id_of(index);
        let synced = true;
        Config {
            durability: Durability::Durable { below, synced },
            ahead: self.ahead,
            keeps_permissions: self.keeps_permissions,
            has_tries: false,
            planted: self.planted,
            ..Config::new(id, MEMBERS as u16, run_of(index, run))
        }
    }

    pub(super) fn views(&self, index: usize, run: u8, promised: ViewNumber) -> views::Config {
        views::Config {
            id: id_of(index),
            incarnation: run_of(index, run),
            members: all_members(),
            lease: Lease::new(std::time::Duration::from_secs(10)).expect("it is long enough"),
            promised,
            is_amnesiac: false,
            planted: self.planted,
        }
    }

    /// The number of steps that the search begins after.
    pub(crate) fn scripted_steps(&self) -> usize {
        self.script.iter().map(|part| part.len()).sum()
    }

    pub(super) fn has_leaves(&self) -> bool {
        self.leaves != [0; MEMBERS]
    }
}

/// The bits of these sets of members, each as bits.
pub(crate) const fn sets(sets: &[u8]) -> u8 {
    let (mut bits, mut next) = (0, 0);
    while next < sets.len() {
        bits |= 1 << sets[next];
        next += 1;
    }
    bits
}

fn run_of(index: usize, run: u8) -> Incarnation {
    Incarnation(u64::from(id_of(index).0) * 100 + u64::from(run))
}

/// The id of the member at this index.
pub(super) fn id_of(index: usize) -> NodeId {
    NodeId(index as u16 + 1)
}

/// The index of a member.
pub(super) fn index_of(id: NodeId) -> usize {
    usize::from(id.0) - 1
}

fn all_members() -> BTreeSet<NodeId> {
    (0..MEMBERS).map(id_of).collect()
}

/// The members of these bits.
pub(super) fn set_of(bits: u8) -> BTreeSet<NodeId> {
    let indices = (0..MEMBERS).filter(|index| bits & 1 << index != 0);
    indices.map(id_of).collect()
}

/// The bits of these members.
pub(super) fn bits_of(members: &BTreeSet<NodeId>) -> u8 {
    members.iter().map(|id| 1 << index_of(*id)).sum()
}
