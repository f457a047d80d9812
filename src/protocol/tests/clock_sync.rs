//! Hellos and welcomes, and clocks that are not believed.

use super::*;

#[test]
fn a_member_without_a_clock_requests_only_after_all_peers_told_theirs() {
    let (mut member, effects) = started(config(1, 3));
    assert_eq!(sent(&effects), ["req<0,1> to 2", "req<0,1> to 3"]);
    member.must(acquire());
    assert!(member.is_awaiting_sync(&lock()));
    assert_eq!(member.must_not(acquire()), Rejected::NotFree);
    assert_eq!(member.must(welcome(40, 3)), []);
    let effects = member.must(welcome(30, 2));
    assert_eq!(
        sent(&effects),
        ["req<41,1> to 2", "req<41,1> to 3"],
        "above all their clocks"
    );
    assert!(!member.is_awaiting_sync(&lock()));
}

#[test]
fn a_request_that_waits_for_clocks_can_be_cancelled() {
    let (mut member, _) = started(config(1, 2));
    member.must(acquire());
    member.must(cancel());
    assert_eq!(member.must(welcome(40, 2)), []);
    assert_eq!(member.state(&lock()), &State::Free);
}

#[test]
fn only_a_welcome_to_this_run_tells_the_clock() {
    let (mut member, _) = started(config(1, 2));
    let (clock, to, again) = (40, Incarnation(6), false);
    let to_another = turno(2, Body::Welcome { clock, to, again });
    assert_eq!(member.must_not(to_another), Rejected::StaleWelcome);
    member.must(request(5, 2));
    member.must(hello(2));
    assert_eq!(member.unsynced().len(), 1, "these may be old");
}

#[test]
fn a_request_is_deferred_until_all_clocks_are_known() {
    let (mut member, _) = started(config(1, 3));
    let effects = member.must(request(5, 2));
    let hellos = ["req<0,1> to 2", "req<0,1> to 3"];
    assert_eq!(sent(&effects), hellos, "now a request waits for the clocks");
    assert_eq!(sent(&member.must(request(6, 2))), hellos[..1]);
    member.must(welcome(5, 2));
    let effects = member.must(welcome(40, 3));
    assert_eq!(sent(&effects), ["reply<40,1> to 2"]);
    assert!(member.queue().is_empty());
}

#[test]
fn requests_are_deferred_for_a_bounded_number_of_locks_until_all_clocks_are_known() {
    let (mut member, _) = started(config(1, 3));
    let request = |clock: u64, id| {
        let lock = named(&clock.to_string());
        turno(
            id,
            Body::Request {
                lock,
                clock,
                is_try: false,
                mode: Mode::Exclusive,
            },
        )
    };
    let max = MAX_UNSYNCED_LOCKS as u64;
    for clock in 1..=max {
        member.must(request(clock, 2));
    }
    let rejected = member.must_not(request(max + 1, 2));
    assert_eq!(rejected, Rejected::TooManyLocks);
    member.must(request(max, 3));
    member.must(original_request(1, 3, 50_000));

    member.must(welcome(1, 2));
    let effects = member.must(welcome(1, 3));
    assert_eq!(sent(&effects).len(), 1024 + 2, "they are answered");
    assert_eq!(member.locks().count(), 1, "and forgotten");
    let effects = member.must(request(max + 1, 2));
    assert_eq!(sent(&effects).len(), 1, "the peer sent it again");
}

#[test]
fn a_welcome_says_whether_there_was_an_earlier_run() {
    let (mut member, _) = started(config(1, 3));
    let again = |member: &mut Member, run| {
        let origin = Origin::Turno(Incarnation(run));
        let effects = member.must(received(2, origin, Body::Hello));
        matches!(sent_body(&effects, 0), Body::Welcome { again: true, .. })
    };
    assert!(!again(&mut member, 20));
    assert!(!again(&mut member, 20));
    assert!(again(&mut member, 21));
    assert!(again(&mut member, 21), "to every hello");
}

#[test]
fn hello_and_welcome_do_not_tick_the_clock() {
    let mut member = member(1, 3);
    let effects = member.must(hello(2));
    assert_eq!(sent(&effects), ["reply<1,1> to 2"]);
    assert_eq!(member.clock(), 1);
}

#[test]
fn a_hello_from_an_unsynced_peer_gets_a_hello_back() {
    let (mut member, _) = started(config(1, 3));
    let effects = member.must(hello(2));
    assert_eq!(sent(&effects), ["reply<1,1> to 2", "req<0,1> to 2"]);
}

#[test]
fn a_peer_that_starts_late_gets_the_request_at_once() {
    let mut member = waiting();
    member.must(reply(5, 3, 4));
    let effects = member.must(hello(1));
    assert_eq!(sent(&effects), ["reply<6,2> to 1", "req<4,2> to 1"]);
    assert_eq!(sent(&member.must(hello(3))).len(), 1, "it has replied");
}

#[test]
fn hellos_are_sent_again_and_more_often_while_a_request_waits() {
    let (mut member, mut effects) = started(config(1, 3));
    member.must(welcome(1, 3));
    for _ in 0..20 {
        effects = member.must(Event::Expired(timer(&effects).0));
        assert_eq!(sent(&effects), ["req<0,1> to 2"]);
    }
    assert_eq!(timer(&effects).1, MAX_IDLE_PAUSE);
    let mut effects = member.must(acquire());
    assert_eq!(timer(&effects).1, Pace::default().first);
    for _ in 0..20 {
        effects = member.must(Event::Expired(timer(&effects).0));
    }
    assert_eq!(timer(&effects).1, Pace::default().longest);
}

#[test]
fn an_original_peer_that_starts_late_gets_a_hello_within_a_minute_or_at_its_request() {
    let (mut member, mut effects) = started(config(1, 2));
    for _ in 0..20 {
        let (timer, after) = timer(&effects);
        assert!(after <= MAX_IDLE_PAUSE);
        effects = member.must(Event::Expired(timer));
        let [Effect::Send { repetition, .. }, ..] = effects[..] else {
            panic!("{effects:?}")
        };
        let is_rare = after >= Pace::default().longest;
        assert!(!is_rare || repetition == 0, "or it would be throttled");
    }
    let effects = member.must(original_request(2, 2, 50_000));
    assert_eq!(sent(&effects), ["req<0,1> to 2"]);
    let is_first = |effect: &Effect| matches!(effect, Effect::Send { repetition: 0, .. });
    assert!(effects.iter().any(is_first));
}

#[test]
fn a_clock_too_far_ahead_is_not_believed_but_asked_for() {
    let mut member = held();
    let far = 5 + MAX_JUMP + 1;
    let effects = member.must(request(far, 2));
    assert_eq!(sent(&effects), ["req<0,1> to 2"]);
    assert_eq!((member.clock(), member.queue()), (5, vec![]));
    let again = member.must_not(request(far, 2));
    assert!(matches!(again, Rejected::Clock(_)), "it is asked once");
    member.must(welcome(far, 2));
    assert_eq!(member.clock(), far, "its answer is believed");
    member.must(request(far, 2));
    assert_eq!(member.queue(), [stamp(far, 2)]);
}

#[test]
fn a_peer_that_does_not_confirm_a_clock_is_asked_a_few_times() {
    let mut member = held();
    let mut effects = member.must(request(MAX_JUMP * 3, 2));
    let mut hellos = 1;
    while let Some(Effect::SetTimer { timer, .. }) = effects.pop() {
        effects = member.must(Event::Expired(timer));
        hellos += u32::from(!effects.is_empty());
    }
    assert_eq!(hellos, MAX_SUSPECT_ROUNDS);
    assert!(member.suspect_clocks().is_empty());
}

#[test]
fn a_welcome_with_more_than_half_of_all_clocks_is_rejected() {
    let (mut member, _) = started(config(1, 2));
    let max = MAX_CLOCK / 2;
    let rejected = member.must_not(welcome(max + 1, 2));
    assert!(matches!(rejected, Rejected::Clock(_)));
    member.must(welcome(max, 2));
}
