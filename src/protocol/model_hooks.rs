//! What the model check reads of a member, and removes from it.

use super::*;
use crate::views::Change;

impl Member {
    /// Forgets what only accessors and forgetful members use, so that two members that
    /// behave alike are equal.
    pub(crate) fn forget_history(&mut self) {
        self.last_request_clock = None;
        // No clock gets that far ahead in a search. A member that leaves refuses older tries.
        if self.config.ahead >= 100 && !self.config.has_tries {
            self.peer_clocks.clear();
        }
        if let Durability::Durable { synced: true, .. } = self.config.durability {
            self.runs.clear();
            self.ran_before = false;
        }
    }

    /// Whether a message of this run of a peer changes nothing in [`Member::runs`].
    pub(crate) fn knows_run(&self, peer: NodeId, origin: Origin) -> bool {
        let is_unused = matches!(
            self.config.durability,
            Durability::Durable { synced: true, .. }
        );
        let known = self.runs.get(&peer);
        is_unused || known.is_some_and(|run| run.is_none_or(|run| origin == Origin::Turno(run)))
    }

    /// Forgets the latest request of this peer, which will not be sent again.
    pub(crate) fn forget_request_of(&mut self, peer: NodeId) {
        for lock in self.locks.values_mut() {
            lock.forget_request_of(peer);
        }
    }

    /// The smallest clock in it.
    pub(crate) fn least_clock(&self) -> u64 {
        let locks = self.locks.values();
        let of_locks = locks.filter_map(RicartAgrawala::least_clock).min();
        of_locks.map_or(self.clock(), |clock| clock.min(self.clock()))
    }

    /// Moves all clocks back by this much.
    pub(crate) fn shift(&mut self, by: u64) {
        self.clock = LamportClock::at(self.clock() - by);
        for clock in self.peer_clocks.values_mut() {
            *clock = clock.saturating_sub(by);
        }
        for lock in self.locks.values_mut() {
            lock.shift(by);
        }
    }

    /// Forgets what only heuristics of the views use.
    pub(crate) fn forget_heuristics(&mut self, with_leaves: bool) {
        let now = self.now;
        if let Some(failover) = &mut self.failover {
            failover.timer = None;
            failover.change(|views| views.forget_heuristics(now, with_leaves));
        }
    }

    /// Proposes a view, as if the views' timer had expired and a heuristic wanted it.
    pub(crate) fn propose_as_told(
        &mut self,
        now: Moment,
        counter: u64,
        members: BTreeSet<NodeId>,
        change: Option<&Change>,
        output: &mut Output,
    ) {
        self.lapse(now, &mut output.effects);
        let (first, below) = (output.effects.len(), self.reserved.unwrap_or(0));
        if let Some(failover) = &mut self.failover {
            let outcome = failover
                .change(|views| views.propose_as_told(now, counter, members, change, below));
            self.follow(outcome, output);
        }
        self.reserve(first, &mut output.effects);
    }

    /// What this member acknowledged to another has ended.
    pub(crate) fn end_given(&mut self, to: NodeId) {
        if let Some(failover) = &mut self.failover {
            failover.change(|views| views.end_given(to));
        }
    }

    /// What another member acknowledged to this one has ended, and with it, perhaps, the
    /// lease: the entries end at once.
    pub(crate) fn end_got(&mut self, from: NodeId, effects: &mut Vec<Effect>) {
        if let Some(failover) = &mut self.failover {
            failover.change(|views| views.end_got(from));
        }
        self.lapse(self.now, effects);
    }
}
