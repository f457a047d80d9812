//! A group of views on a network without delay, in virtual time.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use core::time::Duration;
use std::vec::Vec;

use super::*;

const LEASE: Duration = Duration::from_secs(10);

struct Group {
    now: Moment,
    views: BTreeMap<NodeId, Views>,
    /// What is durable of each: the promise, and the clock's bound.
    durable: BTreeMap<NodeId, (ViewNumber, u64)>,
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
            members: self.durable.keys().copied().collect(),
            lease: Lease::new(LEASE).unwrap(),
            promised,
            is_amnesiac,
            planted: None,
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
                let below = self.durable[&to].1;
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

#[test]
fn a_group_that_starts_has_its_leases_within_three_beats() {
    for members in [3, 5, 9] {
        let mut group = Group::of(members);
        group.run_for(3.0);
        for id in 1..=members {
            assert!(group.has_lease(id), "{id} of {members}");
            assert_eq!(
                group.members_of_view(id).unwrap().len(),
                usize::from(members)
            );
        }
        assert!(group.joined.is_empty());
    }
}

#[test]
fn the_others_go_on_without_a_dead_member_soon_after_its_lease() {
    for (members, dead) in [(3, &[3][..]), (3, &[1]), (5, &[1, 2]), (7, &[2, 4, 6])] {
        for start in 0..10 {
            let mut group = Group::of(members);
            group.run_for(20.0 + f64::from(start) / 10.0);
            let died = group.now;
            dead.iter().for_each(|id| group.stop(*id));
            group.run_for(20.0);
            let rest: Vec<u16> = (1..=members).filter(|id| !dead.contains(id)).collect();
            for id in &rest {
                assert_eq!(group.members_of_view(*id).as_ref(), Some(&rest));
                assert!(group.has_lease(*id));
            }
            let (last, ..) = group.joined.last().unwrap();
            let took = last.since(died);
            assert!(took < LEASE * 13 / 10, "{members}, {dead:?}: {took:?}");
            assert_eq!(
                group.joined.len(),
                rest.len(),
                "one view, each joins it once"
            );
        }
    }
}

#[test]
fn a_member_that_was_cut_off_is_back_within_two_beats_of_being_heard() {
    let mut group = Group::of(3);
    group.run_for(20.0);
    group.cut_off(&[2]);
    group.run_for(10.0);
    assert!(!group.has_lease(2), "before the others go on");
    assert_eq!(group.members_of_view(1), Some(vec![1, 2, 3]));
    group.run_for(20.0);
    assert_eq!(group.members_of_view(1), Some(vec![1, 3]));
    assert_eq!(
        group.members_of_view(2),
        Some(vec![1, 2, 3]),
        "it does not know"
    );
    group.heal();
    group.run_for(2.0);
    for id in 1..=3 {
        assert_eq!(group.members_of_view(id), Some(vec![1, 2, 3]), "{id}");
        assert!(group.has_lease(id), "{id}");
    }
}

#[test]
fn nothing_happens_in_a_lapse_shorter_than_half_of_the_lease() {
    let mut group = Group::of(3);
    group.run_for(20.0);
    group.cut_off(&[1]);
    group.run_for(5.0);
    assert!(group.has_lease(1));
    group.heal();
    group.run_for(20.0);
    assert!(group.joined.is_empty());
}

#[test]
fn without_a_majority_nobody_has_a_lease_and_with_it_all_go_on() {
    let mut group = Group::of(5);
    group.run_for(20.0);
    for id in [2, 3, 4] {
        group.stop(id);
    }
    group.run_for(60.0);
    assert!(!group.has_lease(1) && !group.has_lease(5));
    assert!(
        group.joined.is_empty(),
        "nobody proposes what cannot be decided"
    );
    for id in [2, 3, 4] {
        group.start(id, false);
    }
    group.run_for(15.0);
    for id in 1..=5 {
        assert!(group.has_lease(id), "{id}");
        assert_eq!(group.members_of_view(id).unwrap().len(), 5, "{id}");
    }
}

#[test]
fn all_members_restart_at_once_and_go_on() {
    let mut group = Group::of(3);
    group.run_for(20.0);
    group.stop(3);
    group.run_for(20.0);
    group.start(3, false);
    group.run_for(20.0);
    assert!(group.durable[&NodeId(1)].0 > ViewNumber::FIRST);
    for id in 1..=3 {
        group.start(id, false);
        assert_eq!(group.members_of_view(id), None);
    }
    group.run_for(8.0);
    for id in 1..=3 {
        assert!(group.has_lease(id));
        assert_eq!(group.members_of_view(id), Some(vec![1, 2, 3]));
    }
}

#[test]
fn a_member_that_lost_its_state_takes_part_when_it_has_heard_all() {
    let mut group = Group::of(3);
    group.run_for(20.0);
    group.stop(3);
    group.run_for(20.0);
    group.stop(2);
    group.start(3, true);
    group.run_for(40.0);
    assert!(!group.has_lease(1), "it acknowledges nothing");
    assert_eq!(group.members_of_view(3), None);
    group.start(2, false);
    group.run_for(15.0);
    for id in 1..=3 {
        assert!(group.has_lease(id));
        assert_eq!(group.members_of_view(id), Some(vec![1, 2, 3]));
    }
}

/// A member that sends and does not hear would keep its place for ever, if the others
/// acknowledged it.
#[test]
fn a_member_that_does_not_hear_is_excluded() {
    let mut group = Group::of(3);
    group.run_for(20.0);
    group
        .cut
        .extend([(NodeId(1), NodeId(3)), (NodeId(2), NodeId(3))]);
    group.run_for(30.0);
    assert_eq!(group.members_of_view(1), Some(vec![1, 2]));
    assert!(group.has_lease(1) && group.has_lease(2) && !group.has_lease(3));
}

/// Two that are cut from each other, both heard by a third, would stop the group.
#[test]
fn of_two_members_that_do_not_hear_each_other_the_larger_id_is_excluded() {
    let mut group = Group::of(3);
    group.run_for(20.0);
    group
        .cut
        .extend([(NodeId(1), NodeId(3)), (NodeId(3), NodeId(1))]);
    group.run_for(40.0);
    assert_eq!(group.members_of_view(1), Some(vec![1, 2]));
    assert_eq!(group.members_of_view(2), Some(vec![1, 2]));
    assert!(group.has_lease(1) && group.has_lease(2) && !group.has_lease(3));
    let views = group.joined.len();
    group.run_for(100.0);
    assert_eq!(group.joined.len(), views, "it does not flap");
}

/// Member 4 did not vote for the view without 5, and must not count on 5 for ever.
#[test]
fn a_member_outside_that_one_member_still_hears_does_not_stop_a_later_change() {
    let mut group = Group::of(5);
    group.run_for(20.0);
    for id in [1, 2, 3] {
        let pair = (NodeId(id), NodeId(5));
        group.cut.extend([pair, (pair.1, pair.0)]);
    }
    group.run_for(40.0);
    assert_eq!(group.members_of_view(4), Some(vec![1, 2, 3, 4]));
    group.stop(1);
    group.run_for(40.0);
    for id in [2, 3, 4] {
        assert_eq!(group.members_of_view(id), Some(vec![2, 3, 4]));
        assert!(group.has_lease(id));
    }
}

/// Another node had its id, so it first hears all others, one of which is dead.
#[test]
fn a_member_that_waits_for_a_dead_one_does_not_stop_the_others() {
    let mut group = Group::of(5);
    group.run_for(20.0);
    group.stop(5);
    group.run_for(40.0);
    let now = group.now;
    group.views.get_mut(&NodeId(4)).unwrap().forget(now);
    group.run_for(60.0);
    for id in [1, 2, 3] {
        assert_eq!(group.members_of_view(id), Some(vec![1, 2, 3]));
        assert!(group.has_lease(id));
    }
}

#[test]
fn a_member_that_leaves_in_order_costs_no_wait() {
    let mut group = Group::of(3);
    group.run_for(20.0);
    let output = group.views.get_mut(&NodeId(3)).unwrap().leave();
    let mut queue = VecDeque::new();
    group.perform(NodeId(3), output, &mut queue);
    for (from, to, message) in queue {
        let now = group.now;
        let _ = group
            .views
            .get_mut(&to)
            .unwrap()
            .receive(now, from, &message, 1000);
    }
    group.stop(3);
    let left = group.now;
    group.run_for(10.0);
    assert_eq!(group.members_of_view(1), Some(vec![1, 2]));
    let took = group.joined.last().unwrap().0.since(left);
    assert!(took < LEASE / 5, "{took:?}");
}

#[test]
fn a_vote_for_other_members_under_the_same_number_does_not_count() {
    let mut group = Group::of(3);
    let one = group.views.get_mut(&NodeId(1)).unwrap();
    let (now, mut output) = (Moment::default() + LEASE * 2, Output::default());
    let members = BTreeSet::from([NodeId(1), NodeId(2)]);
    one.propose(now, 1, members.clone(), 1000, &mut output);
    let vote = |members| ViewMessage::Vote {
        number: ViewNumber {
            counter: 1,
            proposer: 1,
        },
        members,
        below: 1000,
    };
    // An earlier run of member 1, which has lost its state, proposed them.
    let others = BTreeSet::from([NodeId(1), NodeId(2), NodeId(3)]);
    assert_eq!(
        one.receive(now, NodeId(2), &vote(others), 1000).joined,
        None
    );
    let joined = one.receive(now, NodeId(2), &vote(members), 1000).joined;
    assert!(joined.is_some());
}

/// A member that all hear, with a beat of another.
fn with_beat(change: impl Fn(&mut Beat)) -> (Views, Output) {
    let mut group = Group::of(3);
    let one = group.views.get_mut(&NodeId(1)).unwrap();
    let nonce = |incarnation, counter| Nonce {
        incarnation: Incarnation(incarnation),
        counter,
    };
    let mut beat = Beat {
        nonce: nonce(9, 1),
        view: ViewNumber::FIRST,
        promised: ViewNumber::FIRST,
        below: 1000,
        heard: [1, 3].map(|id| (NodeId(id), nonce(id.into(), 1))).into(),
        takes_part: true,
    };
    change(&mut beat);
    let now = Moment::default() + LEASE * 2;
    let output = one.receive(now, NodeId(2), &ViewMessage::Beat(beat), 1000);
    (one.clone(), output)
}

fn is_acknowledged(output: &Output) -> bool {
    let mut sends = output.sends.iter();
    sends.any(|(_, message)| matches!(message, ViewMessage::Acknowledge(_)))
}

#[test]
fn a_bound_far_beyond_all_others_is_neither_noted_nor_acknowledged() {
    let (_, honest) = with_beat(|_| {});
    assert!(is_acknowledged(&honest));
    let (_, forged) = with_beat(|beat| beat.below = u64::MAX);
    assert!(!is_acknowledged(&forged) && forged.below.is_none());
}

#[test]
fn a_member_that_does_not_take_part_yet_is_not_acknowledged() {
    let (_, output) = with_beat(|beat| beat.takes_part = false);
    assert!(!is_acknowledged(&output));
}

#[test]
fn whom_a_beat_claims_to_hear_is_kept_for_members_only() {
    let (views, _) = with_beat(|beat| {
        let nonce = beat.nonce;
        beat.heard
            .extend((100..60_000).map(|id| (NodeId(id), nonce)));
    });
    let now = Moment::default() + LEASE * 2;
    assert!(views.hears(NodeId(2), NodeId(3), now));
    assert!(!views.hears(NodeId(2), NodeId(100), now));
}

#[test]
fn a_number_far_beyond_all_others_is_neither_promised_nor_joined() {
    let mut group = Group::of(3);
    let one = group.views.get_mut(&NodeId(1)).unwrap();
    let (now, members) = (Moment::default() + LEASE * 2, one.config.members.clone());
    let number = ViewNumber {
        counter: u64::MAX / 2,
        proposer: 2,
    };
    let propose = ViewMessage::Propose {
        number,
        members: members.clone(),
    };
    assert_eq!(one.receive(now, NodeId(2), &propose, 1000).promise, None);
    let view = |number, members, floor| View {
        number,
        members,
        floor,
    };
    let next = ViewNumber {
        counter: 1,
        proposer: 2,
    };
    let strangers = BTreeSet::from([NodeId(1), NodeId(2), NodeId(9)]);
    for view in [
        view(number, members.clone(), 1000),
        view(next, members.clone(), u64::MAX),
        view(next, strangers, 1000),
    ] {
        let decision = ViewMessage::Decision(view);
        assert_eq!(one.receive(now, NodeId(2), &decision, 1000).joined, None);
    }
    let decision = ViewMessage::Decision(view(next, members, 1000));
    assert!(
        one.receive(now, NodeId(2), &decision, 1000)
            .joined
            .is_some()
    );
}
