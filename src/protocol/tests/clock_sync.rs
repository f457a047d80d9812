//! Starting, starting anew, and clocks that cannot be believed.

use super::*;

fn hello(id: u16) -> Event {
    turno(id, Body::Hello)
}

fn durable(below: u64, heard: bool) -> Config {
    Config {
        durability: Durability::Durable { below, heard },
        ahead: 100,
        ..config(1, 3)
    }
}

fn started(config: Config) -> (Member, Vec<Effect>) {
    let mut member = Member::new(config);
    let effects = member.must(Event::Start);
    (member, effects)
}

#[test]
fn a_member_that_has_forgotten_its_clock_greets_all_and_asks_nobody_before_they_answer() {
    let (mut member, effects) = started(config(1, 3));
    assert_eq!(
        sent(&effects),
        [(2, "req<0,1>".into()), (3, "req<0,1>".into())]
    );
    member.must(acquire());
    assert!(member.is_wanted(&lock()));
    assert_eq!(member.must_not(acquire()), Rejected::NotFree);
    assert_eq!(member.must(welcome(40, 3)), []);
    let effects = member.must(welcome(30, 2));
    assert_eq!(
        sent(&effects),
        [(2, "req<41,1>".into()), (3, "req<41,1>".into())],
        "above all clocks that were heard"
    );
    assert!(!member.is_wanted(&lock()));
}

#[test]
fn what_is_wanted_can_be_given_up_before_all_are_heard() {
    let (mut member, _) = started(config(1, 2));
    member.must(acquire());
    member.must(cancel());
    assert_eq!(member.must(welcome(40, 2)), []);
    assert_eq!(member.state(&lock()), &State::Free);
}

#[test]
fn only_an_answer_to_this_run_says_the_clock() {
    let (mut member, _) = started(config(1, 2));
    let to_another = Body::Welcome {
        clock: 40,
        to: Incarnation(6),
        again: false,
    };
    assert_eq!(
        member.must_not(turno(2, to_another)),
        Rejected::StaleWelcome
    );
    member.must(request(5, 2));
    member.must(hello(2));
    assert_eq!(member.unsynced().len(), 1, "these may be old");
}

#[test]
fn whoever_asks_is_answered_when_all_are_heard_and_not_before() {
    let (mut member, _) = started(config(1, 3));
    let effects = member.must(request(5, 2));
    let hellos = [(2, "req<0,1>".into()), (3, "req<0,1>".into())];
    assert_eq!(sent(&effects), hellos, "now somebody waits for the clocks");
    assert_eq!(sent(&member.must(request(6, 2))), hellos[..1]);
    member.must(welcome(5, 2));
    let effects = member.must(welcome(40, 3));
    assert_eq!(sent(&effects), [(2, "reply<40,1>".into())]);
    assert!(member.queue().is_empty());
}

#[test]
fn whoever_asks_for_locks_without_end_before_all_are_heard_is_not_kept_in_mind_without_end() {
    let (mut member, _) = started(config(1, 3));
    let request = |clock: u64, id| {
        let lock = LockName::new(&clock.to_string()).unwrap();
        turno(id, Body::Request { lock, clock })
    };
    let most = MOST_LOCKS_OF_OTHERS as u64;
    for clock in 1..=most {
        member.must(request(clock, 2));
    }
    assert_eq!(
        member.must_not(request(most + 1, 2)),
        Rejected::TooManyLocks
    );
    member.must(request(most, 3));
    member.must(seed_request(1, 3, 50_000));

    member.must(welcome(1, 2));
    let effects = member.must(welcome(1, 3));
    assert_eq!(sent(&effects).len(), 1024 + 2, "they are answered");
    assert_eq!(member.locks().count(), 1, "and forgotten");
    let effects = member.must(request(most + 1, 2));
    assert_eq!(sent(&effects).len(), 1, "it has asked again");
}

#[test]
fn who_is_known_to_have_run_before_skips_what_it_may_have_been_ahead() {
    let again = |clock, id| {
        let (to, again) = (NONCE, true);
        turno(id, Body::Welcome { clock, to, again })
    };
    let (mut member, _) = started(Config {
        ahead: 100,
        ..config(1, 3)
    });
    member.must(acquire());
    member.must(again(40, 2));
    let effects = member.must(welcome(30, 3));
    assert_eq!(sent(&effects)[0].1, "req<141,1>");
}

#[test]
fn a_peer_is_told_whether_an_earlier_run_of_it_was_heard() {
    let (mut member, _) = started(config(1, 3));
    let is_told = |member: &mut Member, run| {
        let origin = Origin::Turno(Incarnation(run));
        let effects = member.must(received(2, origin, Body::Hello));
        let Effect::Send { message, .. } = &effects[0] else {
            panic!("{effects:?}")
        };
        matches!(message.body, Body::Welcome { again: true, .. })
    };
    assert!(!is_told(&mut member, 20));
    assert!(!is_told(&mut member, 20));
    assert!(is_told(&mut member, 21));
    assert!(is_told(&mut member, 21), "however often it asks");
}

#[test]
fn a_welcome_is_no_event_for_either_clock() {
    let mut member = member(1, 3);
    let effects = member.must(hello(2));
    assert_eq!(sent(&effects), [(2, "reply<1,1>".into())]);
    assert_eq!(member.clock(), 1);
}

#[test]
fn whoever_is_greeted_by_one_that_it_has_not_heard_greets_it_too() {
    let (mut member, _) = started(config(1, 3));
    let effects = member.must(hello(2));
    assert_eq!(
        sent(&effects),
        [(2, "reply<1,1>".into()), (2, "req<0,1>".into())]
    );
}

#[test]
fn a_peer_that_starts_late_is_asked_at_once_what_it_has_missed() {
    let mut member = waiting();
    member.must(reply(5, 3, 4));
    let effects = member.must(hello(1));
    assert_eq!(
        sent(&effects),
        [(1, "reply<6,2>".into()), (1, "req<4,2>".into())]
    );
    assert_eq!(sent(&member.must(hello(3))).len(), 1, "it has replied");
}

#[test]
fn those_that_do_not_answer_are_greeted_again_and_more_often_when_something_is_wanted() {
    let (mut member, mut effects) = started(config(1, 3));
    member.must(welcome(1, 3));
    for _ in 0..20 {
        let Some(Effect::SetTimer { timer, .. }) = effects.pop() else {
            panic!("no timer was set")
        };
        effects = member.must(Event::Expired(timer));
        assert_eq!(sent(&effects), [(2, "req<0,1>".into())]);
    }
    assert_eq!(pause(&effects), UNHURRIED);
    let mut effects = member.must(acquire());
    assert_eq!(pause(&effects), Pace::default().first);
    for _ in 0..20 {
        let Some(Effect::SetTimer { timer, .. }) = effects.pop() else {
            panic!("no timer was set")
        };
        effects = member.must(Event::Expired(timer));
    }
    assert_eq!(pause(&effects), Pace::default().longest);
}

#[test]
fn a_clock_that_survives_on_disk_is_reserved_before_it_is_told_to_anybody() {
    let (mut member, effects) = started(durable(500, true));
    assert_eq!(effects[0], Effect::Reserve { below: 600 });
    assert_eq!(sent(&effects).len(), 2, "a hello to each");
    assert!(member.unsynced().is_empty(), "it need not wait for them");
    for _ in 500..599 {
        assert_eq!(member.must(Event::Tick), []);
    }
    let effects = member.must(acquire());
    assert_eq!(effects[0], Effect::Reserve { below: 700 });
    assert_eq!(sent(&effects)[0].1, "req<600,1>");
}

#[test]
fn a_received_clock_is_reserved_before_it_is_answered() {
    let (mut member, _) = started(durable(500, true));
    let effects = member.must(request(1000, 2));
    assert_eq!(effects[0], Effect::Reserve { below: 1101 });
    assert_eq!(sent(&effects), [(2, "reply<1001,1>".into())]);
}

#[test]
fn a_new_state_is_written_only_when_all_are_heard() {
    let (mut member, effects) = started(durable(1, false));
    assert!(!matches!(effects[0], Effect::Reserve { .. }));
    member.must(acquire());
    member.must(welcome(40, 2));
    let effects = member.must(welcome(30, 3));
    assert_eq!(effects[0], Effect::Reserve { below: 141 });
    assert_eq!(sent(&effects)[0].1, "req<41,1>");
}

#[test]
fn a_clock_too_far_ahead_is_not_taken_but_asked_for() {
    let mut member = held();
    let far = 5 + MAX_JUMP + 1;
    let effects = member.must(request(far, 2));
    assert_eq!(sent(&effects), [(2, "req<0,1>".into())]);
    assert_eq!((member.clock(), member.queue()), (5, vec![]));
    let again = member.must_not(request(far, 2));
    assert!(matches!(again, Rejected::Clock(_)), "once is enough");
    member.must(welcome(far, 2));
    assert_eq!(member.clock(), far, "it says so itself");
    member.must(request(far, 2));
    assert_eq!(member.queue(), [stamp(far, 2)]);
}

#[test]
fn a_peer_that_does_not_confirm_a_clock_is_asked_a_few_times() {
    let mut member = held();
    let mut effects = member.must(request(MAX_JUMP * 3, 2));
    let mut greetings = 1;
    while let Some(Effect::SetTimer { timer, .. }) = effects.pop() {
        effects = member.must(Event::Expired(timer));
        greetings += u32::from(!effects.is_empty());
    }
    assert_eq!(greetings, MAX_SUSPECT_ROUNDS);
    assert!(member.suspect_clocks().is_empty());
}

#[test]
fn nobody_tells_of_more_than_half_the_clocks() {
    let (mut member, _) = started(config(1, 2));
    let most = crate::mutex::MAX_CLOCK / 2;
    assert!(matches!(
        member.must_not(welcome(most + 1, 2)),
        Rejected::Clock(_)
    ));
    member.must(welcome(most, 2));
}

fn from_another_run(body: Body) -> Event {
    Event::Received {
        message: Message {
            from: NodeId(1),
            origin: Origin::Turno(Incarnation(8)),
            body,
        },
        reply_to: Some(address(50_000)),
    }
}

#[test]
fn two_nodes_with_one_id_notice_each_other_and_neither_enters() {
    let mut member = member(1, 2);
    member.must(acquire());
    let answered = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Send {
                reply_to, message, ..
            } => Some((*reply_to, message.to_string())),
            _ => None,
        })
    };
    let its_answer = |to: u64, again: bool| {
        let (clock, to) = (1, Incarnation(to));
        from_another_run(Body::Welcome { clock, to, again })
    };
    let to_it = Some((Some(address(50_000)), "reply<2,1>".to_owned()));
    let effects = member.must(from_another_run(Body::Hello));
    assert_eq!(answered(&effects), to_it, "the other one notices too");
    assert!(!member.is_claimed(), "it may be long gone");
    member.must_not(its_answer(NONCE.0 + 1, false));
    assert!(!member.is_claimed(), "so may be who answers an earlier run");
    let effects = member.must(its_answer(NONCE.0, false));
    assert_eq!(answered(&effects), to_it);
    assert!(member.is_claimed());
    assert_eq!(member.must_not(reply(9, 2, 2)), Rejected::Claimed);

    // It goes on claiming, and then it is gone.
    let effects = member.must(its_answer(NONCE.0, true));
    assert_eq!(answered(&effects), None, "or there would be no end of it");
    let unclaim = |claim| Event::Expired(Timer::Unclaim { claim });
    assert_eq!(member.must_not(unclaim(1)), Rejected::StaleTimer);
    member.must(unclaim(2));
    member.must(reply(9, 2, 2));
    assert!(member.is_held());
}

#[test]
fn a_node_that_may_not_be_where_the_list_says_must_hear_itself_there() {
    let must_hear_itself = true;
    let (mut member, effects) = started(Config {
        must_hear_itself,
        ..config(1, 2)
    });
    assert_eq!(
        sent(&effects),
        [(1, "req<0,1>".into()), (2, "req<0,1>".into())]
    );
    member.must(acquire());
    member.must(welcome(1, 2));
    assert!(member.is_wanted(&lock()));
    let effects = member.must(received(1, Origin::Turno(NONCE), Body::Hello));
    assert_eq!(sent(&effects), [(2, "req<2,1>".into())]);
    assert!(!member.is_claimed());
}

#[test]
fn a_seed_peer_that_starts_late_is_greeted_within_a_minute_and_at_once_when_it_asks() {
    let (mut member, mut effects) = started(config(1, 2));
    for _ in 0..20 {
        let Some(Effect::SetTimer { timer, after }) = effects.pop() else {
            panic!("it greets on")
        };
        assert!(after <= UNHURRIED);
        effects = member.must(Event::Expired(timer));
        let [Effect::Send { repetition, .. }, ..] = effects[..] else {
            panic!("{effects:?}")
        };
        let is_seldom = after >= Pace::default().longest;
        assert!(!is_seldom || repetition == 0, "or it would be spared");
    }
    let effects = member.must(seed_request(2, 2, 50_000));
    assert_eq!(sent(&effects), [(2, "req<0,1>".into())]);
    let is_first = |effect: &Effect| matches!(effect, Effect::Send { repetition: 0, .. });
    assert!(effects.iter().any(is_first));
}

#[test]
fn who_went_on_from_disk_cannot_know_who_ran_before_and_says_that_all_may_have() {
    let again = |config| {
        let (mut member, _) = started(config);
        let effects = member.must(hello(2));
        let Effect::Send { message, .. } = &effects[0] else {
            panic!("{effects:?}")
        };
        matches!(message.body, Body::Welcome { again: true, .. })
    };
    assert!(again(durable(5, true)));
    assert!(!again(durable(1, false)), "it hears all first");
    assert!(!again(config(1, 3)));
}

#[test]
fn an_entry_of_an_earlier_run_goes_on_and_whoever_asks_waits_for_its_end() {
    let mut member = Member::new(config(1, 2));
    let (lock, token) = (lock(), Token::new(7));
    member.must(Event::Resume { lock, token });
    member.must(Event::Start);
    member.must(request(9, 2));
    member.must(welcome(8, 2));
    assert_eq!(*member.state(&super::lock()), State::Held { token });
    assert_eq!(member.reply_queue(&super::lock()).len(), 1);
    let effects = member.must(release());
    // Past all that it may have said before.
    assert_eq!(sent(&effects), [(2, "reply<1000010,1>".into())]);
    assert!(member.kept(&super::lock()).is_empty());
}

#[test]
fn a_lock_that_is_held_takes_up_no_second_entry() {
    let mut member = Member::new(config(1, 2));
    let resume = |clock| {
        let (lock, token) = (lock(), Token::new(clock));
        Event::Resume { lock, token }
    };
    member.must(resume(7));
    assert_eq!(member.must_not(resume(9)), Rejected::NotFree);
}

/// The earlier run may have had tokens lent that this one knows nothing of: here 8
/// and 9, which nobody else may ever get.
#[test]
fn to_an_entry_that_was_resumed_nothing_is_lent_before_all_clocks_are_heard() {
    let mut member = Member::new(config(1, 2));
    let (lock, token) = (lock(), Token::new(7));
    member.must(Event::Resume { lock, token });
    member.must(Event::Start);
    let delegate = || Event::Delegate {
        lock: super::lock(),
        entries: 1,
    };
    assert_eq!(member.must_not(delegate()), Rejected::NotDelegated(1));
    member.must(welcome(8, 2));
    // It is far past all that was lent, and too far ahead of the other one to go on.
    assert_eq!(member.must_not(delegate()), Rejected::NotDelegated(1));
    assert!(member.clock() > 1_000_000);
}

/// Its clock may have been further ahead than that of anybody it has heard so far.
#[test]
fn who_has_resumed_an_entry_replies_to_nobody_before_all_are_heard() {
    let mut member = Member::new(config(1, 3));
    let (lock, token) = (lock(), Token::new(58));
    member.must(Event::Resume { lock, token });
    assert!(member.clock() >= 58);
    member.must(Event::Start);
    member.must(request(5, 2));
    member.must(welcome(4, 2));
    let effects = member.must(release());
    assert!(matches!(effects[..], [Effect::Leave { .. }]), "{effects:?}");
    assert_eq!(*member.state(&super::lock()), State::Free);
    let effects = member.must(welcome(3, 3));
    let replies = sent(&effects);
    assert_eq!(replies.len(), 1);
    assert_eq!(replies[0].0, 2);
    assert!(member.clock() >= 58);
}
