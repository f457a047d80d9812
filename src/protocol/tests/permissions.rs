//! Kept permissions.

use super::*;

/// Member 1 of 3, which has kept the permission of 2 and waits for that of 3, with a
/// request with clock 9.
fn waiting_for_3() -> Member {
    let mut member = with_permissions();
    member.must(request(6, 3));
    member.must(Event::Tick);
    assert_eq!(sent(&member.must(acquire())), ["req<9,1> to 3"]);
    member
}

fn kept(member: &Member) -> BTreeSet<NodeId> {
    member.kept(&lock()).exclusive().clone()
}

#[test]
fn a_second_entry_with_all_permissions_sends_nothing() {
    let mut member = with_permissions();
    assert_eq!(kept(&member), ids([2, 3]));
    for clock in 6..9 {
        assert_eq!(member.must(acquire()), [entered(clock)]);
        assert_eq!(member.last_request_clock(), Some(clock));
        let effects = member.must(release());
        assert!(matches!(effects[..], [Effect::Leave { .. }]));
    }
}

#[test]
fn only_peers_that_got_a_reply_since_are_asked() {
    let mut member = with_permissions();
    let effects = member.must(request(6, 3));
    assert_eq!(sent(&effects), ["reply<7,1> to 3"]);
    assert_eq!(kept(&member), ids([2]));
    assert_eq!(sent(&member.must(acquire())), ["req<8,1> to 3"]);
    assert_eq!(sent(&member.must(resend(8))), ["req<8,1> to 3"]);
    member.must(reply(9, 3, 8));
    assert!(member.is_held());
    assert_eq!(member.clock(), 10, "the token is the clock on entry");
}

#[test]
fn leaving_gives_the_permission_of_a_waiting_peer_back() {
    let mut member = held();
    member.must(request(6, 2));
    member.must(release());
    assert_eq!(kept(&member), ids([3]));
}

#[test]
fn a_permission_given_away_while_waiting_is_requested_again() {
    let mut member = waiting_for_3();
    let effects = member.must(request(8, 2));
    assert_eq!(sent(&effects), ["reply<10,1> to 2", "req<9,1> to 2"]);
    assert_eq!(kept(&member), ids([]));
    member.must(reply(10, 3, 9));
    assert!(!member.is_held(), "2 may be in the section");
    assert_eq!(
        sent(&member.must(resend(9))),
        ["req<9,1> to 2"],
        "the timer sends it again too"
    );
    member.must(reply(14, 2, 9));
    assert!(member.is_held());
}

#[test]
fn a_younger_request_of_a_peer_whose_permission_is_kept_is_deferred() {
    let mut member = waiting_for_3();
    assert!(sent(&member.must(request(10, 2))).is_empty());
    member.must(reply(10, 3, 9));
    assert!(member.is_held());
    member.must(release());
    assert_eq!(kept(&member), ids([3]));
}

#[test]
fn cancelling_keeps_permissions() {
    let mut member = waiting_for_3();
    member.must(request(10, 2));
    member.must(cancel());
    assert_eq!(kept(&member), ids([]), "2 gets it back");
    let mut member = waiting_for_3();
    member.must(cancel());
    assert_eq!(kept(&member), ids([2]));
}

#[test]
fn a_repetition_of_an_answered_request_takes_no_permission_back() {
    let mut member = waiting_for_3();
    member.must(reply(10, 3, 9));
    member.must(release());
    let again = member.must(request(6, 3));
    assert_eq!(sent(&again), ["reply<7,1> to 3"], "the same reply");
    assert_eq!(kept(&member), ids([2, 3]));
}

#[test]
fn an_original_peers_permission_serves_one_entry() {
    let mut member = member(1, 3);
    member.must(acquire());
    member.must(reply(3, 2, 2));
    let echo = echo(2);
    let (lock, clock) = (lock(), 3);
    member.must(received(
        3,
        Origin::Original,
        Body::Reply { lock, clock, echo },
    ));
    member.must(release());
    assert_eq!(sent(&member.must(acquire())), ["req<6,1> to 3"]);
}

#[test]
fn an_original_peer_in_the_place_of_a_turno_node_gets_the_permission_too() {
    let mut member = with_permissions();
    let effects = member.must(original_request(2, 3, 50_000));
    assert_eq!(sent(&effects), ["reply<6,1> to 3"]);
    assert_eq!(kept(&member), ids([2]));
}

#[test]
fn a_member_without_kept_permissions_asks_all_peers_for_every_entry() {
    let (mut member, _) = started(Config {
        keeps_permissions: false,
        ..config(1, 2)
    });
    member.must(welcome(1, 2));
    for request in [2, 5] {
        let expected = format!("req<{request},1> to 2");
        assert_eq!(sent(&member.must(acquire())), [expected]);
        member.must(reply(request + 1, 2, request));
        member.must(release());
    }
}

/// A restart skips `ahead` clocks, and a quarter of that is left for tokens.
#[test]
fn a_peer_that_has_not_seen_our_clock_for_long_is_asked() {
    let request_after_three_entries = |mut member: Member| {
        member.config.ahead = 20;
        member.must(release());
        for clock in 6..=8 {
            assert!(sent(&member.must(acquire())).is_empty(), "{clock}");
            member.must(release());
        }
        sent(&member.must(acquire()))
    };
    // The peers replied with clock 3.
    let effects = request_after_three_entries(held());
    assert_eq!(effects, ["req<9,1> to 2", "req<9,1> to 3"]);
    let mut knows_clock_of_3 = held();
    knows_clock_of_3.must(welcome(5, 3));
    let effects = request_after_three_entries(knows_clock_of_3);
    assert_eq!(effects, ["req<9,1> to 2"]);
}

/// A name that was used once costs nothing, except for a few thousand whose permissions
/// are kept.
#[test]
fn a_million_names_that_were_used_once_are_forgotten() {
    let mut member = member(1, 2);
    let mut effects = Vec::new();
    let mut max = 0;
    for number in 0..1_000_000_u32 {
        let lock = named(&number.to_string());
        let mut handle = |event| {
            effects.clear();
            member.handle(&event, &mut effects).unwrap();
            member.clock()
        };
        let request = handle(Event::Acquire(lock.clone()));
        let reply = Body::Reply {
            lock: lock.clone(),
            clock: request + 1,
            echo: echo(request),
        };
        handle(turno(2, reply));
        handle(Event::Release(lock));
        max = max.max(member.memory.len());
    }
    assert_eq!(max, MAX_KEPT_LOCKS);
    assert_eq!(member.locks().count(), 1, "the nameless one");
    let latest = named("999999");
    assert_eq!(*member.kept(&latest).exclusive(), ids([2]));
    let effects = member.must(Event::Acquire(latest));
    assert!(sent(&effects).is_empty(), "permissions are kept by name");
}
