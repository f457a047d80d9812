//! Random lives of groups whose members come and go: links are cut one way, members die and
//! come back, and changes are asked for meanwhile.
//!
//! What must hold at every moment is that on which the proof stands (`docs/failover.md`):
//! once all of S have joined a view, no member outside of S has a lease of an older one. And
//! when the faults are over, all members that are left go on together.

use super::*;

/// How many seeds are played. Seed 64 shows what is open: members that are new, and have to
/// hear one that was removed since, wait until a view is decided that changes nothing.
const SEEDS: u64 = 40;

struct Life {
    group: Group,
    random: fastrand::Rng,
    /// Who was started, and what each view was.
    started: BTreeSet<NodeId>,
    views: BTreeMap<ViewNumber, BTreeSet<NodeId>>,
    changes: u64,
}

impl Life {
    fn new(seed: u64, planted: Option<Planted>) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut group = Group::of(random.u16(3..=5));
        group.planted = planted;
        for id in group.founders.clone() {
            group.start(id.0, false);
        }
        Life {
            started: group.founders.clone(),
            group,
            random,
            views: BTreeMap::new(),
            changes: 0,
        }
    }

    fn any(&mut self) -> Option<NodeId> {
        let ids: Vec<NodeId> = self.group.views.keys().copied().collect();
        (!ids.is_empty()).then(|| ids[self.random.usize(..ids.len())])
    }

    /// The latest configuration that a member has on its disk.
    fn latest(&self) -> Arc<Configuration> {
        let adopted = self.group.adopted.values().max_by_key(|it| it.number);
        let founding = || Arc::new(Configuration::founding(self.group.founders.clone()));
        adopted.cloned().unwrap_or_else(founding)
    }

    /// Members that were added start, and those that were removed stop.
    fn follow(&mut self) {
        let configurations: Vec<_> = self.group.views.values().collect();
        let configurations: Vec<_> = configurations
            .iter()
            .map(|it| Arc::clone(it.configuration()))
            .collect();
        for configuration in configurations {
            for id in &configuration.members {
                if self.started.insert(*id) {
                    self.group.adopted.insert(*id, Arc::clone(&configuration));
                    let durable = (ViewNumber::FIRST, configuration.floor);
                    self.group.durable.insert(*id, durable);
                    self.group.start(id.0, true);
                }
            }
        }
        self.group.views.retain(|_, views| !views.is_removed());
    }

    fn fault(&mut self) {
        let all: Vec<NodeId> = self.group.durable.keys().copied().collect();
        let Some(one) = self.any() else { return };
        let other = all[self.random.usize(..all.len())];
        match self.random.u8(..12) {
            0 => self.group.stop(one.0),
            1 => self.group.start(one.0, false),
            2 | 3 => {
                let down = !self.group.views.contains_key(&other);
                if down && self.latest().members.contains(&other) {
                    self.group.start(other.0, false);
                }
            }
            4 => drop(self.group.cut.insert((one, other))),
            5 => self.group.cut_off(&[one.0, other.0]),
            6 | 7 => self.group.heal(),
            8 | 9 => {
                let configuration = self.latest();
                let change = if configuration.members.len() < 4 || self.random.bool() {
                    Change::Add(format!("new{}:1", configuration.next_id))
                } else {
                    let members: Vec<_> = configuration.members.iter().copied().collect();
                    Change::Remove(members[self.random.usize(..members.len())])
                };
                let is_room = configuration.members.len() < 7;
                if is_room || matches!(change, Change::Remove(_)) {
                    let views = self.group.views.get_mut(&one).unwrap();
                    views.ask_for_change(self.group.now, Some(change));
                }
            }
            _ => {}
        }
    }

    /// What is wrong, if anything is.
    fn violation(&mut self) -> Option<String> {
        for views in self.group.views.values() {
            if let Some(view) = views.view() {
                let known = self
                    .views
                    .entry(view.number)
                    .or_insert(view.members.clone());
                if *known != view.members {
                    return Some(format!("two views {}", view.number));
                }
            }
        }
        let has_joined = |id: &NodeId, number| {
            let mut joined = self.group.joined.iter();
            number == ViewNumber::FIRST || joined.any(|(_, of, it)| (of, *it) == (id, number))
        };
        for (number, members) in &self.views {
            if !members.iter().all(|id| has_joined(id, *number)) {
                continue;
            }
            for (id, views) in &self.group.views {
                let own = views.view().map(|view| view.number);
                let is_older = own.is_some_and(|own| own < *number);
                if is_older && !members.contains(id) && self.group.has_lease(id.0) {
                    return Some(format!("{id} has a lease of {own:?} beside {number}"));
                }
            }
        }
        None
    }

    /// Lives for some minutes, then heals.
    fn run(&mut self) -> Result<(), String> {
        self.group.run_for(10.0);
        for _ in 0..120 {
            self.fault();
            let time = self.random.f64() * 6.0;
            self.group.run_for(time);
            self.follow();
            self.violation().map_or(Ok(()), Err)?;
        }
        self.group.heal();
        for id in self.latest().members.clone() {
            if !self.group.views.contains_key(&id) {
                self.group.start(id.0, false);
            }
        }
        for _ in 0..60 {
            self.group.run_for(5.0);
            self.follow();
            self.violation().map_or(Ok(()), Err)?;
            for views in self.group.views.values_mut() {
                views.ask_for_change(self.group.now, None);
            }
        }
        let configuration = self.latest();
        self.changes = configuration.version;
        for id in &configuration.members {
            let view = self.group.members_of_view(id.0).unwrap_or_default();
            let is_whole = view.len() == configuration.members.len();
            if !is_whole || !self.group.has_lease(id.0) {
                let members = &configuration.members;
                return Err(format!(
                    "{id} of {members:?} is in view {view:?}, or has no lease"
                ));
            }
        }
        Ok(())
    }
}

#[test]
fn members_come_and_go_under_faults_and_no_old_lease_outlives_a_later_view() {
    let seeds = std::env::var("TURNO_CHANGES").ok();
    let seeds = seeds.map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let mut changes = 0;
    for seed in 0..seeds {
        let mut life = Life::new(seed, None);
        life.run()
            .unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        changes += life.changes;
    }
    assert!(changes > seeds, "{changes} changes in {seeds} lives");
}
