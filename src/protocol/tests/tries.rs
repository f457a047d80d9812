//! Tries: refused where another request would be deferred.

use super::*;
use crate::mutex::First;

fn try_of(clock: u64, id: u16) -> Event {
    let mut event = request(clock, id);
    let Event::Received { message, .. } = &mut event else {
        unreachable!("it is a message")
    };
    if let Body::Request { is_try, .. } = &mut message.body {
        *is_try = true;
    }
    event
}

fn note(clock: u64, id: u16, of: u64, first: First) -> Event {
    let (lock, echo) = (lock(), echo(of));
    turno(
        id,
        Body::Note {
            lock,
            clock,
            echo,
            first,
        },
    )
}

#[test]
fn a_try_asks_the_peers_whose_permission_is_kept_too() {
    let mut member = with_permissions();
    let effects = member.must(Event::Try(lock()));
    assert_eq!(sent(&effects), ["req<6,1> to 2", "req<6,1> to 3"]);
}

#[test]
fn a_note_ends_the_try_that_it_answers_and_no_other_request() {
    let mut member = with_permissions();
    member.must(Event::Try(lock()));
    let stale = note(9, 2, 5, First::Held);
    assert_eq!(member.must_not(stale), Rejected::StaleReply);
    let effects = member.must(note(9, 2, 6, First::Held));
    let refused = Effect::Refused {
        lock: lock(),
        first: Some((NodeId(2), First::Held)),
    };
    assert_eq!(effects, [refused]);
    assert_eq!(*member.state(&lock()), State::Free);
    member.must(acquire());
    let request = member.last_request_clock().unwrap();
    let of_no_try = note(9, 2, request, First::Held);
    assert_eq!(member.must_not(of_no_try), Rejected::StaleReply);
}

#[test]
fn a_waiter_refuses_a_younger_try_and_answers_an_older_one() {
    let mut member = with_permissions();
    member.must(request(6, 3));
    member.must(acquire());
    assert_eq!(sent(&member.must(try_of(9, 2))), ["note<10,1> to 2"]);
    let effects = member.must(try_of(7, 2));
    assert_eq!(
        sent(&effects),
        ["note<10,1> to 2"],
        "it was made before that"
    );
    assert_eq!(sent(&member.must(try_of(7, 3)))[0], "reply<11,1> to 3");
}

#[test]
fn a_try_that_was_refused_is_not_granted_when_the_holder_leaves() {
    let mut member = held();
    let effects = member.must(try_of(6, 2));
    assert_eq!(
        effects,
        [Effect::Contended { lock: lock() }],
        "until the user says that it stays"
    );
    assert_eq!(sent(&member.must(Event::Deny(lock()))), ["note<7,1> to 2"]);
    assert_eq!(sent(&member.must(release())), [""; 0]);
    assert_eq!(
        sent(&member.must(try_of(6, 2))),
        ["note<7,1> to 2"],
        "the note was lost"
    );
    assert_eq!(sent(&member.must(try_of(8, 2))), ["reply<9,1> to 2"]);
}

#[test]
fn a_try_that_waits_for_a_holder_is_refused_when_it_leaves_and_granted_if_no_user_was_in() {
    for (event, answer) in [
        (release(), "note<7,1> to 2"),
        (Event::Return(lock()), "reply<7,1> to 2"),
    ] {
        let mut member = held();
        member.must(try_of(6, 2));
        assert_eq!(sent(&member.must(event)), [answer]);
    }
}

#[test]
fn a_try_made_before_the_holder_left_is_refused_though_it_arrives_later() {
    let mut member = held();
    // 2 tried with clock 6, and then sent something else.
    member.must(turno(2, other_request(8)));
    member.must(release());
    assert_eq!(sent(&member.must(try_of(6, 2)))[0], "note<9,1> to 2");
    assert_eq!(sent(&member.must(try_of(10, 2)))[0], "reply<11,1> to 2");
}

/// Of a lock that is not in use here.
fn other_request(clock: u64) -> Body {
    Body::Request {
        lock: LockName::new("other").unwrap(),
        clock,
        is_try: false,
        mode: Mode::Exclusive,
    }
}

#[test]
fn what_is_refused_is_remembered_of_a_named_lock_that_is_not_in_use() {
    let named = LockName::new("other").unwrap();
    let mut member = with_permissions();
    member.must(Event::Acquire(named.clone()));
    for id in [2, 3] {
        let clock = member.last_request_clock().unwrap();
        let (lock, echo) = (named.clone(), echo(clock));
        let clock = clock + 1;
        let body = Body::Reply { lock, clock, echo };
        member.must(turno(id, body));
    }
    let tried = member.last_request_clock().unwrap();
    member.must(Event::Release(named.clone()));
    let body = Body::Request {
        lock: named,
        clock: tried,
        is_try: true,
        mode: Mode::Exclusive,
    };
    let effects = member.must(turno(2, body));
    assert!(sent(&effects)[0].starts_with("note<"), "{effects:?}");
}

#[test]
fn a_member_that_does_not_know_all_clocks_defers_a_try_without_a_note() {
    let (mut member, _) = started(config(1, 3));
    let effects = member.must(try_of(6, 2));
    assert!(!sent(&effects).iter().any(|sent| sent.starts_with("note")));
    assert_eq!(member.reply_queue(&lock()).len(), 1);
}
