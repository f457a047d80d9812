//! Random events, in any order.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use turno::internals::mutex::{
    Body, Config, First, Incarnation, LockName, Message, Mode, NodeId, Origin, RequestId,
};
use turno::internals::protocol::{Event, Member};

use super::config;
use super::member_laws::{MAX_FOREIGN_LOCKS, STEP, check};

const NONCE: Incarnation = Incarnation(7);

fn steps() -> impl Strategy<Value = Vec<[u8; STEP]>> {
    vec(any::<[u8; STEP]>(), 1..200)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_events_in_any_order_are_handled_lawfully(steps in steps()) {
        check(&steps.concat());
    }
}

/// A member that never enters would break no law either.
#[test]
fn random_events_lead_into_the_section() {
    let mut runner = TestRunner::deterministic();
    let drawn = (0..100).map(|_| steps().new_tree(&mut runner).expect("some steps"));
    let entries: Vec<u32> = drawn
        .map(|steps| check(&steps.current().concat()))
        .collect();
    let total: u32 = entries.iter().sum();
    let entered = entries.iter().filter(|entries| **entries > 0).count();
    assert!(total > 100 && entered > 25, "{total} entries in {entered}");
}

/// Every message about the lock of this number, from every id.
fn messages_about(number: u64, members: u16) -> Vec<Event> {
    let lock = LockName::new(&format!("strange {number}")).unwrap();
    let echo = RequestId {
        clock: number,
        incarnation: NONCE,
    };
    let (clock, again) = (number, true);
    let bodies = |lock: &LockName| {
        let lock = lock.clone();
        [
            Body::Hello,
            Body::Welcome {
                clock,
                to: Incarnation(number),
                again,
            },
            Body::Request {
                lock: lock.clone(),
                clock,
                is_try: again,
                mode: Mode::Shared,
            },
            Body::Note {
                lock: lock.clone(),
                clock,
                echo,
                first: First::Held,
            },
            Body::Reply {
                lock: lock.clone(),
                clock,
                echo,
            },
            Body::Superseded { lock, clock, echo },
        ]
    };
    let mut messages = Vec::new();
    for from in (0..=members + 1).map(NodeId) {
        for origin in [Origin::Original, Origin::Turno(Incarnation(number))] {
            for body in bodies(&lock)
                .into_iter()
                .chain(bodies(&LockName::default()))
            {
                messages.push(received(Message {
                    from,
                    origin,
                    view: None,
                    body,
                }));
            }
        }
    }
    messages
}

fn received(message: Message) -> Event {
    let reply_to = None;
    Event::Received { message, reply_to }
}

/// Member 1 of 3 after its start, with the clocks of its peers or without.
fn member(is_synced: bool) -> Member {
    let mut member = Member::new(Config::new(NodeId(1), 3, NONCE));
    let welcome = |from| {
        received(Message {
            from,
            origin: Origin::Turno(Incarnation(8)),
            view: None,
            body: Body::Welcome {
                clock: 1,
                to: NONCE,
                again: false,
            },
        })
    };
    let peers = [NodeId(2), NodeId(3)].map(welcome);
    let welcomes = peers.into_iter().filter(|_| is_synced);
    for event in [Event::Start].into_iter().chain(welcomes) {
        member.handle(&event, &mut Vec::new()).unwrap();
    }
    member
}

/// Requested locks, runs of peers, claims, clocks: nothing that peers send makes a
/// member keep more and more.
#[test]
fn endless_messages_of_peers_take_bounded_memory() {
    for (is_synced, wants) in [(false, true), (true, true), (true, false)] {
        let mut member = member(is_synced);
        let mut effects = Vec::new();
        if wants {
            let acquire = Event::Acquire(LockName::default());
            member.handle(&acquire, &mut effects).unwrap();
        }
        let mut numbers = 1000..;
        let mut size_after = |locks: usize| {
            for number in numbers.by_ref().take(locks) {
                for event in messages_about(number, 3) {
                    effects.clear();
                    let _ = member.handle(&event, &mut effects);
                }
            }
            format!("{member:?}").len()
        };
        let full = size_after(2 * MAX_FOREIGN_LOCKS);
        let later = size_after(MAX_FOREIGN_LOCKS);
        assert!(later < full + 100, "it keeps growing: {full}, {later}");
    }
}
