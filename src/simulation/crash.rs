//! A node crashes, at the moment that the plan names.

use super::cluster::Program;
use super::event_queue::Due;
use super::network::happens;
use super::plan::{Micros, Moment, ProgramKind};
use super::world::{LeasedEntry, World};
use crate::mutex::NodeId;

impl World<'_> {
    /// Crashes a node if this is the moment of its next crash. Returns whether it
    /// crashed.
    pub(super) fn crashes_at(&mut self, id: NodeId, moment: Moment) -> bool {
        match self.node(id).next_crash {
            Some((of_fault, until)) if of_fault == moment => self.crash(id, until),
            _ => false,
        }
    }

    pub(super) fn crash(&mut self, id: NodeId, until: Micros) -> bool {
        // A node that forgets its clock crashes only while all others know theirs.
        let may_crash = match self.plan.kind(id) {
            ProgramKind::Durable => true,
            ProgramKind::Forgetful => {
                let mut others = self.ids().filter(|other| *other != id);
                others.all(|other| self.knows_its_clock(other))
            }
            ProgramKind::Original => false,
        };
        let Some(program) = self.cluster.program(id) else {
            return false;
        };
        if self.links.is_healed || !may_crash {
            return false;
        }
        self.figures.crashes += 1;
        self.figures.crashes_inside += u64::from(program.is_held());
        self.report(&format!("{id} crashes"));
        let node = self.node(id);
        // It may forget a clock that it has not persisted: it has sent nothing yet.
        let forgets = node.forgets_its_clock();
        node.timers.clear();
        node.next_crash = None;
        let outlived = node.entry.take().filter(|entry| {
            let is_command = |lease: LeasedEntry| lease.is_command && !lease.is_dead;
            entry.lease.is_none_or(is_command)
        });
        let outlived = outlived.filter(|_| happens(&mut self.random, self.plan.outlive_in_1000));
        self.oracle.crash(id, forgets, outlived.is_some());
        self.forget_rush_of(id);
        self.cluster.crash(id);
        let restarts_at = until.max(self.events.now + 1);
        self.events.schedule(restarts_at, Due::Restart(id));
        if let Some(entry) = outlived {
            self.figures.crashes_outlived += 1;
            // The entry ends while the node is down, or up to as long after that.
            let hold = self.random.u64(0..=2 * (restarts_at - self.events.now));
            self.hold(id, (entry.token, entry.mode), hold);
            if let Some(held) = &mut self.node(id).entry {
                held.lease = entry.lease;
            }
        }
        true
    }

    /// Whether a node's clock cannot be lost now.
    fn knows_its_clock(&self, id: NodeId) -> bool {
        match self.cluster.program(id) {
            Some(Program::Turno(member, _)) => member.unsynced().is_empty(),
            Some(Program::Original(..)) => true,
            None => self.nodes.get(&id).is_some_and(|node| node.below.is_some()),
        }
    }
}
