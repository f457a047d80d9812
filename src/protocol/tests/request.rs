//! Requests, replies, entering and leaving.

use super::*;

#[test]
fn a_member_starts_free_at_clock_one_without_a_request() {
    let member = Member::new(config(1, 3));
    assert_eq!(member.state(&lock()), &State::Free);
    assert_eq!((member.clock(), member.last_request_clock()), (1, None));
}

#[test]
#[should_panic(expected = "id 4 is not in 1..=3")]
fn an_id_outside_the_list_panics() {
    let _ = Member::new(config(4, 3));
}

#[test]
fn a_request_ticks_the_clock_and_goes_to_all_peers() {
    let mut member = member(2, 3);
    let effects = member.must(acquire());
    assert_eq!(sent(&effects), ["req<2,2> to 1", "req<2,2> to 3"]);
    assert_eq!((member.clock(), member.last_request_clock()), (2, Some(2)));
    assert!(matches!(member.state(&lock()), State::Wait { .. }));
}

#[test]
fn a_second_request_while_waiting_or_held_is_rejected() {
    assert_eq!(waiting().must_not(acquire()), Rejected::NotFree);
    assert_eq!(held().must_not(acquire()), Rejected::NotFree);
}

#[test]
fn the_own_id_ticks_the_clock_in_every_state() {
    for mut member in [member(1, 3), waiting(), held()] {
        let before = member.clock();
        assert_eq!(member.must(Event::Tick), []);
        assert_eq!(member.clock(), before + 1);
    }
}

#[test]
fn the_last_reply_lets_the_member_enter_with_its_clock_as_token() {
    let mut member = member(1, 3);
    member.must(acquire());
    assert_eq!(member.must(reply(3, 3, 2)), []);
    let effects = member.must(reply(3, 2, 2));
    assert_eq!(member.state(&lock()), &in_section(5));
    assert_eq!(effects, [entered(5)]);
}

#[test]
fn a_group_of_one_enters_without_a_datagram() {
    let mut member = member(1, 1);
    assert_eq!(member.must(acquire()), [entered(2)]);
}

#[test]
fn an_entry_costs_two_messages_per_peer() {
    for members in [2, 3, 5, 9] {
        let mut group: Vec<_> = (1..=members).map(|id| member(id, members)).collect();
        let mut messages = sent(&group[0].must(acquire())).len();
        for id in 2..=members {
            let answered = group[usize::from(id) - 1].must(request(2, 1));
            messages += sent(&answered).len();
            group[0].must(reply(3, id, 2));
        }
        assert!(group[0].is_held());
        messages += sent(&group[0].must(release())).len();
        assert_eq!(messages, 2 * (usize::from(members) - 1));
    }
}

#[test]
fn a_request_is_answered_at_once_while_free() {
    let mut member = member(3, 3);
    let effects = member.must(request(2, 1));
    assert_eq!(sent(&effects), ["reply<3,3> to 1"]);
}

#[test]
fn a_reply_echoes_the_request_and_goes_to_the_socket_of_an_original_peer() {
    let mut member = member(3, 3);
    let effects = member.must(request(2, 1));
    let (clock, incarnation) = (2, PEERS);
    let reply = Body::Reply {
        lock: lock(),
        clock: 3,
        echo: RequestId { clock, incarnation },
    };
    let config = *member.config();
    assert_eq!(effects, [config.send(NodeId(1), None, reply, 0)]);
    let effects = member.must(original_request(5, 1, 54_321));
    let Effect::Send { reply_to, .. } = effects[0] else {
        panic!("{effects:?}")
    };
    assert_eq!(reply_to, Some(address(54_321)));
}

#[test]
fn an_older_request_is_answered_while_waiting() {
    let mut member = waiting();
    let effects = member.must(request(3, 3));
    assert_eq!(sent(&effects), ["reply<5,2> to 3"], "(3,3) < (4,2)");
}

#[test]
fn a_younger_request_is_deferred_while_waiting() {
    let mut member = waiting();
    assert_eq!(member.must(request(5, 3)), [contended()], "(4,2) < (5,3)");
    assert_eq!(member.queue(), [stamp(5, 3)]);
}

#[test]
fn a_tie_goes_to_the_lower_id() {
    let mut member = waiting();
    assert_eq!(sent(&member.must(request(4, 1))).len(), 1, "(4,1) < (4,2)");
    assert_eq!(sent(&member.must(request(4, 3))).len(), 0, "(4,2) < (4,3)");
}

#[test]
fn defers_the_reply_while_held_however_old_the_request() {
    let mut member = held();
    assert_eq!(member.must(request(1, 2)), [contended()]);
    assert_eq!(member.queue(), [stamp(1, 2)]);
}

#[test]
fn leaving_answers_the_queue_in_order_with_the_clock_of_that_moment() {
    let mut member = held();
    member.must(request(4, 3));
    member.must(request(4, 2));
    member.must(Event::Tick);
    let effects = member.must(release());
    let lock = lock();
    assert_eq!(member.state(&lock), &State::Free);
    assert_eq!(member.queue(), []);
    assert_eq!(effects[0], Effect::Leave { lock, clock: 8 });
    assert_eq!(sent(&effects), ["reply<8,1> to 3", "reply<8,1> to 2"]);
}

#[test]
fn cancelling_answers_the_queue_and_never_uses_the_clock_again() {
    let mut member = waiting();
    member.must(request(5, 3));
    assert_eq!(sent(&member.must(cancel())), ["reply<6,2> to 3"]);
    assert_eq!(member.state(&lock()), &State::Free);
    assert_eq!(member.must_not(reply(9, 1, 4)), Rejected::UnexpectedReply);
    member.must(acquire());
    assert_eq!(member.last_request_clock(), Some(7));
    assert_eq!(member.must_not(reply(9, 1, 4)), Rejected::StaleReply);
}

#[test]
fn releasing_unless_held_and_cancelling_unless_waiting_are_rejected() {
    assert_eq!(waiting().must_not(release()), Rejected::NotHeld);
    assert_eq!(held().must_not(cancel()), Rejected::NotWaiting);
    assert_eq!(member(1, 3).must_not(release()), Rejected::NotHeld);
}

#[test]
fn replies_are_a_set_of_senders_and_never_a_number() {
    let mut member = waiting();
    member.must(reply(5, 3, 4));
    assert_eq!(member.must_not(reply(5, 3, 4)), Rejected::DuplicateReply);
    assert_eq!(member.must_not(reply(6, 3, 4)), Rejected::DuplicateReply);
    member.must(reply(5, 1, 4));
    assert!(member.is_held());
}

#[test]
fn a_reply_to_an_earlier_request_does_not_count_for_this_one() {
    let mut member = held();
    member.must(release());
    member.must(request(6, 2));
    member.must(acquire());
    assert_eq!(member.must_not(reply(9, 2, 2)), Rejected::StaleReply);
}

#[test]
fn a_reply_to_an_earlier_run_does_not_count_though_the_clock_is_the_same() {
    let mut member = waiting();
    let (clock, incarnation) = (4, Incarnation(6));
    let to_earlier_run = Body::Reply {
        lock: lock(),
        clock: 9,
        echo: RequestId { clock, incarnation },
    };
    let rejected = member.must_not(turno(3, to_earlier_run));
    assert_eq!(rejected, Rejected::StaleReply);
}

#[test]
fn a_reply_whose_clock_is_not_past_the_request_does_not_count() {
    assert_eq!(waiting().must_not(reply(4, 3, 4)), Rejected::StaleReply);
}

#[test]
fn a_reply_while_free_or_held_does_not_count() {
    for mut member in [member(1, 3), held()] {
        let rejected = member.must_not(reply(9, 2, 2));
        assert_eq!(rejected, Rejected::UnexpectedReply);
    }
}

#[test]
fn an_unknown_id_and_our_own_id_are_rejected() {
    for mut member in [member(1, 3), held()] {
        let unknown = |id| Rejected::UnknownMember(NodeId(id));
        assert_eq!(member.must_not(request(2, 4)), unknown(4));
        assert_eq!(member.must_not(reply(2, 4, 2)), unknown(4));
        assert_eq!(member.must_not(request(2, 0)), unknown(0));
        let from_own_id = member.must_not(original_request(2, 1, 50_000));
        assert_eq!(from_own_id, Rejected::OwnId(NodeId(1)));
    }
}

#[test]
fn locks_with_different_names_are_independent() {
    let mut member = member(1, 2);
    member.must(Event::Acquire(named("a")));
    member.must(Event::Acquire(named("b")));
    let reply_to = |lock: &str, of| {
        let (lock, clock, echo) = (named(lock), 5, echo(of));
        turno(2, Body::Reply { lock, clock, echo })
    };
    assert_eq!(member.must_not(reply_to("a", 3)), Rejected::StaleReply);
    member.must(reply_to("b", 3));
    assert_eq!(member.state(&named("b")).to_string(), "HELD");
    assert_eq!(member.state(&named("a")).to_string(), "WAIT");
    member.must(reply_to("a", 2));
    member.must(Event::Release(named("b")));
    member.must(Event::Release(named("a")));
    assert_eq!(member.locks().count(), 1, "unused names cost nothing");
}
