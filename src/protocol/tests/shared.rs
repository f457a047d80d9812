use super::*;

/// Member 2 of 3, which waits with a request of this clock, in shared mode.
fn waiting_to_share() -> Member {
    let mut member = member(2, 3);
    member.must(request(2, 1));
    member.must(share());
    member
}

/// Member 1 of 3 in the section in shared mode: it requested it at 2 and entered at 5.
fn sharing() -> Member {
    let mut member = member(1, 3);
    member.must(share());
    member.must(reply(3, 2, 2));
    member.must(reply(3, 3, 2));
    assert_eq!(member.state(&lock()), &shared_section(5));
    member
}

fn share() -> Event {
    Event::AcquireShared(lock())
}

fn shared_section(clock: u64) -> State {
    let (token, mode) = (Token::new(clock), Mode::Shared);
    State::Held { token, mode }
}

/// A turno node's shared `req<clock,id>`, arriving.
fn shared_request(clock: u64, id: u16) -> Event {
    let (lock, is_try, mode) = (lock(), false, Mode::Shared);
    turno(
        id,
        Body::Request {
            lock,
            clock,
            is_try,
            mode,
        },
    )
}

#[test]
fn two_shared_requests_are_answered_whatever_their_order() {
    let mut member = waiting_to_share();
    assert_eq!(member.clock(), 4);
    for clock in [3, 9] {
        let effects = member.must(shared_request(clock, 3));
        assert_eq!(sent(&effects).len(), 1, "the reply: {effects:?}");
    }
    assert_eq!(member.queue(), []);
}

#[test]
fn an_exclusive_request_is_compared_with_a_shared_one() {
    let mut member = waiting_to_share();
    assert_eq!(sent(&member.must(request(3, 3))), ["reply<5,2> to 3"]);
    let mut member = waiting_to_share();
    assert_eq!(member.must(request(9, 3)), [contended()]);
    // And the other way.
    let mut member = waiting();
    assert_eq!(member.must(shared_request(9, 3)), [contended()]);
}

#[test]
fn a_shared_entry_answers_shared_requests_and_defers_exclusive_ones() {
    let mut member = sharing();
    assert_eq!(
        sent(&member.must(shared_request(9, 2))),
        ["reply<10,1> to 2"]
    );
    assert_eq!(member.must(request(11, 3)), [contended()]);
    let effects = member.must(release());
    assert_eq!(sent(&effects), ["reply<12,1> to 3"]);
}

#[test]
fn an_exclusive_entry_defers_shared_requests() {
    let mut member = held();
    assert_eq!(member.must(shared_request(9, 2)), [contended()]);
    assert_eq!(sent(&member.must(release())), ["reply<10,1> to 2"]);
}

#[test]
fn a_kept_shared_permission_serves_shared_entries_only() {
    let mut member = sharing();
    member.must(release());
    assert_eq!(*member.kept(&lock()).shared(), ids([2, 3]));
    let effects = member.must(share());
    assert!(matches!(effects[..], [Effect::Enter { .. }]), "{effects:?}");
    member.must(release());
    let effects = member.must(acquire());
    assert_eq!(sent(&effects), ["req<7,1> to 2", "req<7,1> to 3"]);
}

#[test]
fn a_kept_exclusive_permission_serves_shared_entries_and_a_shared_request_lowers_it() {
    let mut member = with_permissions();
    member.must(share());
    member.must(release());
    assert_eq!(*member.kept(&lock()).exclusive(), ids([2, 3]));
    member.must(shared_request(7, 2));
    assert_eq!(*member.kept(&lock()).exclusive(), ids([3]));
    assert_eq!(*member.kept(&lock()).shared(), ids([2]));
    assert_eq!(sent(&member.must(share())), [""; 0], "it may still share");
    member.must(release());
    assert_eq!(sent(&member.must(acquire())), ["req<10,1> to 2"]);
}

#[test]
fn an_exclusive_request_takes_a_shared_permission_away() {
    let mut member = sharing();
    member.must(release());
    member.must(request(9, 2));
    assert_eq!(*member.kept(&lock()).shared(), ids([3]));
    assert_eq!(sent(&member.must(share())), ["req<11,1> to 2"]);
}

/// The permission of 3 was kept, 2 is asked, and an older shared request of 3 arrives.
#[test]
fn a_waiting_writer_that_loses_a_permission_asks_again_for_an_exclusive_one() {
    let mut member = with_permissions();
    member.must(request(6, 2));
    let effects = member.must(acquire());
    assert_eq!(sent(&effects), ["req<8,1> to 2"]);
    let effects = member.must(shared_request(7, 3));
    assert_eq!(sent(&effects), ["reply<9,1> to 3", "req<8,1> to 3"]);
    let Body::Request { mode, .. } = sent_body(&effects, 1) else {
        panic!("no request: {effects:?}");
    };
    assert_eq!(*mode, Mode::Exclusive);
}

#[test]
fn a_shared_request_is_sent_again_as_one() {
    let mut member = waiting_to_share();
    let effects = member.must(resend(4));
    let hello = member.must(hello(3));
    for effects in [effects, hello[1..].to_vec()] {
        assert!(matches!(
            sent_body(&effects, 0),
            Body::Request {
                mode: Mode::Shared,
                ..
            }
        ));
    }
}

#[test]
fn a_shared_entry_that_goes_on_answers_shared_requests_once_all_clocks_are_known() {
    let (mut member, token, mode) = (Member::new(config(1, 2)), Token::new(7), Mode::Shared);
    let lock = lock();
    member.must(Event::Resume { lock, token, mode });
    member.must(Event::Start);
    assert_eq!(sent(&member.must(shared_request(9, 2)))[1..], [""; 0]);
    assert_eq!(member.queue().len(), 1, "it does not know the clocks yet");
    let effects = member.must(welcome(10, 2));
    assert!(sent(&effects)[0].starts_with("reply<"), "{effects:?}");
    assert_eq!(member.queue(), []);
    // An exclusive one waits.
    assert_eq!(member.must(request(1_000_020, 2)), [contended()]);
}

#[test]
fn a_shared_try_is_refused_by_an_exclusive_entry_and_not_by_a_shared_one() {
    let shared_try = |clock| {
        let (lock, is_try, mode) = (lock(), true, Mode::Shared);
        turno(
            2,
            Body::Request {
                lock,
                clock,
                is_try,
                mode,
            },
        )
    };
    let mut member = sharing();
    assert_eq!(sent(&member.must(shared_try(9))), ["reply<10,1> to 2"]);
    let mut member = held();
    member.must(shared_try(9));
    let effects = member.must(Event::Deny(lock()));
    assert_eq!(sent(&effects), ["note<10,1> to 2"]);
}

/// A reader that leaves does not end the moment of a try.
#[test]
fn a_late_try_is_granted_after_a_shared_entry() {
    let mut member = sharing();
    member.must(request(8, 2));
    member.must(release());
    let (lock, is_try, mode) = (lock(), true, Mode::Exclusive);
    let late = Body::Request {
        lock,
        clock: 4,
        is_try,
        mode,
    };
    assert!(sent(&member.must(turno(3, late)))[0].starts_with("reply<"));
}
