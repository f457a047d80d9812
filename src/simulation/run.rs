//! Runs a plan under the eyes of the oracle. Two runs of one plan are the same to the
//! byte.

use super::addresses::{Addresses, member_at};
use super::event_queue::Due;
use super::figures::Figures;
use super::oracle::Violation;
use super::plan::{Micros, Plan, UserActionKind};
use super::recording::Recording;
use super::world::{Entry, World};
use crate::mutex::{LockName, NodeId};
use crate::protocol::Event;

/// The time after the faults in which all members must enter: an hour.
const MAX_RECOVERY: Micros = 3_600_000_000;

/// More events than any run has that comes to rest.
const MAX_EVENTS: u64 = 20_000_000;

/// Runs a plan, and writes what happens into the recording, if there is one. Returns
/// how often each thing happened, and the violation.
///
/// # Panics
/// If the plan has more members than there are [`Addresses`].
pub fn run_plan(
    plan: &Plan,
    addresses: &Addresses,
    recording: Option<&mut Recording>,
) -> (Figures, Result<(), Violation>) {
    let mut world = World::new(plan, addresses, recording);
    let outcome = world.run();
    world.figures.time = world.events.now;
    if let Err(violation) = &outcome {
        world.report(&format!("VIOLATION: {violation}"));
    }
    (world.figures, outcome)
}

impl World<'_> {
    fn run(&mut self) -> Result<(), Violation> {
        for (index, action) in self.plan.user_actions.iter().enumerate() {
            self.events.schedule(action.at, Due::UserActs(index));
        }
        for (index, fault) in self.plan.faults.iter().enumerate() {
            let (begins, ends) = fault.when();
            self.events.schedule(begins, Due::FaultBegins(index));
            self.events.schedule(ends, Due::FaultEnds(index));
        }
        for at in &self.plan.rushes {
            self.events.schedule(*at, Due::Rush);
        }
        self.events.schedule(self.plan.heals_at, Due::Heals);
        for id in self.ids() {
            self.start(id)?;
        }
        // A divided group never comes to rest.
        let is_divided = self.plan.misled.is_some();
        let recovery = match self.recovery() {
            Some(recovery) => recovery,
            None => MAX_RECOVERY / if is_divided { 60 } else { 1 },
        };
        let mut events = 0;
        while let Some((at, due)) = self.events.pop() {
            events += 1;
            if at > self.plan.heals_at + recovery || events > MAX_EVENTS {
                break;
            }
            self.events.now = at;
            self.handle_due(due)?;
            if self.is_settled() {
                return Ok(());
            }
        }
        let expected = &self.oracle.expected;
        if !expected.is_empty() {
            return Err(Violation::NeverEnter(expected.clone()));
        }
        let outside = self.outside();
        if !outside.is_empty() {
            return Err(Violation::NeverWhole(outside));
        }
        let is_at_rest = self.events.is_empty() || is_divided;
        is_at_rest.then_some(()).ok_or(Violation::NeverRest)
    }

    fn handle_due(&mut self, due: Due) -> Result<(), Violation> {
        // The event waits while its node stands still.
        if let Some(id) = self.node_of(&due) {
            let paused_until = self.node(id).paused_until;
            if paused_until > self.events.now {
                self.postpone(id, paused_until, due);
                return Ok(());
            }
        }
        match due {
            Due::Arrival(parcel) => self.arrive(&parcel)?,
            Due::Timer(id, number) => {
                let timers = &mut self.node(id).timers;
                if let Some(index) = timers.iter().position(|(_, of)| *of == number) {
                    let (timer, _) = timers.swap_remove(index);
                    self.handle(id, Event::Expired(timer))?;
                }
            }
            Due::EntryEnds(id, end) => {
                let ended = self.node(id).entry.take_if(|entry| entry.end == end);
                if ended.is_some() {
                    self.end_entry(id)?;
                }
            }
            Due::Delegation(id, token) => {
                let entry = self.node(id).entry;
                let is_lost = |entry: Entry| entry.lease.is_some_and(|lease| lease.is_lost);
                if entry.is_some_and(|entry| entry.token == token && !is_lost(entry)) {
                    let entries = self.random.u64(1..=self.plan.max_delegated);
                    let lock = LockName::default();
                    self.handle(id, Event::Delegate { lock, entries })?;
                }
            }
            // A user whose node was paused must not cancel a request that must now succeed.
            Due::UserActs(_) if self.links.is_healed => {}
            Due::UserActs(index) => {
                let action = self.plan.user_actions[index];
                let lock = LockName::default();
                let event = match action.what {
                    UserActionKind::Acquire => self.request(NodeId(action.id), false),
                    UserActionKind::Cancel => Event::Cancel(lock),
                    UserActionKind::Tick => Event::Tick,
                };
                self.handle(NodeId(action.id), event)?;
            }
            Due::FaultBegins(index) => self.begin_fault(index)?,
            Due::FaultEnds(index) => self.end_fault(index),
            Due::Acquires(id) => {
                let request = self.request(id, false);
                self.handle(id, request)?;
            }
            Due::Deadline(id, token) => self.reach_deadline(id, token)?,
            Due::Restart(id) => {
                if self.cluster.program(id).is_none() {
                    self.start(id)?;
                }
            }
            Due::Rush => self.rush()?,
            Due::Heals => self.heal()?,
        }
        Ok(())
    }

    /// The node that an event happens to.
    fn node_of(&self, due: &Due) -> Option<NodeId> {
        match due {
            Due::Arrival(parcel) => Some(member_at(parcel.destination)),
            Due::Timer(id, _) | Due::EntryEnds(id, _) | Due::Delegation(id, _) => Some(*id),
            Due::Acquires(id) => Some(*id),
            Due::UserActs(index) => Some(NodeId(self.plan.user_actions[*index].id)),
            _ => None,
        }
    }
}
