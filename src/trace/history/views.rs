//! What the events say about views and the lease, as numbers.

use std::collections::HashSet;

use super::event::EventId;
use super::names::{NameId, Names};
use crate::trace::record::Record;
use crate::trace::view_record::Number;

/// The view and the lease after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    event: EventId,
    /// The lease that is left, in microseconds; more than an hour counts as an hour.
    pub(in crate::trace) lease: u32,
    /// `None` in no view.
    pub(in crate::trace) view: Option<Number>,
}

/// A view that a member joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    pub(in crate::trace) event: EventId,
    pub(in crate::trace) number: Number,
    pub(in crate::trace) members: Vec<u16>,
}

/// A vote of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    pub(in crate::trace) event: EventId,
    pub(in crate::trace) number: Number,
}

/// A lease that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lapse {
    pub(in crate::trace) event: EventId,
    /// When it ended, by the member's clock.
    pub(in crate::trace) at: u64,
    /// The locks whose entries ended with it.
    pub(in crate::trace) lost: Vec<NameId>,
}

/// All of it, each list in the order of the events; empty without failover.
#[derive(Debug, Default)]
pub struct Views {
    memberships: Vec<Membership>,
    pub(in crate::trace) joins: Vec<Joined>,
    pub(in crate::trace) votes: Vec<Vote>,
    pub(in crate::trace) lapses: Vec<Lapse>,
}

impl Views {
    pub(super) fn add(&mut self, event: EventId, record: &Record, names: &mut Names) {
        let Some(view) = &record.view else { return };
        self.memberships.push(Membership {
            event,
            lease: u32::try_from(view.lease).map_or(MAX_LEASE, |lease| lease.min(MAX_LEASE)),
            view: view.number,
        });
        if let Some(number) = view.voted {
            self.votes.push(Vote { event, number });
        }
        if let (Some(joined), Some(number)) = (&view.joined, view.number) {
            let members = joined.members.clone();
            self.joins.push(Joined {
                event,
                number,
                members,
            });
        }
        if view.ended.is_some() || !view.lost.is_empty() {
            let lost = view.lost.iter().map(|lock| names.number(Some(lock)));
            self.lapses.push(Lapse {
                event,
                at: record.at.saturating_sub(view.ended.unwrap_or(0)),
                lost: lost.collect(),
            });
        }
    }

    /// Whether the group has failover.
    pub(in crate::trace) fn are_used(&self) -> bool {
        !self.memberships.is_empty()
    }

    /// How many views were joined; `None` without failover.
    pub(in crate::trace) fn count(&self) -> Option<usize> {
        let numbers: HashSet<Number> = self.joins.iter().map(|joined| joined.number).collect();
        self.are_used().then_some(numbers.len())
    }

    /// The view and the lease after an event; `None` without failover.
    pub(in crate::trace) fn after(&self, event: EventId) -> Option<Membership> {
        let found = self.memberships.binary_search_by_key(&event, |it| it.event);
        found.ok().map(|index| self.memberships[index])
    }

    /// The lease that was found over at an event.
    pub(in crate::trace) fn lapse(&self, event: EventId) -> Option<&Lapse> {
        let found = self.lapses.binary_search_by_key(&event, |it| it.event);
        found.ok().map(|index| &self.lapses[index])
    }

    /// The events that a drawing of any lock shows.
    pub(in crate::trace) fn shown(&self) -> impl Iterator<Item = EventId> {
        let votes = self.votes.iter().map(|vote| vote.event);
        let joins = self.joins.iter().map(|joined| joined.event);
        let lapses = self.lapses.iter().map(|lapse| lapse.event);
        votes.chain(joins).chain(lapses)
    }
}

/// An hour.
const MAX_LEASE: u32 = 3_600_000_000;
