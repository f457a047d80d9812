//! What nobody else wants is on loan to the process.

use crate::{Group, has_deferred};

#[test]
fn who_enters_again_does_not_wake_the_node() {
    let group = Group::of(2);
    let nodes = group.all();
    let mut latest = nodes[0].lock("again").unwrap().token();
    for _ in 0..1000 {
        let token = nodes[0].lock("again").unwrap().token();
        assert!(token > latest);
        latest = token;
    }
    assert_eq!(nodes[0].status().unwrap().entries, 1);
    // Those were all that were lent.
    let token = nodes[0].lock("again").unwrap().token();
    assert!(token > latest);
    assert_eq!(nodes[0].status().unwrap().entries, 2);
    // Another member takes it back.
    assert!(nodes[1].lock("again").unwrap().token() > token);
}

#[test]
fn what_was_lent_a_thousand_times_is_lent_as_before() {
    let node = Group::of(1).node(1);
    for _ in 0..1000 * 1001 {
        drop(node.lock("again").unwrap());
    }
    assert_eq!(node.status().unwrap().entries, 1000);
}

#[test]
fn what_is_on_loan_is_taken_back_when_whoever_is_inside_leaves() {
    let group = Group::of(2);
    let nodes = group.all();
    drop(nodes[0].lock("loan").unwrap());
    let inside = nodes[0].lock("loan").unwrap();
    let mut other = nodes[1].request("loan").unwrap();
    let here = nodes[0].request("loan").unwrap();
    // It asks, and is deferred; and then nobody enters on loan any more.
    has_deferred(&nodes[0]);
    assert!(other.try_recv().is_none());
    let token = inside.token();
    drop(inside);
    let other = other.wait().unwrap();
    assert!(other.token() > token);
    drop(other);
    drop(here.wait().unwrap());
}
