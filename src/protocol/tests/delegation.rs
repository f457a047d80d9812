//! Tokens that are delegated to a holder.

use super::*;

/// The first and last clock of the tokens that were delegated.
fn delegated(effects: &[Effect]) -> Vec<(u64, u64)> {
    let tokens = effects.iter().filter_map(|effect| match effect {
        Effect::Delegated { tokens, .. } => Some((tokens.first().get(), tokens.last().get())),
        _ => None,
    });
    tokens.collect()
}

#[test]
fn delegated_tokens_are_past_the_entry_and_later_messages_past_them() {
    let mut member = held();
    assert_eq!(delegated(&member.must(delegate(3))), [(6, 8)]);
    assert_eq!(delegated(&member.must(delegate(1))), [(9, 9)]);
    assert_eq!(member.clock(), 9);
    assert_eq!(*member.state(&lock()), in_section(5));
    member.must(request(2, 2));
    let effects = member.must(release());
    assert_eq!(sent(&effects), ["reply<10,1> to 2"]);
}

#[test]
fn tokens_are_delegated_only_to_a_holder_and_in_a_bounded_number() {
    assert_eq!(waiting().must_not(delegate(1)), Rejected::NotHeld);
    assert_eq!(with_permissions().must_not(delegate(1)), Rejected::NotHeld);
    let mut member = held();
    for entries in [0, u64::MAX, member.config.ahead / 2 + 1] {
        let rejected = member.must_not(delegate(entries));
        assert_eq!(rejected, Rejected::NotDelegated(entries));
    }
    let quarter = member.config.ahead / 4;
    member.must(delegate(quarter));
    let rejected = member.must_not(delegate(quarter));
    assert_eq!(rejected, Rejected::NotDelegated(quarter));
    // The next request takes the clock to the peers.
    member.must(release());
    member.must(acquire());
    let request = member.last_request_clock().unwrap();
    for peer in [2, 3] {
        let _ = member.must(reply(request + 1, peer, request));
    }
    member.must(delegate(quarter));

    let (mut alone, _) = started(config(1, 1));
    alone.must(acquire());
    let rest = MAX_CLOCK - alone.clock();
    let rejected = alone.must_not(delegate(rest + 1));
    assert!(matches!(rejected, Rejected::Clock(_)));
    assert_eq!(delegated(&alone.must(delegate(rest))), [(3, MAX_CLOCK)]);
}

#[test]
fn a_bound_is_persisted_before_tokens_are_delegated() {
    let (below, synced) = (100, true);
    let (mut member, _) = started(Config {
        durability: Durability::Durable { below, synced },
        ahead: 50,
        ..config(1, 2)
    });
    member.must(acquire());
    member.must(reply(200, 2, 101));
    assert_eq!((member.clock(), member.reserved), (201, Some(251)));
    let effects = member.must(delegate(20));
    assert!(matches!(effects[..], [Effect::Delegated { .. }]));
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
