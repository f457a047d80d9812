use alloc::string::{String, ToString};
use alloc::vec;
use core::time::Duration;

use super::clock_sync::UNHURRIED;
use super::*;
use crate::mutex::MAX_JUMP;
use crate::mutex::Pace;
use crate::mutex::{RequestId, Token};

mod clock_sync;
mod kept;
mod request;

const NONCE: Incarnation = Incarnation(7);
const PEERS: Incarnation = Incarnation(9);

fn config(id: u16, members: u16) -> Config {
    Config::new(NodeId(id), members, NONCE)
}

/// Member `id` of a group of `members`, with clock 1, that has heard all others.
fn member(id: u16, members: u16) -> Member {
    let mut member = Member::new(config(id, members));
    member.must(Event::Start);
    for peer in (1..=members).filter(|peer| *peer != id) {
        member.must(welcome(1, peer));
    }
    assert!(member.unsynced().is_empty());
    member
}

fn lock() -> LockName {
    LockName::default()
}

fn acquire() -> Event {
    Event::Acquire(lock())
}

fn release() -> Event {
    Event::Release(lock())
}

fn cancel() -> Event {
    Event::Cancel(lock())
}

/// A peer waits for this member.
fn contended() -> Effect {
    Effect::Contended { lock: lock() }
}

fn stamp(clock: u64, id: u16) -> Timestamp {
    let id = NodeId(id);
    Timestamp { clock, id }
}

fn received(id: u16, origin: Origin, body: Body) -> Event {
    Event::Received {
        message: Message {
            from: NodeId(id),
            origin,
            body,
        },
        reply_to: None,
    }
}

fn turno(id: u16, body: Body) -> Event {
    received(id, Origin::Turno(PEERS), body)
}

fn request_of(clock: u64, id: u16, incarnation: Incarnation) -> Event {
    let lock = lock();
    received(
        id,
        Origin::Turno(incarnation),
        Body::Request { lock, clock },
    )
}

/// A turno node's `req<clock,id>`, arriving.
fn request(clock: u64, id: u16) -> Event {
    request_of(clock, id, PEERS)
}

/// A turno node's `reply<clock,id>` to our request of clock `echo`, arriving.
fn reply(clock: u64, id: u16, echo: u64) -> Event {
    turno(
        id,
        Body::Reply {
            lock: lock(),
            clock,
            echo: RequestId {
                clock: echo,
                incarnation: NONCE,
            },
        },
    )
}

fn welcome(clock: u64, id: u16) -> Event {
    let to = NONCE;
    turno(
        id,
        Body::Welcome {
            clock,
            to,
            again: false,
        },
    )
}

/// A seed peer's `req<clock,id>`, arriving from this port.
fn seed_request(clock: u64, id: u16, port: u16) -> Event {
    Event::Received {
        message: Message {
            from: NodeId(id),
            origin: Origin::Seed,
            body: Body::Request {
                lock: lock(),
                clock,
            },
        },
        reply_to: Some(address(port)),
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

impl Member {
    fn must(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.handle(&event, &mut effects)
            .unwrap_or_else(|rejected| panic!("{event:?} was rejected: {rejected}"));
        effects
    }

    /// Hands in an event that must be refused and change nothing.
    fn must_not(&mut self, event: Event) -> Rejected {
        let before = self.clone();
        let mut effects = Vec::new();
        let rejected = self.handle(&event, &mut effects).expect_err("it was taken");
        assert_eq!(*self, before, "a rejected event changed the member");
        assert_eq!(effects, [], "a rejected event had effects");
        rejected
    }

    fn is_held(&self) -> bool {
        matches!(self.state(&lock()), State::Held { .. })
    }

    fn queue(&self) -> Vec<Timestamp> {
        let queue = self.reply_queue(&lock());
        queue.iter().map(|deferred| deferred.request).collect()
    }
}

/// The messages among the effects: to whom, and their heads.
fn sent(effects: &[Effect]) -> Vec<(u16, String)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { to, message, .. } => Some((to.0, message.to_string())),
            _ => None,
        })
        .collect()
}

/// The pause that a timer was set for.
fn pause(effects: &[Effect]) -> Duration {
    match effects.last() {
        Some(Effect::SetTimer { after, .. }) => *after,
        other => panic!("no timer was set, but {other:?}"),
    }
}

/// Member 1 of 3 in the section: it has asked at 2 and entered at 5.
fn held() -> Member {
    let mut member = member(1, 3);
    member.must(acquire());
    member.must(reply(3, 2, 2));
    member.must(reply(3, 3, 2));
    assert!(member.is_held());
    member
}

/// Member 2 of 3 waiting: it has asked at 4.
fn waiting() -> Member {
    let mut member = member(2, 3);
    member.must(request(2, 1));
    member.must(acquire());
    assert_eq!(member.clock(), 4);
    member
}
