//! Faults begin and end.

use super::event_queue::Due;
use super::oracle::Violation;
use super::plan::{Fault, Micros, Moment, Strike};
use super::world::{Node, World};
use crate::mutex::NodeId;
use crate::mutex::planted::planted;
use crate::protocol::Event;

impl World<'_> {
    pub(super) fn begin_fault(&mut self, index: usize) -> Result<(), Violation> {
        let plan = self.plan;
        match &plan.faults[index] {
            Fault::Partition {
                side, is_one_way, ..
            } => {
                self.links.cuts.insert(index);
                self.figures.partitions += 1;
                let way = if *is_one_way { " one way" } else { "" };
                self.report(&format!("{side:?} are cut off{way}"));
            }
            Fault::Link {
                from,
                to,
                is_one_way,
                ..
            } => {
                self.links.cuts.insert(index);
                self.figures.failover.links += 1;
                let way = if *is_one_way { " one way" } else { "" };
                self.report(&format!("{from} is cut off from {to}{way}"));
            }
            Fault::Pause { id, until, .. } => {
                self.figures.pauses += 1;
                self.pause(NodeId(*id), *until);
            }
            Fault::Suspend { id, until, .. } => {
                self.figures.failover.suspended += 1;
                let now = self.events.now;
                let node = self.node(NodeId(*id));
                if planted!(plan, SuspendNotCounted) {
                    let since = node.suspended_until.max(now);
                    node.uncounted += until.saturating_sub(since);
                }
                self.pause(NodeId(*id), *until);
                let node = self.node(NodeId(*id));
                node.suspended_until = node.suspended_until.max(*until);
            }
            Fault::Crash {
                id, until, moment, ..
            } => {
                self.node(NodeId(*id)).next_crash = Some((*moment, *until));
                self.crashes_at(NodeId(*id), Moment::Now);
            }
            Fault::Wipe { id, until, .. } => self.wipe(NodeId(*id), *until),
            Fault::Leave { id, until, .. } => self.leave(NodeId(*id), *until)?,
            Fault::ChangeList { dead, until, .. } => drop(self.change_list(dead, *until)),
            Fault::Strike { how, until, .. } => {
                self.strike = Some((*how, *until));
                let holder = self.oracle.holder();
                if let Some(id) = holder.filter(|id| self.cluster.program(*id).is_some()) {
                    self.strike(id);
                }
            }
        }
        Ok(())
    }

    pub(super) fn end_fault(&mut self, index: usize) {
        if self.links.cuts.remove(&index) {
            self.report("the partition ends");
        }
        if let Fault::Strike { .. } = self.plan.faults[index] {
            self.strike = None;
            self.links.isolated.clear();
        }
    }

    fn pause(&mut self, id: NodeId, until: Micros) {
        let node = self.node(id);
        node.paused_until = node.paused_until.max(until);
        if let Some(entry) = node.entry {
            self.events
                .schedule(self.events.now, Due::Deadline(id, entry.token));
        }
        self.report(&format!("{id} stands still"));
    }

    /// A machine loses its disk, and with it all that runs there. While others have still
    /// to hear what they forgot, none does: together they may have forgotten everything.
    fn wipe(&mut self, id: NodeId, until: Micros) {
        let mut others = self.ids().filter(|other| *other != id);
        let knows_all = |node: &Node| {
            node.promised.is_some() && node.below.is_some() && !node.is_carried_over()
        };
        let all_know = others.all(|other| self.nodes.get(&other).is_some_and(knows_all));
        if !all_know || self.cluster.program(id).is_none() {
            return;
        }
        self.node(id).entry = None;
        if self.crash(id, until) {
            self.figures.failover.wiped += 1;
            self.report(&format!("the disk of {id} is lost"));
            let node = self.node(id);
            (node.below, node.promised) = (None, None);
            self.oracle.crash(id, true, false);
        }
    }

    fn leave(&mut self, id: NodeId, until: Micros) -> Result<(), Violation> {
        let is_paused = self.node(id).paused_until > self.events.now;
        let Some(program) = self.cluster.program(id) else {
            return Ok(());
        };
        if program.state() != "FREE" || is_paused || self.links.is_healed {
            return Ok(());
        }
        self.handle(id, Event::End)?;
        if self.cluster.program(id).is_some() {
            self.figures.failover.left += 1;
            self.report(&format!("{id} ends in order"));
            let node = self.node(id);
            node.timers.clear();
            // As in a crash: a member that must still hear the others has no clock.
            let forgets = node.forgets_its_clock();
            self.oracle.crash(id, forgets, false);
            self.forget_rush_of(id);
            self.cluster.crash(id);
            let restarts_at = until.max(self.events.now + 1);
            self.events.schedule(restarts_at, Due::Restart(id));
        }
        Ok(())
    }

    /// Strikes a holder, if one is to be struck. All others request the lock.
    pub(super) fn strike(&mut self, id: NodeId) {
        let Some((how, until)) = self.strike.take() else {
            return;
        };
        self.struck = Some((id, self.events.now));
        for other in self.ids().filter(|other| *other != id) {
            self.events.schedule(self.events.now, Due::Acquires(other));
        }
        match how {
            Strike::CutOff => {
                self.links.isolated.insert(id);
                self.report(&format!("{id} is cut off in the section"));
            }
            Strike::Crash => drop(self.crash(id, until)),
            Strike::Pause => self.pause(id, until),
        }
    }
}
