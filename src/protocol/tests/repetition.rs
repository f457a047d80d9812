//! Requests that are sent again, by this member, by peers and by original peers.

use super::*;

#[test]
fn a_request_is_sent_again_with_the_same_clock_to_peers_that_have_not_replied() {
    let mut member = waiting();
    member.must(reply(5, 3, 4));
    member.must(Event::Tick);
    let effects = member.must(resend(4));
    assert_eq!(sent(&effects), ["req<4,2> to 1"]);
}

#[test]
fn the_pauses_between_repetitions_double_up_to_a_bound() {
    let mut member = member(1, 2);
    let mut effects = member.must(acquire());
    let mut pauses = vec![timer(&effects).1];
    for _ in 0..100 {
        effects = member.must(Event::Expired(timer(&effects).0));
        pauses.push(timer(&effects).1);
    }
    let Pace { first, longest } = Pace::default();
    assert_eq!(pauses[..4], [first, first * 2, first * 4, longest]);
    assert!(pauses[4..].iter().all(|pause| *pause == longest));
}

#[test]
fn a_timer_of_an_earlier_request_is_stale() {
    for mut member in [held(), waiting(), member(1, 3)] {
        assert_eq!(member.must_not(resend(2)), Rejected::StaleTimer);
    }
}

#[test]
fn a_repeated_request_does_not_tick_the_clock_and_is_queued_once() {
    let mut member = held();
    member.must(request(4, 2));
    let before = member.clone();
    let effects = member.must(request(4, 2));
    assert_eq!(member, before);
    let (clock, to, again) = (6, PEERS, false);
    let welcome = Body::Welcome { clock, to, again };
    let welcome = member.config().send(NodeId(2), None, welcome, 0);
    assert_eq!(effects, [welcome, contended()], "this member is up");
    assert_eq!(sent(&member.must(release())).len(), 1);
}

#[test]
fn a_repeated_request_gets_the_same_reply_again() {
    let mut member = member(2, 3);
    let reply = member.must(request(2, 1));
    member.must(Event::Tick);
    let before = member.clone();
    assert_eq!(sent(&member.must(request(2, 1))), sent(&reply));
    assert_eq!(member, before);
}

#[test]
fn a_repeated_request_gets_the_deferred_reply_again() {
    let mut member = held();
    member.must(request(4, 2));
    let effects = member.must(release());
    member.must(acquire());
    assert_eq!(sent(&member.must(request(4, 2))), sent(&effects[1..]));
}

#[test]
fn a_newer_request_of_a_peer_replaces_its_older_one() {
    let mut member = held();
    member.must(request(4, 2));
    member.must(request(9, 2));
    assert_eq!(member.must_not(request(4, 2)), Rejected::Superseded);
    assert_eq!(sent(&member.must(release())), ["reply<10,1> to 2"]);
}

#[test]
fn the_reply_to_a_restarted_peer_goes_to_its_new_run() {
    let mut member = held();
    member.must(request(4, 2));
    member.must(request_of(9, 2, Incarnation(10)));
    let effects = member.must(release());
    let Body::Reply { echo, .. } = sent_body(&effects, 1) else {
        panic!("{effects:?}")
    };
    assert_eq!((echo.clock, echo.incarnation), (9, Incarnation(10)));
}

#[test]
fn every_request_of_an_original_peer_is_answered_in_any_order() {
    let mut member = held();
    member.must(original_request(9, 2, 50_009));
    // Late and repeated; and of a restarted peer with the same clock.
    member.must(original_request(2, 2, 50_002));
    member.must(original_request(2, 2, 50_002));
    member.must(original_request(2, 2, 50_222));
    let effects = member.must(release()).into_iter();
    let answered = effects.filter_map(|effect| match effect {
        Effect::Send { reply_to, .. } => reply_to,
        _ => None,
    });
    let answered: Vec<_> = answered.collect();
    assert_eq!(answered, [50_009, 50_002, 50_222].map(address));
}

#[test]
fn requests_in_the_name_of_an_original_peer_fill_a_bounded_number_of_places() {
    let mut member = held();
    for port in 0..1000 {
        member.must(original_request(9, 2, port));
    }
    member.must(request(9, 3));
    assert_eq!(member.queue().len(), 9);
    assert_eq!(member.queue()[8], stamp(9, 3));
}
