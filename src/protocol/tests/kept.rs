//! Permissions that are kept, and tokens that are lent.

use super::*;
use crate::mutex::MAX_CLOCK;

/// Member 1 of 3, FREE, with the permissions of both others; its clock is 5.
fn with_permissions() -> Member {
    let mut member = held();
    member.must(release());
    member
}

/// Member 1 of 3, which has kept the permission of 2 and waits with a request of
/// clock 9 for that of 3.
fn waiting_for_3() -> Member {
    let mut member = with_permissions();
    member.must(request(6, 3));
    member.must(Event::Tick);
    assert_eq!(sent(&member.must(acquire())), [(3, "req<9,1>".into())]);
    member
}

fn ids(of: impl IntoIterator<Item = u16>) -> BTreeSet<NodeId> {
    of.into_iter().map(NodeId).collect()
}

fn kept(member: &Member) -> BTreeSet<NodeId> {
    member.kept(&lock()).clone()
}

fn delegate(entries: u64) -> Event {
    let lock = lock();
    Event::Delegate { lock, entries }
}

/// The clocks of the tokens that were lent.
fn lent(effects: &[Effect]) -> Vec<(u64, u64)> {
    let tokens = effects.iter().filter_map(|effect| match effect {
        Effect::Delegated { tokens, .. } => Some((tokens.first().get(), tokens.last().get())),
        _ => None,
    });
    tokens.collect()
}

#[test]
fn who_enters_again_before_anybody_else_has_asked_sends_nothing() {
    let mut member = with_permissions();
    assert_eq!(kept(&member), ids([2, 3]));
    for clock in 6..9 {
        let (lock, token) = (lock(), Token::new(clock));
        assert_eq!(member.must(acquire()), [Effect::Enter { lock, token }]);
        assert_eq!(member.last_request_clock(), Some(clock));
        let effects = member.must(release());
        assert!(matches!(effects[..], [Effect::Leave { .. }]));
    }
}

#[test]
fn only_who_has_asked_in_the_meantime_is_asked() {
    let mut member = with_permissions();
    assert_eq!(
        sent(&member.must(request(6, 3))),
        [(3, "reply<7,1>".into())]
    );
    assert_eq!(kept(&member), ids([2]));
    assert_eq!(sent(&member.must(acquire())), [(3, "req<8,1>".into())]);
    assert_eq!(sent(&resent(&mut member, 8)), [(3, "req<8,1>".into())]);
    member.must(reply(9, 3, 8));
    assert!(member.is_held());
    assert_eq!(member.clock(), 10, "the token is the clock at entry");
}

fn resent(member: &mut Member, request: u64) -> Vec<Effect> {
    let (lock, sent) = (lock(), 1);
    member.must(Event::Expired(Timer::Resend {
        lock,
        request,
        sent,
    }))
}

#[test]
fn whoever_waited_for_us_takes_its_permission_back_as_we_leave() {
    let mut member = held();
    member.must(request(6, 2));
    member.must(release());
    assert_eq!(kept(&member), ids([3]));
}

#[test]
fn what_is_given_away_while_waiting_is_asked_for_again() {
    let mut member = waiting_for_3();
    let effects = member.must(request(8, 2));
    assert_eq!(
        sent(&effects),
        [(2, "reply<10,1>".into()), (2, "req<9,1>".into())]
    );
    assert_eq!(kept(&member), ids([]));
    member.must(reply(10, 3, 9));
    assert!(!member.is_held(), "2 is in the section, for all we know");
    assert_eq!(
        sent(&resent(&mut member, 9)),
        [(2, "req<9,1>".into())],
        "the timer of the request asks again too"
    );
    member.must(reply(14, 2, 9));
    assert!(member.is_held());
}

#[test]
fn a_younger_request_of_a_peer_whose_permission_is_kept_is_deferred() {
    let mut member = waiting_for_3();
    assert_eq!(sent(&member.must(request(10, 2))), []);
    member.must(reply(10, 3, 9));
    assert!(member.is_held());
    member.must(release());
    assert_eq!(kept(&member), ids([3]));
}

#[test]
fn giving_up_keeps_what_was_given() {
    let mut member = waiting_for_3();
    member.must(request(10, 2));
    member.must(cancel());
    assert_eq!(kept(&member), ids([]), "2 was waiting");
    let mut member = waiting_for_3();
    member.must(cancel());
    assert_eq!(kept(&member), ids([2]));
}

#[test]
fn a_request_that_is_done_with_and_comes_again_takes_nothing_back() {
    let mut member = waiting_for_3();
    member.must(reply(10, 3, 9));
    member.must(release());
    let again = member.must(request(6, 3));
    assert_eq!(sent(&again), [(3, "reply<7,1>".into())], "the same reply");
    assert_eq!(kept(&member), ids([2, 3]));
}

#[test]
fn a_seed_peers_permission_serves_one_entry() {
    let mut member = member(1, 3);
    member.must(acquire());
    member.must(reply(3, 2, 2));
    let echo = RequestId {
        clock: 2,
        incarnation: NONCE,
    };
    let (lock, clock) = (lock(), 3);
    member.must(received(3, Origin::Seed, Body::Reply { lock, clock, echo }));
    member.must(release());
    assert_eq!(sent(&member.must(acquire())), [(3, "req<6,1>".into())]);
}

#[test]
fn a_seed_process_in_the_place_of_a_turno_node_gets_the_permission_too() {
    let mut member = with_permissions();
    let effects = member.must(seed_request(2, 3, 50_000));
    assert_eq!(sent(&effects), [(3, "reply<6,1>".into())]);
    assert_eq!(kept(&member), ids([2]));
}

#[test]
fn who_keeps_no_permissions_asks_everybody_for_every_entry() {
    let mut member = Member::new(Config {
        keeps_permissions: false,
        ..config(1, 2)
    });
    member.must(Event::Start);
    member.must(welcome(1, 2));
    for request in [2, 5] {
        let asked = format!("req<{request},1>");
        assert_eq!(sent(&member.must(acquire())), [(2, asked)]);
        member.must(reply(request + 1, 2, request));
        member.must(release());
    }
}

#[test]
fn while_another_node_claims_to_be_this_member_permissions_are_not_used() {
    let claim = |to| {
        let (clock, again) = (1, true);
        received(
            1,
            Origin::Turno(Incarnation(8)),
            Body::Welcome { clock, to, again },
        )
    };
    let mut member = held();
    member.must(claim(NONCE));
    member.must(release());
    let effects = member.must(acquire());
    assert_eq!(sent(&effects).len(), 2, "all are asked");
    assert_eq!(member.must_not(reply(9, 2, 6)), Rejected::Claimed);
    member.must(Event::Expired(Timer::Unclaim { claim: 1 }));
    member.must(reply(9, 2, 6));
    member.must(reply(9, 3, 6));
    assert!(member.is_held());

    let mut alone = Member::new(config(1, 1));
    alone.must(Event::Start);
    alone.must(claim(NONCE));
    assert_eq!(alone.must_not(acquire()), Rejected::Claimed);
    alone.must(Event::Expired(Timer::Unclaim { claim: 1 }));
    alone.must(acquire());
}

/// A restart skips `ahead` clocks, and a quarter of that is left for tokens.
#[test]
fn a_peer_that_has_heard_nothing_for_long_is_asked() {
    let enters_until_it_asks = |mut member: Member| {
        member.config.ahead = 20;
        member.must(release());
        for clock in 6..=8 {
            assert_eq!(sent(&member.must(acquire())), [], "{clock}");
            member.must(release());
        }
        sent(&member.must(acquire()))
    };
    // They have replied with clock 3.
    let asked = |peer| (peer, "req<9,1>".to_owned());
    assert_eq!(enters_until_it_asks(held()), [asked(2), asked(3)]);
    let mut has_heard_of_3 = held();
    has_heard_of_3.must(welcome(5, 3));
    assert_eq!(enters_until_it_asks(has_heard_of_3), [asked(2)]);
}

#[test]
fn tokens_are_lent_within_a_stay_and_all_that_is_said_later_is_past_them() {
    let mut member = held();
    assert_eq!(lent(&member.must(delegate(3))), [(6, 8)]);
    assert_eq!(lent(&member.must(delegate(1))), [(9, 9)]);
    assert_eq!(member.clock(), 9);
    assert_eq!(
        *member.state(&lock()),
        State::Held {
            token: Token::new(5)
        }
    );
    member.must(request(2, 2));
    assert_eq!(
        sent(&member.must(release())),
        [(2, "reply<10,1>".into())],
        "the next one gets past them"
    );
}

#[test]
fn tokens_are_lent_in_the_section_alone_and_not_without_end() {
    assert_eq!(waiting().must_not(delegate(1)), Rejected::NotHeld);
    assert_eq!(with_permissions().must_not(delegate(1)), Rejected::NotHeld);
    let mut member = held();
    for entries in [0, u64::MAX, member.config.ahead / 2 + 1] {
        assert_eq!(
            member.must_not(delegate(entries)),
            Rejected::NotDelegated(entries)
        );
    }
    member.must(delegate(member.config.ahead / 4));
    let more = member.config.ahead / 4;
    assert_eq!(
        member.must_not(delegate(more)),
        Rejected::NotDelegated(more)
    );
    // Asking lets the clock be heard.
    member.must(release());
    member.must(acquire());
    let request = member.last_request_clock().unwrap();
    for peer in [2, 3] {
        let _ = member.must(reply(request + 1, peer, request));
    }
    member.must(delegate(more));

    let mut alone = Member::new(config(1, 1));
    alone.must(Event::Start);
    alone.must(acquire());
    let rest = MAX_CLOCK - alone.clock();
    assert!(matches!(
        alone.must_not(delegate(rest + 1)),
        Rejected::Clock(_)
    ));
    assert_eq!(lent(&alone.must(delegate(rest))), [(3, MAX_CLOCK)]);
}

#[test]
fn a_clock_is_on_disk_before_it_is_lent() {
    let mut member = Member::new(Config {
        durability: Durability::Durable {
            below: 100,
            heard: true,
        },
        ahead: 50,
        ..config(1, 2)
    });
    member.must(Event::Start);
    member.must(acquire());
    member.must(reply(200, 2, 101));
    assert_eq!((member.clock(), member.reserved), (201, Some(251)));
    assert!(matches!(
        member.must(delegate(20))[..],
        [Effect::Delegated { .. }]
    ));
    let request = member.clock() + 1;
    member.must(release());
    member.must(request_of(request, 2, PEERS));
    member.must(acquire());
    member.must(reply(240, 2, member.clock()));
    let effects = member.must(delegate(20));
    assert!(
        matches!(
            effects[..],
            [Effect::Reserve { below: 311 }, Effect::Delegated { .. }]
        ),
        "{effects:?}"
    );
}

/// A name that was used once costs nothing, but for a few thousand whose
/// permissions are kept.
#[test]
fn a_million_names_that_were_used_once_are_forgotten() {
    let mut member = member(1, 2);
    let mut effects = Vec::new();
    let mut most = 0;
    for number in 0..1_000_000_u32 {
        let lock = LockName::new(&number.to_string()).unwrap();
        let mut take = |event| {
            effects.clear();
            member.handle(&event, &mut effects).unwrap();
            member.clock()
        };
        let clock = take(Event::Acquire(lock.clone()));
        let incarnation = NONCE;
        let echo = RequestId { clock, incarnation };
        let body = Body::Reply {
            lock: lock.clone(),
            clock: clock + 1,
            echo,
        };
        take(turno(2, body));
        take(Event::Release(lock));
        most = most.max(member.kept.len());
    }
    assert_eq!(most, MOST_KEPT);
    assert_eq!(member.locks().count(), 1, "the nameless one");
    let latest = LockName::new("999999").unwrap();
    assert_eq!(*member.kept(&latest), ids([2]));
    effects.clear();
    member
        .handle(&Event::Acquire(latest), &mut effects)
        .unwrap();
    assert_eq!(sent(&effects), [], "it is kept by name");
}
