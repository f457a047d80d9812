//! Restarts: clocks on disk, clocks that were forgotten, and resumed entries.

use super::*;

#[test]
fn a_restarted_member_skips_as_many_clocks_as_it_may_have_been_ahead() {
    let (mut member, _) = started(Config {
        ahead: 100,
        ..config(1, 3)
    });
    member.must(acquire());
    let (clock, to, again) = (40, NONCE, true);
    member.must(turno(2, Body::Welcome { clock, to, again }));
    let effects = member.must(welcome(30, 3));
    assert_eq!(sent(&effects)[0], "req<141,1> to 2");
}

fn durable(below: u64, synced: bool) -> Config {
    Config {
        durability: Durability::Durable { below, synced },
        ahead: 100,
        ..config(1, 3)
    }
}

#[test]
fn a_bound_is_persisted_before_a_clock_is_sent() {
    let (mut member, effects) = started(durable(500, true));
    assert_eq!(effects[0], Effect::Reserve { below: 600 });
    assert_eq!(sent(&effects).len(), 2, "a hello to each");
    assert!(member.unsynced().is_empty(), "it need not wait for them");
    for _ in 500..599 {
        assert_eq!(member.must(Event::Tick), []);
    }
    let effects = member.must(acquire());
    assert_eq!(effects[0], Effect::Reserve { below: 700 });
    assert_eq!(sent(&effects)[0], "req<600,1> to 2");
}

#[test]
fn a_bound_above_a_received_clock_is_persisted_before_the_reply() {
    let (mut member, _) = started(durable(500, true));
    let effects = member.must(request(1000, 2));
    assert_eq!(effects[0], Effect::Reserve { below: 1101 });
    assert_eq!(sent(&effects), ["reply<1001,1> to 2"]);
}

#[test]
fn the_first_bound_is_persisted_once_all_clocks_are_known() {
    let (mut member, effects) = started(durable(1, false));
    assert!(!matches!(effects[0], Effect::Reserve { .. }));
    member.must(acquire());
    member.must(welcome(40, 2));
    let effects = member.must(welcome(30, 3));
    assert_eq!(effects[0], Effect::Reserve { below: 141 });
    assert_eq!(sent(&effects)[0], "req<41,1> to 2");
}

#[test]
fn a_member_restarted_from_disk_says_that_all_peers_may_have_run_before() {
    let again = |config| {
        let (mut member, _) = started(config);
        let effects = member.must(hello(2));
        matches!(sent_body(&effects, 0), Body::Welcome { again: true, .. })
    };
    assert!(again(durable(5, true)));
    assert!(!again(durable(1, false)), "it asks all peers first");
    assert!(!again(config(1, 3)));
}

#[test]
fn a_resumed_entry_goes_on_and_defers_requests() {
    let mut member = Member::new(config(1, 2));
    member.must(resume(7));
    member.must(Event::Start);
    member.must(request(9, 2));
    member.must(welcome(8, 2));
    assert_eq!(*member.state(&lock()), in_section(7));
    assert_eq!(member.queue().len(), 1);
    let effects = member.must(release());
    // Past all clocks that the earlier run may have sent.
    assert_eq!(sent(&effects), ["reply<1000010,1> to 2"]);
    assert!(member.kept(&lock()).is_empty());
}

#[test]
fn a_held_lock_resumes_no_second_entry() {
    let mut member = Member::new(config(1, 2));
    member.must(resume(7));
    assert_eq!(member.must_not(resume(9)), Rejected::NotFree);
}

/// The earlier run may have been delegated tokens that this one does not know: here 8 and
/// 9, which no other entry may get.
#[test]
fn a_resumed_entry_is_delegated_no_tokens_until_all_clocks_are_known() {
    let mut member = Member::new(config(1, 2));
    member.must(resume(7));
    member.must(Event::Start);
    assert_eq!(member.must_not(delegate(1)), Rejected::NotDelegated(1));
    member.must(welcome(8, 2));
    // Its clock is far past those tokens, and too far ahead of the peer's.
    assert_eq!(member.must_not(delegate(1)), Rejected::NotDelegated(1));
    assert!(member.clock() > 1_000_000);
}

/// The earlier run's clock may have been further ahead than all clocks known so far.
#[test]
fn leaving_a_resumed_entry_answers_no_request_until_all_clocks_are_known() {
    let mut member = Member::new(config(1, 3));
    member.must(resume(58));
    assert!(member.clock() >= 58);
    member.must(Event::Start);
    member.must(request(5, 2));
    member.must(welcome(4, 2));
    let effects = member.must(release());
    assert!(matches!(effects[..], [Effect::Leave { .. }]), "{effects:?}");
    assert_eq!(*member.state(&lock()), State::Free);
    let replies = sent(&member.must(welcome(3, 3)));
    assert_eq!(replies.len(), 1);
    assert!(replies[0].ends_with(" to 2"));
    assert!(member.clock() >= 58);
}
