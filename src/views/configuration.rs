//! The configured members, C, and how they change at run time: one member at a time.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;

use crate::mutex::{NodeId, ViewNumber};

/// The configured members, from the view that introduced them on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Configuration {
    /// How many changes led to it: 0 for the members with which the group was founded.
    pub version: u64,
    /// The number of the view that introduced it; [`ViewNumber::FIRST`] for the first.
    pub number: ViewNumber,
    /// The number of the configuration that it changed.
    pub base: ViewNumber,
    /// The members.
    pub members: BTreeSet<NodeId>,
    /// The addresses of the members that were not founders, as their operator gave them,
    /// and of one that was just removed.
    pub added: BTreeMap<NodeId, String>,
    /// The id of the next member that is added: no id is ever used again.
    pub next_id: u16,
    /// Every token of a view before it is below this.
    pub floor: u64,
}

/// The configuration of a view, of a ballot or of a member: `None` is the first one, with
/// which the group was founded.
pub type Configured = Option<Arc<Configuration>>;

/// A change of the configured members.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A member with this address is added.
    Add(String),
    /// A member is removed for good.
    Remove(NodeId),
}

impl Configuration {
    /// That of a group of these members which has never changed.
    #[must_use]
    pub fn founding(members: BTreeSet<NodeId>) -> Self {
        let last = members.last().map_or(0, |id| id.0);
        Configuration {
            next_id: last.saturating_add(1),
            members,
            ..Configuration::default()
        }
    }

    /// Whether the group has never changed.
    #[must_use]
    pub fn is_founding(&self) -> bool {
        self.number == ViewNumber::FIRST
    }

    /// How many members are a majority.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.members.len() / 2 + 1
    }

    /// Whether this change is made already.
    #[must_use]
    pub fn has(&self, change: &Change) -> bool {
        match change {
            Change::Add(address) => {
                let mut added = self.added.iter();
                added.any(|(id, known)| known == address && self.members.contains(id))
            }
            Change::Remove(id) => !self.members.contains(id),
        }
    }

    /// Whether this id was given to a member, which may have been removed.
    #[must_use]
    pub fn ever_had(&self, id: NodeId) -> bool {
        (1..self.next_id).contains(&id.0)
    }

    /// This configuration with a change, as the view of that number introduces it. `None` if
    /// there are no ids left.
    #[must_use]
    pub fn changed(&self, number: ViewNumber, change: &Change) -> Option<Configuration> {
        let mut changed = Configuration {
            version: self.version + 1,
            number,
            base: self.number,
            floor: 0,
            ..self.clone()
        };
        changed.added.retain(|id, _| self.members.contains(id));
        match change {
            Change::Add(address) => {
                let id = NodeId(self.next_id);
                changed.next_id = self.next_id.checked_add(1)?;
                changed.members.insert(id);
                changed.added.insert(id, address.clone());
            }
            Change::Remove(id) => {
                changed.members.remove(id);
            }
        }
        Some(changed)
    }

    /// Whether another configuration differs from this one by one member (D3), who has an id
    /// that no other member ever had.
    #[must_use]
    pub(super) fn is_one_change_before(&self, changed: &Configuration) -> bool {
        let mut added = changed.members.difference(&self.members);
        let mut removed = self.members.difference(&changed.members);
        let is_one = match (added.next(), removed.next()) {
            (Some(id), None) => {
                id.0 == self.next_id
                    && changed.next_id == self.next_id.saturating_add(1)
                    && changed.added.contains_key(id)
            }
            (None, Some(_)) => changed.next_id == self.next_id,
            _ => false,
        };
        is_one && added.next().is_none() && removed.next().is_none()
    }
}

/// What keeps a change of the members from being made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChangeWait {
    /// This member is in no view of the present configuration.
    NoView,
    /// The view still has the member that is to be removed: until what the others
    /// acknowledged to it has ended.
    StillInView(NodeId),
    /// The members of the view are no majority of the configuration before the change, or
    /// after it.
    NoMajority,
    /// These members of the view have not voted yet.
    Votes(BTreeSet<NodeId>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn founded(members: u16) -> Configuration {
        Configuration::founding((1..=members).map(NodeId).collect())
    }

    fn number(counter: u64) -> ViewNumber {
        ViewNumber {
            counter,
            proposer: 1,
        }
    }

    #[test]
    fn an_id_is_never_given_twice() {
        let mut configuration = founded(3);
        let mut given = configuration.members.clone();
        for round in 0..20 {
            let last = *configuration.members.last().unwrap();
            let removed = configuration.changed(number(2 * round + 1), &Change::Remove(last));
            let removed = removed.unwrap();
            assert!(configuration.is_one_change_before(&removed));
            let added = removed.changed(number(2 * round + 2), &Change::Add("x:1".into()));
            let added = added.unwrap();
            assert!(removed.is_one_change_before(&added));
            let new: Vec<_> = added.members.difference(&removed.members).collect();
            assert!(given.insert(*new[0]), "{new:?} was given before");
            configuration = added;
        }
        // A member with a removed one's id is no change that a member votes for.
        let mut again = configuration.changed(number(99), &Change::Add("y:1".into()));
        let again = again.as_mut().unwrap();
        again.members.remove(&NodeId(configuration.next_id));
        again.members.insert(NodeId(3));
        again.added.insert(NodeId(3), "y:1".into());
        assert!(!configuration.is_one_change_before(again));
    }

    #[test]
    fn two_changes_at_once_are_not_one() {
        let before = founded(4);
        let one = before
            .changed(number(1), &Change::Remove(NodeId(1)))
            .unwrap();
        let two = one.changed(number(1), &Change::Remove(NodeId(2))).unwrap();
        assert!(before.is_one_change_before(&one));
        assert!(!before.is_one_change_before(&two));
        assert!(!before.is_one_change_before(&before));
        let swapped = one.changed(number(1), &Change::Add("x:1".into())).unwrap();
        assert!(!before.is_one_change_before(&swapped));
    }
}
