//! A lock that no peer wants is delegated to the process.

use crate::group::{Group, wait_for_deferral};

#[test]
fn a_repeated_entry_does_not_wake_the_node() {
    let group = Group::of(2);
    let nodes = group.all();
    let mut latest = nodes[0].lock("again").unwrap().token();
    for _ in 0..1000 {
        let token = nodes[0].lock("again").unwrap().token();
        assert!(token > latest);
        latest = token;
    }
    assert_eq!(nodes[0].status().unwrap().entries, 1);
    // Those were all delegated entries.
    let token = nodes[0].lock("again").unwrap().token();
    assert!(token > latest);
    assert_eq!(nodes[0].status().unwrap().entries, 2);
    // The request of another member recalls the lock.
    assert!(nodes[1].lock("again").unwrap().token() > token);
}

#[test]
fn a_lock_is_delegated_a_thousand_times_in_the_same_way() {
    let node = Group::of(1).node(1);
    for _ in 0..1000 * 1001 {
        drop(node.lock("again").unwrap());
    }
    assert_eq!(node.status().unwrap().entries, 1000);
}

#[test]
fn a_recalled_lock_returns_when_the_caller_inside_leaves() {
    let group = Group::of(2);
    let nodes = group.all();
    drop(nodes[0].lock("recalled").unwrap());
    let inside = nodes[0].lock("recalled").unwrap();
    let mut other = nodes[1].request("recalled").unwrap();
    let here = nodes[0].request("recalled").unwrap();
    // Once its request is deferred no caller enters by the delegation any more.
    wait_for_deferral(&nodes[0]);
    assert!(other.try_recv().is_none());
    let token = inside.token();
    drop(inside);
    let other = other.wait().unwrap();
    assert!(other.token() > token);
    drop(other);
    drop(here.wait().unwrap());
}
