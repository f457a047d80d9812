//! The life of a group: members die, are cut off, come back, and leave.

use super::*;

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
