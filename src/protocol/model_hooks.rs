//! What the model check needs to know of a member, and to forget of it.

use super::*;

impl Member {
    /// Forgets what is kept for show alone, and what only those ask for that
    /// forget their clocks, so that two members that behave alike are alike.
    pub(crate) fn forget_history(&mut self) {
        self.last_request_clock = None;
        // Nobody gets that far ahead in a search.
        if self.config.ahead >= 100 {
            self.heard.clear();
        }
        if let Durability::Durable { heard: true, .. } = self.config.durability {
            self.runs.clear();
            self.ran_before = false;
        }
    }

    /// Whether hearing this run of a peer tells nothing new.
    pub(crate) fn knows_run(&self, peer: NodeId, origin: Origin) -> bool {
        let is_of_no_use = matches!(
            self.config.durability,
            Durability::Durable { heard: true, .. }
        );
        let known = self.runs.get(&peer);
        is_of_no_use || known.is_some_and(|run| run.is_none_or(|run| origin == Origin::Turno(run)))
    }

    /// Forgets the latest request of this peer, which it does not make any more.
    pub(crate) fn forget_request_of(&mut self, peer: NodeId) {
        for lock in self.locks.values_mut() {
            lock.forget_request_of(peer);
        }
    }

    /// The least clock in it.
    pub(crate) fn least_clock(&self) -> u64 {
        let locks = self.locks.values();
        let of_locks = locks.filter_map(RicartAgrawala::least_clock).min();
        of_locks.map_or(self.clock(), |clock| clock.min(self.clock()))
    }

    /// As it would be if all had happened so much earlier.
    pub(crate) fn shift(&mut self, by: u64) {
        self.clock = LamportClock::at(self.clock() - by);
        for heard in self.heard.values_mut() {
            *heard = heard.saturating_sub(by);
        }
        for lock in self.locks.values_mut() {
            lock.shift(by);
        }
    }
}
