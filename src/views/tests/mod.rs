//! A group of views on a network without delay, in virtual time.

mod changes;
mod life;
mod messages;
mod random;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::time::Duration;
use std::format;
use std::vec::Vec;

use super::*;

const LEASE: Duration = Duration::from_secs(10);

struct Group {
    now: Moment,
    views: BTreeMap<NodeId, Views>,
    /// What is durable of each: the promise, and the clock's bound.
    durable: BTreeMap<NodeId, (ViewNumber, u64)>,
    /// The configured members that each has on its disk, and its latest vote for a change.
    adopted: BTreeMap<NodeId, Arc<Configuration>>,
    change_votes: BTreeMap<NodeId, ChangeVote>,
    founders: BTreeSet<NodeId>,
    planted: Option<Planted>,
    /// Links that are cut, one way.
    cut: BTreeSet<(NodeId, NodeId)>,
    runs: u64,
    joined: Vec<(Moment, NodeId, ViewNumber)>,
}

impl Group {
    fn of(members: u16) -> Self {
        let ids: BTreeSet<NodeId> = (1..=members).map(NodeId).collect();
        let mut group = Group {
            now: Moment::default(),
            views: BTreeMap::new(),
            durable: ids
                .iter()
                .map(|id| (*id, (ViewNumber::FIRST, 1000)))
                .collect(),
            adopted: BTreeMap::new(),
            change_votes: BTreeMap::new(),
            founders: ids.clone(),
            planted: None,
            cut: BTreeSet::new(),
            runs: 0,
            joined: Vec::new(),
        };
        for id in ids {
            group.start(id.0, false);
        }
        group
    }

    fn start(&mut self, id: u16, is_amnesiac: bool) {
        self.runs += 1;
        let id = NodeId(id);
        let (promised, _) = self.durable[&id];
        let config = Config {
            id,
            incarnation: Incarnation(self.runs),
            members: self.founders.clone(),
            adopted: self.adopted.get(&id).cloned(),
            change_vote: self.change_votes.get(&id).cloned(),
            lease: Lease::new(LEASE).unwrap(),
            promised,
            is_amnesiac,
            planted: self.planted,
        };
        self.views.insert(id, Views::new(config, self.now));
    }

    fn stop(&mut self, id: u16) {
        self.views.remove(&NodeId(id));
    }

    /// Cuts the links between these and all others.
    fn cut_off(&mut self, side: &[u16]) {
        let all: Vec<NodeId> = self.durable.keys().copied().collect();
        for one in &all {
            for other in &all {
                if side.contains(&one.0) != side.contains(&other.0) {
                    self.cut.insert((*one, *other));
                }
            }
        }
    }

    fn heal(&mut self) {
        self.cut.clear();
    }

    fn perform(
        &mut self,
        id: NodeId,
        output: Output,
        queue: &mut VecDeque<(NodeId, NodeId, ViewMessage)>,
    ) {
        let durable = self.durable.get_mut(&id).unwrap();
        if let Some(promise) = output.promise {
            durable.0 = promise;
        }
        if let Some(below) = output.below {
            durable.1 = below.max(durable.1);
        }
        if let Some(adopted) = output.adopted {
            self.adopted.insert(id, adopted);
        }
        if let Some(vote) = output.change_vote {
            self.change_votes.insert(id, vote);
        }
        if let Some(view) = output.joined {
            self.joined.push((self.now, id, view.number));
        }
        for (to, message) in output.sends {
            if !self.cut.contains(&(id, to)) {
                queue.push_back((id, to, message));
            }
        }
    }

    /// Lets time pass up to this moment.
    fn run_until(&mut self, end: Moment) {
        loop {
            let due = self.views.values().map(Views::next_tick).min();
            let Some(due) = due.filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            self.now = due.max(self.now);
            let ids: Vec<NodeId> = self.views.keys().copied().collect();
            let mut queue = VecDeque::new();
            for id in ids {
                let below = self.durable[&id].1;
                if self.views[&id].next_tick() <= self.now {
                    let output = self.views.get_mut(&id).unwrap().tick(self.now, below);
                    self.perform(id, output, &mut queue);
                }
            }
            while let Some((from, to, message)) = queue.pop_front() {
                let Some((_, below)) = self.durable.get(&to).copied() else {
                    continue;
                };
                if let Some(views) = self.views.get_mut(&to) {
                    let output = views.receive(self.now, from, &message, below);
                    self.perform(to, output, &mut queue);
                }
            }
        }
    }

    fn run_for(&mut self, seconds: f64) {
        self.run_until(self.now + Duration::from_secs_f64(seconds));
    }

    fn has_lease(&self, id: u16) -> bool {
        let until = self.views[&NodeId(id)].leased_until();
        until.is_some_and(|until| until > self.now)
    }

    fn members_of_view(&self, id: u16) -> Option<Vec<u16>> {
        let view = self.views[&NodeId(id)].view()?;
        Some(view.members.iter().map(|id| id.0).collect())
    }
}
