//! What a group with failover needs: clocks, entries that end with the lease, and when
//! such a group is whole again.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cluster::Program;
use super::event_queue::Due;
use super::member_clock::MemberClock;
use super::oracle::Violation;
use super::plan::{Micros, Plan};
use super::world::{Entry, LeasedEntry, World};
use crate::mutex::planted::planted;
use crate::mutex::{Config, NodeId, Timer};
use crate::protocol::Event;
use crate::views::{self, Lease, Moment};

/// The deadline of which a supervisor is told: the end of the lease, whenever that is.
fn told_deadline(plan: &Plan, now: Moment, until: Moment) -> Moment {
    match &plan.failover {
        Some(failover) if planted!(plan, DeadlineFromTelling) => {
            now + Duration::from_micros(failover.lease)
        }
        _ => until,
    }
}

/// The longest entry once all faults are over.
const MAX_HEALED_HOLD: Micros = 50_000;

impl World<'_> {
    fn clock_of(&self, id: NodeId) -> Option<MemberClock> {
        let failover = self.plan.failover.as_ref()?;
        let mut clock = failover.clocks[usize::from(id.0) - 1];
        if let Some(node) = self.nodes.get(&id) {
            clock.origin = clock.origin.saturating_sub(node.uncounted);
        }
        Some(clock)
    }

    /// The time at which a timer is due that must not be early.
    pub(super) fn exactly_after(&mut self, id: NodeId, after: Duration) -> Micros {
        let (Some(clock), Some(plan)) = (self.clock_of(id), &self.plan.failover) else {
            return self.events.now;
        };
        let due = clock.time_of(self.cluster.moment(id) + after);
        due.max(self.events.now) + self.random.u64(0..=plan.late_by)
    }

    /// The clock first, then the event: what has ended with the lease ends before
    /// anything else is read.
    pub(super) fn read_clock(&mut self, id: NodeId) -> Result<(), Violation> {
        let Some(clock) = self.clock_of(id) else {
            return Ok(());
        };
        self.cluster.set_moment(id, clock.at(self.events.now));
        if self.cluster.is_lapse_due(id) {
            let step = self.cluster.handle(id, Event::Expired(Timer::View));
            self.perform_step(step, None)?;
        }
        Ok(())
    }

    /// The configuration of the views of a new run of a member; `None` without failover.
    pub(super) fn views_config(&mut self, config: &Config) -> Option<views::Config> {
        let clock = self.clock_of(config.id)?;
        let lease = self.plan.failover.as_ref()?.lease;
        self.cluster
            .set_moment(config.id, clock.at(self.events.now));
        let node = self.node(config.id);
        let (promised, carried) = (node.promised, node.has_votes_to_hear);
        Some(views::Config {
            id: config.id,
            incarnation: config.incarnation,
            members: self.ids().collect(),
            adopted: None,
            change_vote: None,
            lease: Lease::new(Duration::from_micros(lease))?,
            promised: promised.unwrap_or_default(),
            is_amnesiac: promised.is_none() || carried,
            #[cfg(test)]
            planted: config.planted,
        })
    }

    pub(super) fn max_hold(&self) -> Micros {
        if self.plan.failover.is_some() && self.links.is_healed {
            MAX_HEALED_HOLD
        } else {
            Micros::MAX
        }
    }

    /// A member has entered: its entry lasts no longer than the lease.
    pub(super) fn begin_leased_entry(&mut self, id: NodeId, token: u64) {
        let (Some(plan), Some(Program::Turno(member, _))) =
            (&self.plan.failover, self.cluster.program(id))
        else {
            return;
        };
        let lease = LeasedEntry {
            deadline: member.leased_until().unwrap_or_default(),
            is_command: self.random.u32(0..1000) < plan.commands_in_1000,
            dies_after: self.random.u64(0..=plan.dies_late_by),
            is_lost: false,
            is_dead: false,
        };
        if let Some(entry) = &mut self.node(id).entry {
            entry.lease = Some(lease);
        }
        self.schedule_deadline(id, token, lease);
        self.measure_takeover_by(id);
    }

    fn schedule_deadline(&mut self, id: NodeId, token: u64, lease: LeasedEntry) {
        if let Some(clock) = self.clock_of(id) {
            let dies_after = if lease.is_command {
                lease.dies_after
            } else {
                0
            };
            let at = clock.time_of(lease.deadline) + dies_after;
            self.events.schedule(at, Due::Deadline(id, token));
        }
    }

    /// The node says that its entry is lost. A guard ends at once; a command is dead by
    /// itself soon.
    pub(super) fn lose(&mut self, id: NodeId) {
        self.figures.failover.lost += 1;
        let now = self.events.now;
        let Some(Entry {
            lease: Some(lease), ..
        }) = &mut self.node(id).entry
        else {
            return;
        };
        lease.is_lost = true;
        if !lease.is_command {
            self.oracle.leave(id);
            // The user may be slow to see it.
            let is_slow = !self.links.is_healed && self.random.u32(0..4) == 0;
            let seen = now
                + if is_slow {
                    self.random.u64(0..=2_000_000)
                } else {
                    0
                };
            let end = (self.events).schedule_numbered(seen, |end| Due::EntryEnds(id, end));
            if let Some(entry) = &mut self.node(id).entry {
                entry.end = end;
            }
        }
    }

    /// After a step of a member: a renewed lease extends the deadline of its entry, if
    /// that has not passed. And a node that stood still past the deadline must have said
    /// that its entry is lost.
    pub(super) fn follow_lease(&mut self, id: NodeId) -> Result<(), Violation> {
        let now = self.cluster.moment(id);
        let Some(Program::Turno(member, _)) = self.cluster.program(id) else {
            return Ok(());
        };
        let until = member.leased_until().unwrap_or_default();
        let entry = self.nodes.get_mut(&id).and_then(|node| node.entry.as_mut());
        let Some(Entry {
            lease: Some(lease),
            token,
            ..
        }) = entry
        else {
            return Ok(());
        };
        if lease.is_dead && !lease.is_command && !lease.is_lost {
            return Err(Violation::NotLost(id));
        }
        let told = told_deadline(self.plan, now, until);
        if told > lease.deadline && now < lease.deadline && now < until && !lease.is_lost {
            lease.deadline = told;
        }
        let token = *token;
        if self.strike.is_some() && self.oracle.holder() == Some(id) {
            debug_assert!(token > 0);
            self.strike(id);
        }
        Ok(())
    }

    /// The deadline of an entry may have passed. Then its command is dead, whatever
    /// became of the node; and a node that stands still does nothing until it wakes up.
    pub(super) fn reach_deadline(&mut self, id: NodeId, token: u64) -> Result<(), Violation> {
        let (now, Some(clock)) = (self.events.now, self.clock_of(id)) else {
            return Ok(());
        };
        let is_paused = self.node(id).paused_until > now;
        let Some(entry) = (self.node(id).entry).filter(|entry| entry.token == token) else {
            return Ok(());
        };
        let Some(mut lease) = entry.lease.filter(|lease| !lease.is_dead) else {
            return Ok(());
        };
        let dies_after = if lease.is_command {
            lease.dies_after
        } else {
            0
        };
        if clock.time_of(lease.deadline) + dies_after > now {
            self.schedule_deadline(id, token, lease);
            return Ok(());
        }
        if !lease.is_command && !is_paused {
            // The node has said that it is lost, or does so now.
            return Ok(());
        }
        self.oracle.leave(id);
        lease.is_dead = true;
        let end = self
            .events
            .schedule_numbered(now, |end| Due::EntryEnds(id, end));
        if let Some(entry) = &mut self.node(id).entry {
            entry.lease = Some(lease);
            if lease.is_command {
                entry.end = end;
            }
        }
        Ok(())
    }

    /// An event waits while its node stands still; a timer is looked at first then. What
    /// arrives at a machine that is suspended is lost.
    pub(super) fn postpone(&mut self, id: NodeId, until: Micros, due: Due) {
        if self.plan.failover.is_none() {
            return self.events.schedule(until, due);
        }
        match due {
            Due::Arrival(_) if self.node(id).suspended_until > self.events.now => {
                self.figures.unread += 1;
            }
            Due::Timer(..) => self.events.schedule_first(until, due),
            _ => self.events.schedule(until, due),
        }
    }

    /// How long after the faults all members of a group with failover must have entered,
    /// and be in one view.
    pub(super) fn recovery(&self) -> Option<Micros> {
        let lease = self.plan.failover.as_ref()?.lease;
        Some(self.plan.max_hold + 4 * lease + 5_000_000)
    }

    /// Whether nothing is left to see of a group with failover: all have entered, and are
    /// in one view.
    pub(super) fn is_settled(&self) -> bool {
        self.plan.failover.is_some()
            && self.links.is_healed
            && self.oracle.expected.is_empty()
            && self.outside().is_empty()
    }

    /// The members that are in no view of all members, in a group with failover.
    pub(super) fn outside(&self) -> BTreeSet<NodeId> {
        if self.plan.failover.is_none() {
            return BTreeSet::new();
        }
        let is_inside = |id: &NodeId| match self.cluster.program(*id) {
            Some(Program::Turno(member, _)) => {
                let view = member.views().and_then(|views| views.view());
                view.is_some_and(|view| view.members.len() == self.plan.members.len())
            }
            _ => false,
        };
        self.ids().filter(|id| !is_inside(id)).collect()
    }

    fn measure_takeover_by(&mut self, id: NodeId) {
        if self.struck.is_some_and(|(struck, _)| struck != id) {
            self.measure_takeover();
        }
    }

    /// The time since a holder was struck is that of a takeover, if nothing else has gone
    /// wrong meanwhile.
    pub(super) fn measure_takeover(&mut self) {
        let (Some((_, at)), Some(failover)) = (self.struck.take(), &self.plan.failover) else {
            return;
        };
        if self.plan.is_calm() {
            let took = self.events.now - at;
            let takeovers = &mut self.figures.failover.takeovers;
            takeovers.add(self.plan.members.len(), took, failover.lease);
        }
    }
}
