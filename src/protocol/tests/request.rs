//! Asking, replying, entering and leaving.

use super::*;

#[test]
fn it_starts_free_at_clock_one_and_has_never_asked() {
    let member = Member::new(config(1, 3));
    assert_eq!(
        (
            member.state(&lock()),
            member.clock(),
            member.last_request_clock()
        ),
        (&State::Free, 1, None)
    );
}

#[test]
#[should_panic(expected = "id 4 is not in 1..=3")]
fn an_id_outside_the_list_is_a_bug_of_the_caller() {
    let _ = Member::new(config(4, 3));
}

#[test]
fn wanting_the_section_ticks_and_asks_all_others() {
    let mut member = member(2, 3);
    let effects = member.must(acquire());
    assert_eq!(
        sent(&effects),
        [(1, "req<2,2>".into()), (3, "req<2,2>".into())]
    );
    assert_eq!((member.clock(), member.last_request_clock()), (2, Some(2)));
    assert!(matches!(member.state(&lock()), State::Wait { .. }));
}

#[test]
fn wanting_it_again_while_waiting_or_inside_is_refused() {
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
fn it_enters_when_the_last_reply_is_in_and_its_clock_is_the_token() {
    let mut member = member(1, 3);
    member.must(acquire());
    assert_eq!(member.must(reply(3, 3, 2)), []);
    let effects = member.must(reply(3, 2, 2));
    let token = Token::new(5);
    let lock = lock();
    assert_eq!(member.state(&lock), &State::Held { token });
    assert_eq!(effects, [Effect::Enter { lock, token }]);
}

#[test]
fn a_group_of_one_enters_without_a_datagram() {
    let mut member = member(1, 1);
    let (lock, token) = (lock(), Token::new(2));
    assert_eq!(member.must(acquire()), [Effect::Enter { lock, token }]);
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
    assert_eq!(sent(&effects), [(1, "reply<3,3>".into())]);
}

#[test]
fn a_reply_echoes_the_request_and_goes_to_where_a_seed_peer_waits_for_it() {
    let mut member = member(3, 3);
    let effects = member.must(request(2, 1));
    let echo = RequestId {
        clock: 2,
        incarnation: PEERS,
    };
    let body = |clock| Body::Reply {
        lock: lock(),
        clock,
        echo,
    };
    let config = *member.config();
    assert_eq!(effects, [config.send(NodeId(1), None, body(3), 0)]);
    let effects = member.must(seed_request(5, 1, 54_321));
    let Effect::Send { reply_to, .. } = effects[0] else {
        panic!("{effects:?}")
    };
    assert_eq!(reply_to, Some(address(54_321)));
}

#[test]
fn an_older_request_is_answered_while_waiting() {
    let mut member = waiting();
    assert_eq!(
        sent(&member.must(request(3, 3))),
        [(3, "reply<5,2>".into())],
        "(3,3) < (4,2)"
    );
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
    assert_eq!(
        (member.state(&lock), member.queue()),
        (&State::Free, vec![])
    );
    assert_eq!(effects[0], Effect::Leave { lock, clock: 8 });
    assert_eq!(
        sent(&effects),
        [(3, "reply<8,1>".into()), (2, "reply<8,1>".into())]
    );
}

#[test]
fn giving_up_answers_the_queue_and_never_uses_the_clock_again() {
    let mut member = waiting();
    member.must(request(5, 3));
    assert_eq!(sent(&member.must(cancel())), [(3, "reply<6,2>".into())]);
    assert_eq!(member.state(&lock()), &State::Free);
    assert_eq!(member.must_not(reply(9, 1, 4)), Rejected::NotAwaited);
    member.must(acquire());
    assert_eq!(member.last_request_clock(), Some(7));
    assert_eq!(member.must_not(reply(9, 1, 4)), Rejected::StaleReply);
}

#[test]
fn leaving_and_giving_up_out_of_place_are_refused() {
    assert_eq!(waiting().must_not(release()), Rejected::NotHeld);
    assert_eq!(held().must_not(cancel()), Rejected::NotWaiting);
    assert_eq!(member(1, 3).must_not(release()), Rejected::NotHeld);
}

#[test]
fn replies_are_a_set_of_senders_and_never_a_number() {
    let mut member = waiting();
    member.must(reply(5, 3, 4));
    assert_eq!(member.must_not(reply(5, 3, 4)), Rejected::RepeatedReply);
    assert_eq!(member.must_not(reply(6, 3, 4)), Rejected::RepeatedReply);
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
    let echo = RequestId {
        clock: 4,
        incarnation: Incarnation(6),
    };
    let to_earlier_run = Body::Reply {
        lock: lock(),
        clock: 9,
        echo,
    };
    assert_eq!(
        member.must_not(turno(3, to_earlier_run)),
        Rejected::StaleReply
    );
}

#[test]
fn a_reply_whose_clock_has_not_passed_the_request_answers_another() {
    assert_eq!(waiting().must_not(reply(4, 3, 4)), Rejected::StaleReply);
}

#[test]
fn a_reply_while_free_or_held_is_not_awaited() {
    assert_eq!(member(1, 3).must_not(reply(5, 2, 2)), Rejected::NotAwaited);
    assert_eq!(held().must_not(reply(9, 2, 2)), Rejected::NotAwaited);
}

#[test]
fn a_request_is_sent_again_with_the_same_clock_to_those_who_have_not_replied() {
    let mut member = waiting();
    member.must(reply(5, 3, 4));
    member.must(Event::Tick);
    let again = member.must(Event::Expired(Timer::Resend {
        lock: lock(),
        request: 4,
        sent: 1,
    }));
    assert_eq!(sent(&again), [(1, "req<4,2>".into())]);
}

#[test]
fn the_pauses_between_two_sendings_double_up_to_a_bound() {
    let mut member = member(1, 2);
    let mut effects = member.must(acquire());
    let mut pauses = vec![pause(&effects)];
    for _ in 0..100 {
        let Some(Effect::SetTimer { timer, .. }) = effects.pop() else {
            panic!("no timer was set")
        };
        effects = member.must(Event::Expired(timer));
        pauses.push(pause(&effects));
    }
    let Pace { first, longest } = Pace::default();
    assert_eq!(pauses[..4], [first, first * 2, first * 4, longest]);
    assert!(pauses[4..].iter().all(|pause| *pause == longest));
}

#[test]
fn a_timer_of_a_request_that_is_done_with_means_nothing() {
    let timer = Timer::Resend {
        lock: lock(),
        request: 2,
        sent: 1,
    };
    for mut member in [held(), waiting(), member(1, 3)] {
        let expired = Event::Expired(timer.clone());
        assert_eq!(member.must_not(expired), Rejected::StaleTimer);
    }
}

#[test]
fn a_request_that_arrives_again_is_no_event_and_queued_once() {
    let mut member = held();
    member.must(request(4, 2));
    let before = member.clone();
    let effects = member.must(request(4, 2));
    assert_eq!(member, before);
    assert_eq!(
        effects,
        [
            member.config().send(
                NodeId(2),
                None,
                Body::Welcome {
                    clock: 6,
                    to: PEERS,
                    again: false,
                },
                0
            ),
            contended()
        ],
        "the welcome says that this member is up"
    );
    assert_eq!(sent(&member.must(release())).len(), 1);
}

#[test]
fn a_request_that_arrives_again_after_its_reply_gets_the_same_reply_again() {
    let mut member = member(2, 3);
    let reply = member.must(request(2, 1));
    member.must(Event::Tick);
    let before = member.clone();
    assert_eq!(sent(&member.must(request(2, 1))), sent(&reply));
    assert_eq!(member, before);
}

#[test]
fn a_request_that_arrives_again_after_a_deferred_reply_gets_that_one_again() {
    let mut member = held();
    member.must(request(4, 2));
    let effects = member.must(release());
    member.must(acquire());
    assert_eq!(sent(&member.must(request(4, 2))), sent(&effects[1..]));
}

#[test]
fn a_peers_newer_request_takes_the_place_of_its_older_one() {
    let mut member = held();
    member.must(request(4, 2));
    member.must(request(9, 2));
    assert_eq!(member.must_not(request(4, 2)), Rejected::Superseded);
    assert_eq!(sent(&member.must(release())), [(2, "reply<10,1>".into())]);
}

#[test]
fn a_peer_that_was_started_anew_is_answered_in_its_new_run() {
    let mut member = held();
    member.must(request(4, 2));
    member.must(request_of(9, 2, Incarnation(10)));
    let effects = member.must(release());
    let Effect::Send { message, .. } = &effects[1] else {
        panic!("{effects:?}")
    };
    let Body::Reply { echo, .. } = message.body else {
        panic!("{message:?}")
    };
    assert_eq!((echo.clock, echo.incarnation), (9, Incarnation(10)));
}

#[test]
fn all_that_a_seed_peer_asks_is_answered_in_whatever_order_it_arrives() {
    let mut member = held();
    member.must(seed_request(9, 2, 50_009));
    // Late and repeated; and a peer that was started anew at the same clock.
    member.must(seed_request(2, 2, 50_002));
    member.must(seed_request(2, 2, 50_002));
    member.must(seed_request(2, 2, 50_222));
    let answered: Vec<_> = member
        .must(release())
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Send { reply_to, .. } => reply_to,
            _ => None,
        })
        .collect();
    assert_eq!(answered, [50_009, 50_002, 50_222].map(address));
}

#[test]
fn whoever_pretends_to_be_a_seed_peer_fills_no_more_than_a_few_places() {
    let mut member = held();
    for port in 0..1000 {
        member.must(seed_request(9, 2, port));
    }
    member.must(request(9, 3));
    assert_eq!(member.queue().len(), 9);
    assert_eq!(member.queue()[8], stamp(9, 3));
}

#[test]
fn a_stranger_and_our_own_id_are_refused() {
    for mut member in [member(1, 3), held()] {
        let stranger = Rejected::NoMember(NodeId(4));
        assert_eq!(member.must_not(request(2, 4)), stranger);
        assert_eq!(member.must_not(reply(2, 4, 2)), stranger);
        assert_eq!(
            member.must_not(request(2, 0)),
            Rejected::NoMember(NodeId(0))
        );
        assert_eq!(
            member.must_not(seed_request(2, 1, 50_000)),
            Rejected::OwnId(NodeId(1))
        );
    }
}

#[test]
fn locks_of_different_names_do_not_wait_for_each_other() {
    let mut member = member(1, 2);
    let name = |text: &str| LockName::new(text).unwrap();
    member.must(Event::Acquire(name("a")));
    member.must(Event::Acquire(name("b")));
    let reply_to = |lock: &str, echo| {
        let echo = RequestId {
            clock: echo,
            incarnation: NONCE,
        };
        let lock = name(lock);
        turno(
            2,
            Body::Reply {
                lock,
                clock: 5,
                echo,
            },
        )
    };
    assert_eq!(member.must_not(reply_to("a", 3)), Rejected::StaleReply);
    member.must(reply_to("b", 3));
    assert_eq!(member.state(&name("b")).to_string(), "HELD");
    assert_eq!(member.state(&name("a")).to_string(), "WAIT");
    member.must(reply_to("a", 2));
    member.must(Event::Release(name("b")));
    member.must(Event::Release(name("a")));
    assert_eq!(member.locks().count(), 1, "unused names cost nothing");
}
