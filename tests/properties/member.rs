//! Events drawn at random, in any order.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use turno::internals::mutex::{
    Body, Config, Incarnation, LockName, Message, NodeId, Origin, RequestId,
};
use turno::internals::protocol::{Event, Member};

use crate::config;
use crate::member_laws::{MOST_LOCKS_OF_OTHERS, STEP, check};

const NONCE: Incarnation = Incarnation(7);

fn steps() -> impl Strategy<Value = Vec<[u8; STEP]>> {
    vec(any::<[u8; STEP]>(), 1..200)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_events_in_any_order_are_taken_lawfully(steps in steps()) {
        check(&steps.concat());
    }
}

/// Who never enters breaks no law either.
#[test]
fn events_at_random_lead_into_the_section() {
    let mut runner = TestRunner::deterministic();
    let drawn = (0..100).map(|_| steps().new_tree(&mut runner).expect("some steps"));
    let entries: Vec<u32> = drawn
        .map(|steps| check(&steps.current().concat()))
        .collect();
    let total: u32 = entries.iter().sum();
    let entered = entries.iter().filter(|entries| **entries > 0).count();
    assert!(total > 100 && entered > 25, "{total} entries in {entered}");
}

/// Everything that can be said about the lock of this number, from every id.
fn said_of(number: u64, members: u16) -> Vec<Event> {
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
            },
            Body::Reply {
                lock: lock.clone(),
                clock,
                echo,
            },
            Body::Superseded { lock, clock, echo },
        ]
    };
    let mut said = Vec::new();
    for from in (0..=members + 1).map(NodeId) {
        for origin in [Origin::Seed, Origin::Turno(Incarnation(number))] {
            for body in bodies(&lock)
                .into_iter()
                .chain(bodies(&LockName::default()))
            {
                said.push(received(Message { from, origin, body }));
            }
        }
    }
    said
}

fn received(message: Message) -> Event {
    let reply_to = None;
    Event::Received { message, reply_to }
}

/// Member 1 of 3 that has begun, and heard the clocks or not.
fn member(has_heard: bool) -> Member {
    let mut member = Member::new(Config::new(NodeId(1), 3, NONCE));
    let welcome = |from| {
        received(Message {
            from,
            origin: Origin::Turno(Incarnation(8)),
            body: Body::Welcome {
                clock: 1,
                to: NONCE,
                again: false,
            },
        })
    };
    let peers = [NodeId(2), NodeId(3)].map(welcome);
    let heard = peers.into_iter().filter(|_| has_heard);
    for event in [Event::Start].into_iter().chain(heard) {
        member.handle(&event, &mut Vec::new()).unwrap();
    }
    member
}

/// Locks that are asked for, runs of peers, claims, clocks: of nothing that
/// others say is there more and more to be kept in mind.
#[test]
fn whatever_others_say_without_end_is_not_kept_in_mind_without_end() {
    for (has_heard, wants) in [(false, true), (true, true), (true, false)] {
        let mut member = member(has_heard);
        let mut effects = Vec::new();
        if wants {
            let acquire = Event::Acquire(LockName::default());
            member.handle(&acquire, &mut effects).unwrap();
        }
        let mut numbers = 1000..;
        let mut kept_after = |numbers_more: usize| {
            for number in numbers.by_ref().take(numbers_more) {
                for event in said_of(number, 3) {
                    effects.clear();
                    let _ = member.handle(&event, &mut effects);
                }
            }
            format!("{member:?}").len()
        };
        let full = kept_after(2 * MOST_LOCKS_OF_OTHERS);
        let later = kept_after(MOST_LOCKS_OF_OTHERS);
        assert!(later < full + 100, "it goes on growing: {full}, {later}");
    }
}
