//! The size of a search: what members may do how often.

use std::collections::BTreeSet;

use crate::mutex::planted::Planted;
use crate::mutex::{Config, Durability, Incarnation, NodeId, ViewNumber};
use crate::views::{self, Change, ChangeVote, Configured, Lease, Moment};

/// The most members.
pub(super) const MAX_MEMBERS: usize = 5;

/// A number for each member.
pub(super) type Each = [u8; MAX_MEMBERS];

/// The one moment of every event. What was sent or acknowledged at it has not ended.
pub(super) const NOW: Moment = Moment(1_000_000_000);

bounds! {
    /// Three members that request the lock once each, and one view.
    SMALL;
    /// The number of members.
    members: usize = 3,
    /// The number of machines that may become members.
    spares: usize = 0,
    /// The number of proposals of each member that change the configured members.
    changes: Each = [0; MAX_MEMBERS],
    /// What changes: bit 1, a member is added; bit 1 + id, that member is removed.
    kinds: u8 = u8::MAX,
    /// The number of requests of each member.
    requests: Each = each([1; 3]),
    /// The number of restarts of each member.
    restarts: Each = [0; MAX_MEMBERS],
    /// Whether a command outlives the restart of its member, which resumes its entry.
    outlives: bool = false,
    /// The number of times that each member delegates tokens in its entries.
    delegations: Each = [0; MAX_MEMBERS],
    /// The number of times that each member leaves in order, and comes back.
    leaves: Each = [0; MAX_MEMBERS],
    /// The number of proposals of each member.
    proposals: Each = each([1; 3]),
    /// The sets of members that are proposed: of each, the bit of its members as bits.
    sets: u32 = u32::MAX,
    /// The largest counter in the number of a view.
    counters: u64 = 1,
    /// The members, as bits, whose acknowledgments from others end.
    lapsing: u8 = u8::MAX,
    /// Of each member, those to which its beats get, as bits. Once the leases are there.
    beats_reach: Each = [u8::MAX; MAX_MEMBERS],
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
            ..Config::new(id, self.machines() as u16, run_of(index, run))
        }
    }

    pub(super) fn views(
        &self,
        index: usize,
        run: u8,
        promised: ViewNumber,
        (adopted, change_vote): (Configured, Option<ChangeVote>),
    ) -> views::Config {
        views::Config {
            id: id_of(index),
            incarnation: run_of(index, run),
            members: set_of(self.everyone()),
            lease: Lease::new(std::time::Duration::from_secs(10)).expect("it is long enough"),
            promised,
            adopted,
            change_vote,
            is_amnesiac: false,
            planted: self.planted,
        }
    }

    /// How many machines there are.
    pub(super) fn machines(&self) -> usize {
        self.members + self.spares
    }

    /// All founders, as bits.
    pub(super) fn everyone(&self) -> u8 {
        (1 << self.members) - 1
    }

    /// How many tokens are delegated at once: the most that are possible.
    pub(super) fn delegated_tokens(&self) -> u64 {
        (self.ahead / 4).max(1)
    }

    /// How many members are a majority.
    pub(super) fn majority(&self) -> u32 {
        self.members as u32 / 2 + 1
    }

    /// The number of steps that the search begins after.
    pub(crate) fn scripted_steps(&self) -> usize {
        self.script.iter().map(|part| part.len()).sum()
    }

    pub(super) fn has_leaves(&self) -> bool {
        self.leaves != [0; MAX_MEMBERS]
    }
}

/// A number for each of the first members, and 0 for the others.
pub(crate) const fn each<const N: usize>(first: [u8; N]) -> Each {
    let (mut all, mut next) = ([0; MAX_MEMBERS], 0);
    while next < N {
        all[next] = first[next];
        next += 1;
    }
    all
}

/// The bits of these sets of members, each as bits.
pub(crate) const fn sets(sets: &[u8]) -> u32 {
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

/// The change of this kind: 1 adds a member, others remove one.
pub(super) fn change_of(kind: u8) -> Option<Change> {
    match kind {
        0 => None,
        1 => Some(Change::Add("new:1".to_owned())),
        _ => Some(Change::Remove(NodeId(u16::from(kind) - 1))),
    }
}

/// The index of a member.
pub(super) fn index_of(id: NodeId) -> usize {
    usize::from(id.0) - 1
}

/// The members of these bits.
pub(super) fn set_of(bits: u8) -> BTreeSet<NodeId> {
    let indices = (0..MAX_MEMBERS).filter(|index| bits & 1 << index != 0);
    indices.map(id_of).collect()
}

/// The bits of these members.
pub(super) fn bits_of(members: &BTreeSet<NodeId>) -> u8 {
    members.iter().map(|id| 1 << index_of(*id)).sum()
}
