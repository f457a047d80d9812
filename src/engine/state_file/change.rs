//! A state is taken over from the list that it is of to another one: what must be true for
//! that, and what to say if it is not.

use std::collections::BTreeSet;
use std::time::Duration;

use super::StateError;
use super::record::Record;
use crate::group::{Group, Listed};
use crate::mutex::NodeId;
use crate::protocol::changed_list::{SKIPPED_CLOCKS, clock_in_new_list, is_enough_left};
use crate::views::Lease;
use crate::wire::GroupDigest;

/// A change of the member list that this member makes, or has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The members of the old list; the first is member 1.
    pub(crate) old: Vec<Listed>,
    /// This member's id in the old list.
    pub(crate) own: NodeId,
    /// The lease that it had in the old list; 0 without failover, in microseconds.
    pub(super) lease: u64,
    /// The members of the old list of which it is said, or follows from the lists, that they
    /// do not go on.
    pub(crate) left_out: BTreeSet<NodeId>,
    /// What the datagrams of members with the old list say of it: with that lease, and
    /// without.
    pub(crate) digests: BTreeSet<GroupDigest>,
}

impl Change {
    /// `alpha:7001 (1)`.
    pub(crate) fn name(&self, id: NodeId) -> String {
        let member = self.old.get(usize::from(id.0).wrapping_sub(1));
        member.map_or_else(|| id.to_string(), |member| format!("{member} ({id})"))
    }

    /// The sign that a member goes on with the old list.
    pub(crate) fn goes_on(&self, id: NodeId) -> String {
        let name = self.name(id);
        match self.left_out.contains(&id) {
            true => format!(
                "{name}, which was said to be dead for good, still runs with the old list, and may \
                 enter by it: stop it for good"
            ),
            false => format!("{name} still runs with the old list: stop all its members first"),
        }
    }

    /// A datagram of a member that was left out, which may be a recorded one.
    pub(crate) fn is_heard(&self, id: NodeId) -> String {
        format!(
            "a datagram of {} with the old list has arrived, which was said to be dead for good: \
             if it still runs, stop it, for it may enter by that list",
            self.name(id)
        )
    }

    /// The ids of the members of the old list.
    pub(crate) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        let count = u16::try_from(self.old.len()).unwrap_or(u16::MAX);
        (1..=count).map(NodeId)
    }

    /// The change that this record of the old list makes. Changes nothing.
    pub(super) fn new(
        record: &Record,
        old: Vec<Listed>,
        group: &Group,
        without: &[String],
    ) -> Result<Self, StateError> {
        let own = NodeId(record.id);
        let lease = record.failover.map_or(0, |failover| failover.lease);
        let mut change = Change::of(own, lease, old);
        change.check_own(own, group)?;
        change.left_out = change.named(own, without)?;
        change.check_others(own, group)?;
        Ok(change)
    }

    /// A change that was made by the member that had this id and lease.
    pub(super) fn made(own: NodeId, lease: u64, old: Vec<Listed>, group: &Group) -> Self {
        let mut change = Change::of(own, lease, old);
        let left_out = change.gone(group).filter(|id| *id != own).collect();
        change.left_out = left_out;
        change
    }

    /// A change in which no member is left out.
    fn of(own: NodeId, lease: u64, old: Vec<Listed>) -> Self {
        Change {
            digests: digests(lease, &old),
            own,
            lease,
            left_out: BTreeSet::new(),
            old,
        }
    }

    /// The record with which this member begins in the new list.
    pub(super) fn record(&self, record: &Record, group: &Group) -> Result<Record, StateError> {
        let (members, left_out) = (self.old.len(), self.left_out.len());
        let had_failover = record.failover.is_some();
        if !is_enough_left(members, left_out, had_failover) {
            return Err(StateError(format!(
                "{left_out} of the {members} members of the old list are left out, which is a \
                 majority of a group that had failover: they may have gone on without the others, \
                 and how far their tokens rose is not known here. Find the latest state directory \
                 of one of them; or start all with --new-state, which GIVES UP THE CLOCK: TOKENS \
                 BEGIN AGAIN NEAR 1"
            )));
        }
        let below = clock_in_new_list(record.clock_below, SKIPPED_CLOCKS).ok_or_else(|| {
            StateError(
                "the clock is past half of all clocks: the list cannot change any more".into(),
            )
        })?;
        let mut new = Record::new(group.id, group.digest);
        new.clock_below = below;
        new.failover = record.failover;
        if let Some(failover) = &mut new.failover {
            failover.heard = false;
        }
        new.check = new.sum();
        Ok(new)
    }

    /// What is said as the state is taken over.
    pub(super) fn told(&self, before: u64, after: u64) -> String {
        let without = match self.left_out.is_empty() {
            true => "no member is left out".to_owned(),
            false => format!(
                "without {} of the old list, as this agent was told",
                listed(self.left_out.iter().map(|id| self.name(*id)))
            ),
        };
        format!(
            "the state goes over to the new list: its clock was below {before}, and begins at \
             {after}; {without}; every member of the new list is heard before the first entry"
        )
    }

    /// The state is this member's: of its address in the old list, or of an address that is
    /// in the new one no more.
    fn check_own(&self, own: NodeId, group: &Group) -> Result<(), StateError> {
        let new_own = usize::from(group.id.0) - 1;
        let Some(before) = self.old.get(usize::from(own.0).wrapping_sub(1)) else {
            return Err(StateError(format!("the old list has no member {own}")));
        };
        let now = &group.listed[new_own];
        let was = self.old.iter().position(|member| is_at(member, now));
        match was {
            Some(was) if id_of(was) != own => Err(StateError(format!(
                "the state is that of {}, and this member was {} in that list: give each member \
                 the directory that it had",
                self.name(own),
                self.name(id_of(was))
            ))),
            None if place_in(group, before).is_some() => Err(StateError(format!(
                "the state is that of {}, which is in the new list beside this member, {now}: a \
                 member that is new starts without a state",
                self.name(own)
            ))),
            _ => Ok(()),
        }
    }

    /// The members of the old list that are named as dead.
    fn named(&self, own: NodeId, without: &[String]) -> Result<BTreeSet<NodeId>, StateError> {
        let find = |text: &String| {
            let is_it = |member: &Listed| {
                is_at(member, text)
                    || member.to_string() == *text
                    || member.name.as_ref() == Some(text)
            };
            let place = self.old.iter().position(is_it).ok_or_else(|| {
                let all = self.ids().map(|id| self.name(id));
                StateError(format!(
                    "--without {text}: the old list has no such member; it has {}",
                    listed(all)
                ))
            })?;
            match id_of(place) {
                id if id == own => Err(StateError(format!(
                    "--without {text}: that is this member, and its state is here"
                ))),
                id => Ok(id),
            }
        };
        without.iter().map(find).collect()
    }

    /// A member of the old list that is not in the new one must be named: silence proves
    /// nothing.
    fn check_others(&self, own: NodeId, group: &Group) -> Result<(), StateError> {
        let unnamed = self.gone(group);
        let unnamed = unnamed.filter(|id| *id != own && !self.left_out.contains(id));
        let unnamed: Vec<NodeId> = unnamed.collect();
        if unnamed.is_empty() {
            return Ok(());
        }
        let options = unnamed.iter().map(|id| {
            let member = &self.old[usize::from(id.0) - 1];
            format!("--without {}", member.address)
        });
        let options: Vec<String> = options.collect();
        Err(StateError(format!(
            "{} of the old list is not in the new one. If it is dead for good, and all that it ran \
             under a lock, say so: {}. That it is silent proves nothing: a member that is cut off \
             may still enter",
            listed(unnamed.iter().map(|id| self.name(*id))),
            options.join(" ")
        )))
    }

    /// The members of the old list that are not in the new one.
    fn gone<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = NodeId> + 'a {
        let is_gone = |id: &NodeId| place_in(group, &self.old[usize::from(id.0) - 1]).is_none();
        self.ids().filter(is_gone)
    }
}

/// Names, in a sentence.
fn listed(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn digests(lease: u64, old: &[Listed]) -> BTreeSet<GroupDigest> {
    let plain = GroupDigest::of(old.iter().map(|member| member.address.to_string()));
    let lease = Lease::new(Duration::from_micros(lease));
    let leased = lease.map(|lease| plain.with_lease(lease));
    [plain].into_iter().chain(leased).collect()
}

fn id_of(place: usize) -> NodeId {
    NodeId(u16::try_from(place + 1).unwrap_or(u16::MAX))
}

/// Whether a member has this address, upper and lower case alike, as in the digest.
fn is_at(member: &Listed, address: &str) -> bool {
    member.address.to_string().eq_ignore_ascii_case(address)
}

/// The place in the new list of a member of the old one.
fn place_in(group: &Group, member: &Listed) -> Option<usize> {
    let listed = &group.listed;
    listed.iter().position(|address| is_at(member, address))
}
