//! The permissions that a member holds of its peers, from entry to entry.

use alloc::collections::BTreeSet;

use crate::mutex::clock::NodeId;
use crate::mutex::mode::Mode;

/// The permissions of peers that a member holds: of each peer none, a shared one or an
/// exclusive one. A shared one serves shared entries, an exclusive one every entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kept {
    exclusive: BTreeSet<NodeId>,
    /// Not in `exclusive`.
    shared: BTreeSet<NodeId>,
}

impl Kept {
    /// No permissions.
    pub(crate) const NONE: Kept = Kept {
        exclusive: BTreeSet::new(),
        shared: BTreeSet::new(),
    };

    /// The exclusive permissions of these peers.
    pub(crate) fn of(peers: &BTreeSet<NodeId>) -> Self {
        let (exclusive, shared) = (peers.clone(), BTreeSet::new());
        Kept { exclusive, shared }
    }

    /// The peers whose exclusive permission is held.
    #[must_use]
    pub fn exclusive(&self) -> &BTreeSet<NodeId> {
        &self.exclusive
    }

    /// The peers whose shared permission is held, and no exclusive one.
    #[must_use]
    pub fn shared(&self) -> &BTreeSet<NodeId> {
        &self.shared
    }

    /// Whether a permission of this peer is held that serves entries in this mode.
    #[must_use]
    pub fn serves(&self, peer: NodeId, mode: Mode) -> bool {
        self.exclusive.contains(&peer) || mode.is_shared() && self.shared.contains(&peer)
    }

    /// Whether no permission is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exclusive.is_empty() && self.shared.is_empty()
    }

    /// Adds a permission. An exclusive one takes the place of a shared one, and a shared
    /// one adds nothing to an exclusive one.
    pub(crate) fn insert(&mut self, peer: NodeId, mode: Mode) {
        match mode {
            Mode::Exclusive => {
                self.shared.remove(&peer);
                self.exclusive.insert(peer);
            }
            Mode::Shared if self.exclusive.contains(&peer) => {}
            Mode::Shared => {
                self.shared.insert(peer);
            }
        }
    }

    /// Gives away the permission of this peer.
    pub(crate) fn remove(&mut self, peer: NodeId) {
        self.exclusive.remove(&peer);
        self.shared.remove(&peer);
    }

    /// Makes a shared permission of an exclusive one.
    pub(crate) fn lower(&mut self, peer: NodeId) {
        if self.exclusive.remove(&peer) {
            self.shared.insert(peer);
        }
    }

    pub(crate) fn retain(&mut self, mut keeps: impl FnMut(NodeId) -> bool) {
        self.exclusive.retain(|peer| keeps(*peer));
        self.shared.retain(|peer| keeps(*peer));
    }

    pub(crate) fn clear(&mut self) {
        *self = Kept::NONE;
    }
}
