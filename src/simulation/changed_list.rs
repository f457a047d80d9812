//! The member list changes: all members stop, some are dead for good and new ones have their
//! places, and the others take their states over.

use std::collections::BTreeSet;

use super::event_queue::Due;
use super::plan::Micros;
use super::world::World;
use crate::group::Group;
use crate::mutex::planted::planted;
use crate::mutex::{NodeId, ViewNumber};
use crate::protocol::changed_list::{SKIPPED_CLOCKS, clock_in_new_list, is_enough_left};
use crate::wire::GroupDigest;

impl World<'_> {
    /// The list changes, unless what an operator would be refused for is so: an entry goes on
    /// where its member is down, a member that goes on knows no clock, or too few go on.
    /// Returns whether it has changed.
    pub(super) fn change_list(&mut self, dead: &BTreeSet<u16>, until: Micros) -> bool {
        let plan = self.plan;
        let goes_on = |id: NodeId| !dead.contains(&id.0);
        let is_refused = self.ids().any(|id| {
            let is_down = self.cluster.program(id).is_none();
            let node = self.nodes.get(&id);
            let outlives = is_down && node.is_some_and(|node| node.entry.is_some());
            let knows = node.is_some_and(|node| node.below.is_some() && !node.is_carried_over());
            outlives || goes_on(id) && !knows
        });
        let (members, had_failover) = (plan.members.len(), plan.failover.is_some());
        let is_enough = is_enough_left(members, dead.len(), had_failover)
            || planted!(plan, ListChangedByMinority) && dead.len() < members;
        if self.links.is_healed || is_refused || !is_enough {
            return false;
        }
        self.list += 1;
        self.figures.lists_changed += 1;
        self.report(&format!("the list changes, and {dead:?} are dead for good"));
        // With failover the bounds alone must be enough; in half of the groups they are all
        // that there is.
        let skips = !(had_failover && self.random.bool());
        let skips = skips && !planted!(plan, ListChangedWithoutSkip);
        for id in self.ids() {
            let is_new = !goes_on(id);
            self.end_for_good(id, is_new);
            let hears = !planted!(plan, ListChangedUnheard);
            let node = self.node(id);
            if is_new {
                let unheard = (Some(1), Some(ViewNumber::FIRST));
                (node.below, node.promised) = if hears { (None, None) } else { unheard };
            } else if let Some(below) = node.below {
                node.below = clock_in_new_list(below, if skips { SKIPPED_CLOCKS } else { 0 });
                (node.has_clocks_to_hear, node.has_votes_to_hear) = (hears, hears);
            }
            let latest = self.plan.heals_at.max(until);
            let at = self.random.u64(until..=latest);
            self.events.schedule(at, Due::Restart(id));
        }
        true
    }

    /// A member's program stops, and all that it runs.
    fn end_for_good(&mut self, id: NodeId, is_dead: bool) {
        let node = self.node(id);
        let forgets = is_dead || node.forgets_its_clock();
        (node.entry, node.next_crash, node.paused_until) = (None, None, 0);
        node.timers.clear();
        self.oracle.crash(id, forgets, false);
        self.forget_rush_of(id);
        self.cluster.crash(id);
    }

    /// The same group with another list, if it has changed: its digest is another one.
    pub(super) fn of_present_list(&self, mut group: Group) -> Group {
        if self.list > 0 {
            let digests = [group.digest.to_string(), self.list.to_string()];
            group.digest = GroupDigest::of(digests);
        }
        group
    }
}
