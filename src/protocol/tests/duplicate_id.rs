//! Another node with our id.

use super::*;

/// A message of the other node, from a port that is not ours.
fn from_other_node(body: Body) -> Event {
    let origin = Origin::Turno(Incarnation(8));
    received_from(Some(address(50_000)), 1, origin, body)
}

/// Its welcome to this run.
fn sighting(to: Incarnation, again: bool) -> Event {
    let clock = 1;
    from_other_node(Body::Welcome { clock, to, again })
}

fn forget(sightings: u64) -> Event {
    Event::Expired(Timer::ForgetDuplicate { sightings })
}

#[test]
fn two_nodes_with_one_id_notice_each_other_and_neither_enters() {
    let mut member = member(1, 2);
    member.must(acquire());
    let has_answer = |effects: &[Effect]| {
        effects.iter().any(|effect| match effect {
            Effect::Send {
                reply_to, message, ..
            } => *reply_to == Some(address(50_000)) && message.to_string() == "reply<2,1>",
            _ => false,
        })
    };
    let effects = member.must(from_other_node(Body::Hello));
    assert!(has_answer(&effects), "the other one notices too");
    assert!(!member.has_duplicate_id(), "it may have ended long ago");
    member.must_not(sighting(Incarnation(NONCE.0 + 1), false));
    assert!(!member.has_duplicate_id(), "as may a run that it answers");
    let effects = member.must(sighting(NONCE, false));
    assert!(has_answer(&effects));
    assert!(member.has_duplicate_id());
    assert_eq!(member.must_not(reply(9, 2, 2)), Rejected::DuplicateId);

    // It is seen once more, and then it ends.
    let effects = member.must(sighting(NONCE, true));
    assert_eq!(sent(&effects), [""; 0], "or the answers would never end");
    assert_eq!(member.must_not(forget(1)), Rejected::StaleTimer);
    member.must(forget(2));
    member.must(reply(9, 2, 2));
    assert!(member.is_held());
}

#[test]
fn a_node_that_may_not_be_at_its_address_must_receive_its_own_hello() {
    let must_hear_itself = true;
    let (mut member, effects) = started(Config {
        must_hear_itself,
        ..config(1, 2)
    });
    assert_eq!(sent(&effects), ["req<0,1> to 1", "req<0,1> to 2"]);
    member.must(acquire());
    member.must(welcome(1, 2));
    assert!(member.is_awaiting_sync(&lock()));
    let effects = member.must(received(1, Origin::Turno(NONCE), Body::Hello));
    assert_eq!(sent(&effects), ["req<2,1> to 2"]);
    assert!(!member.has_duplicate_id());
}

#[test]
fn kept_permissions_do_not_count_while_another_node_has_our_id() {
    let mut member = held();
    member.must(sighting(NONCE, true));
    member.must(release());
    let effects = member.must(acquire());
    assert_eq!(sent(&effects).len(), 2, "all peers are asked");
    assert_eq!(member.must_not(reply(9, 2, 6)), Rejected::DuplicateId);
    member.must(forget(1));
    member.must(reply(9, 2, 6));
    member.must(reply(9, 3, 6));
    assert!(member.is_held());

    let (mut alone, _) = started(config(1, 1));
    alone.must(sighting(NONCE, true));
    assert_eq!(alone.must_not(acquire()), Rejected::DuplicateId);
    alone.must(forget(1));
    alone.must(acquire());
}
