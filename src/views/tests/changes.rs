//! Members that come and go, in virtual time.

use super::*;
use crate::views::configuration::ChangeWait;

impl Group {
    fn ask(&mut self, id: u16, change: Change) {
        let views = self.views.get_mut(&NodeId(id)).unwrap();
        views.ask_for_change(self.now, Some(change));
    }

    fn add(&mut self, at: u16) {
        let next = self.views[&NodeId(at)].configuration().next_id;
        self.ask(at, Change::Add(format!("new{next}:1")));
        self.run_for(5.0);
    }

    /// A member that was added starts for the first time, as a member tells it.
    fn start_new(&mut self, id: u16, told_by: u16) {
        let configuration = Arc::clone(self.views[&NodeId(told_by)].configuration());
        let bound = configuration.floor;
        self.adopted.insert(NodeId(id), configuration);
        self.durable.insert(NodeId(id), (ViewNumber::FIRST, bound));
        self.start(id, true);
    }

    fn configured(&self, id: u16) -> Vec<u16> {
        let members = self.views[&NodeId(id)].members().iter();
        members.map(|id| id.0).collect()
    }

    fn leased(&self) -> Vec<u16> {
        let ids = self.views.keys().map(|id| id.0);
        ids.filter(|id| self.has_lease(*id)).collect()
    }
}

#[test]
fn a_group_of_three_is_replaced_member_by_member() {
    let mut group = Group::of(3);
    group.run_for(20.0);
    for dead in 1..=3 {
        let (new, asked) = (dead + 3, dead + 1);
        group.stop(dead);
        group.run_for(20.0);
        group.ask(asked, Change::Remove(NodeId(dead)));
        group.run_for(5.0);
        group.add(asked);
        group.start_new(new, asked);
        group.run_for(15.0);
        let all = vec![dead + 1, dead + 2, dead + 3];
        for id in &all {
            assert_eq!(group.configured(*id), all);
            assert_eq!(group.members_of_view(*id).as_ref(), Some(&all), "{id}");
            assert!(group.has_lease(*id), "{id}");
        }
        assert_eq!(
            group.views[&NodeId(new)].configuration().version,
            u64::from(2 * dead)
        );
    }
}

#[test]
fn three_members_become_five_and_three_again() {
    let mut group = Group::of(3);
    group.run_for(20.0);
    for new in [4, 5] {
        group.add(2);
        group.start_new(new, 1);
        group.run_for(15.0);
    }
    assert_eq!(group.members_of_view(1), Some(vec![1, 2, 3, 4, 5]));
    assert_eq!(group.leased(), [1, 2, 3, 4, 5]);
    // Two of five are down, and then two that are up are removed.
    for removed in [1, 3] {
        group.ask(4, Change::Remove(NodeId(removed)));
        group.run_for(30.0);
        assert!(group.views[&NodeId(removed)].is_removed(), "it was told");
        assert!(!group.has_lease(removed));
    }
    assert_eq!(group.configured(2), [2, 4, 5]);
    for id in [2, 4, 5] {
        assert_eq!(group.members_of_view(id), Some(vec![2, 4, 5]), "{id}");
        assert!(group.has_lease(id));
    }
}

#[test]
fn a_member_that_was_down_learns_of_the_changes_and_one_that_was_removed_too() {
    let mut group = Group::of(5);
    group.run_for(20.0);
    group.stop(1);
    group.stop(5);
    group.run_for(20.0);
    group.ask(2, Change::Remove(NodeId(5)));
    group.run_for(5.0);
    group.add(3);
    group.start(1, false);
    group.start(5, false);
    group.run_for(20.0);
    assert_eq!(group.configured(1), [1, 2, 3, 4, 6]);
    assert!(group.has_lease(1));
    assert!(group.views[&NodeId(5)].is_removed());
    // All restart at once, and go on with what is on their disks.
    for id in 1..=4 {
        group.start(id, false);
    }
    group.run_for(15.0);
    assert_eq!(group.members_of_view(2), Some(vec![1, 2, 3, 4]));
    assert!(group.has_lease(4));
}

#[test]
fn without_a_majority_of_both_no_change_is_made_and_the_reason_is_told() {
    let mut group = Group::of(3);
    group.run_for(20.0);
    group.stop(3);
    group.run_for(20.0);
    group.add(1);
    let one = &group.views[&NodeId(1)];
    assert_eq!(one.change_waits_for(), Some(ChangeWait::NoMajority));
    assert_eq!(group.configured(1), [1, 2, 3]);
    group.ask(1, Change::Remove(NodeId(2)));
    let one = &group.views[&NodeId(1)];
    let waits = Some(ChangeWait::StillInView(NodeId(2)));
    assert_eq!(one.change_waits_for(), waits);
    group.start(3, false);
    group.run_for(40.0);
    assert_eq!(group.configured(3), [1, 3]);
}

#[test]
fn two_changes_that_are_asked_for_at_once_are_made_one_after_the_other() {
    let mut group = Group::of(5);
    group.run_for(20.0);
    group.stop(5);
    group.run_for(20.0);
    group.ask(1, Change::Remove(NodeId(5)));
    group.ask(2, Change::Add("new:1".into()));
    group.ask(3, Change::Remove(NodeId(5)));
    group.run_for(10.0);
    for id in 1..=4 {
        assert_eq!(group.configured(id), [1, 2, 3, 4, 6], "{id}");
        assert_eq!(group.views[&NodeId(id)].configuration().version, 2);
        assert_eq!(group.views[&NodeId(id)].change(), None);
    }
}

/// Of five, two founders that are cut off are a majority of the three founders, and of
/// nothing else.
#[test]
fn a_lease_needs_a_majority_of_the_present_members_and_not_of_the_founders() {
    for planted in [None, Some(Planted::LeaseOfListedMajority)] {
        let mut group = Group::of(3);
        group.planted = planted;
        (1..=3).for_each(|id| group.start(id, false));
        group.run_for(20.0);
        for new in [4, 5] {
            group.add(2);
            group.start_new(new, 1);
            group.run_for(15.0);
        }
        group.cut_off(&[1, 2]);
        group.run_for(40.0);
        assert_eq!(group.members_of_view(3), Some(vec![3, 4, 5]));
        let founders = group.leased().iter().any(|id| *id < 3);
        assert_eq!(founders, planted.is_some());
    }
}

#[test]
fn whoever_adopts_a_change_has_a_bound_above_the_tokens_before_it() {
    for planted in [None, Some(Planted::AdoptedWithoutFloor)] {
        let mut group = Group::of(3);
        group.planted = planted;
        (1..=3).for_each(|id| group.start(id, false));
        group.run_for(20.0);
        group.stop(3);
        group.durable.get_mut(&NodeId(2)).unwrap().1 = 5_000;
        group.run_for(20.0);
        group.ask(1, Change::Remove(NodeId(3)));
        group.run_for(5.0);
        let floor = group.views[&NodeId(1)].configuration().floor;
        assert!(floor >= 5_000);
        // It hears no beat that has the bound: only the change.
        let mut three = Views::new(group.views[&NodeId(3 - 1)].config().clone(), group.now);
        let view = group.views[&NodeId(1)].view().unwrap().clone();
        let output = three.receive(group.now, NodeId(1), &ViewMessage::Decision(view), 1000);
        assert_eq!(output.below, planted.is_none().then_some(floor));
    }
}
