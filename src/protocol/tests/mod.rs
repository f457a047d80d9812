//! The events and members here also serve the tests of what shows events.

use alloc::string::{String, ToString};
use alloc::vec;
use core::time::Duration;

use super::clock_sync::{MAX_IDLE_PAUSE, MAX_SUSPECT_ROUNDS};
use super::receive::MAX_UNSYNCED_LOCKS;
use super::*;
use crate::mutex::{MAX_CLOCK, MAX_JUMP, Pace, RequestId};

mod clock_sync;
mod delegation;
mod duplicate_id;
mod failover;
mod permissions;
mod repetition;
mod request;
mod restart;
mod shared;
mod tries;

const NONCE: Incarnation = Incarnation(7);
const PEERS: Incarnation = Incarnation(9);

fn config(id: u16, members: u16) -> Config {
    Config::new(NodeId(id), members, NONCE)
}

fn started(config: Config) -> (Member, Vec<Effect>) {
    let mut member = Member::new(config);
    let effects = member.must(Event::Start);
    (member, effects)
}

/// Member `id` of a group of `members`, with clock 1, that knows all other clocks.
fn member(id: u16, members: u16) -> Member {
    let (mut member, _) = started(config(id, members));
    for peer in (1..=members).filter(|peer| *peer != id) {
        member.must(welcome(1, peer));
    }
    assert!(member.unsynced().is_empty());
    member
}

/// Member `id` of a group of `members`, not started, with its clock, 1, on disk: it need
/// not ask the others for theirs.
pub(crate) fn unstarted(id: u16, members: u16) -> Member {
    let (below, synced) = (1, true);
    Member::new(Config {
        durability: Durability::Durable { below, synced },
        ..config(id, members)
    })
}

/// Member 1 of 3 in the section: it requested it at 2 and entered at 5.
fn held() -> Member {
    let mut member = member(1, 3);
    member.must(acquire());
    member.must(reply(3, 2, 2));
    member.must(reply(3, 3, 2));
    assert!(member.is_held());
    member
}

/// Member 1 of 3, FREE, with the permissions of both others; its clock is 5.
fn with_permissions() -> Member {
    let mut member = held();
    member.must(release());
    member
}

/// Member 2 of 3 waiting: it requested the section at 4.
fn waiting() -> Member {
    let mut member = member(2, 3);
    member.must(request(2, 1));
    member.must(acquire());
    assert_eq!(member.clock(), 4);
    member
}

fn lock() -> LockName {
    LockName::default()
}

fn named(text: &str) -> LockName {
    LockName::new(text).unwrap()
}

pub(crate) fn acquire() -> Event {
    Event::Acquire(lock())
}

pub(crate) fn release() -> Event {
    Event::Release(lock())
}

fn cancel() -> Event {
    Event::Cancel(lock())
}

fn delegate(entries: u64) -> Event {
    let lock = lock();
    Event::Delegate { lock, entries }
}

/// An entry of an earlier run, with the token of this clock.
fn resume(clock: u64) -> Event {
    let (lock, token, mode) = (lock(), Token::new(clock), Mode::Exclusive);
    Event::Resume { lock, token, mode }
}

/// An exclusive entry with the token of this clock.
fn entered(clock: u64) -> Effect {
    let (lock, token, mode) = (lock(), Token::new(clock), Mode::Exclusive);
    Effect::Enter { lock, token, mode }
}

/// The state of such an entry.
fn in_section(clock: u64) -> State {
    let (token, mode) = (Token::new(clock), Mode::Exclusive);
    State::Held { token, mode }
}

/// A peer waits for this member.
fn contended() -> Effect {
    Effect::Contended { lock: lock() }
}

fn ids(of: impl IntoIterator<Item = u16>) -> BTreeSet<NodeId> {
    of.into_iter().map(NodeId).collect()
}

fn stamp(clock: u64, id: u16) -> Timestamp {
    let id = NodeId(id);
    Timestamp { clock, id }
}

/// The echo of our request with this clock.
fn echo(clock: u64) -> RequestId {
    let incarnation = NONCE;
    RequestId { clock, incarnation }
}

pub(crate) fn received(id: u16, origin: Origin, body: Body) -> Event {
    received_from(None, id, origin, body)
}

/// A message that arrives from another address than the one in the member list.
fn received_from(reply_to: Option<SocketAddr>, id: u16, origin: Origin, body: Body) -> Event {
    let from = NodeId(id);
    let message = Message {
        from,
        origin,
        view: None,
        body,
    };
    Event::Received { message, reply_to }
}

pub(crate) fn turno(id: u16, body: Body) -> Event {
    received(id, Origin::Turno(PEERS), body)
}

fn request_of(clock: u64, id: u16, incarnation: Incarnation) -> Event {
    let lock = lock();
    let origin = Origin::Turno(incarnation);
    received(
        id,
        origin,
        Body::Request {
            lock,
            clock,
            is_try: false,
            mode: Mode::Exclusive,
        },
    )
}

/// A turno node's `req<clock,id>`, arriving.
pub(crate) fn request(clock: u64, id: u16) -> Event {
    request_of(clock, id, PEERS)
}

/// A turno node's `reply<clock,id>` to our request with clock `of`, arriving.
pub(crate) fn reply(clock: u64, id: u16, of: u64) -> Event {
    let (lock, echo) = (lock(), echo(of));
    turno(id, Body::Reply { lock, clock, echo })
}

/// The timer of our request with this clock expires.
pub(crate) fn resend(request: u64) -> Event {
    let (lock, sent) = (lock(), 1);
    Event::Expired(Timer::Resend {
        lock,
        request,
        sent,
    })
}

pub(crate) fn hello(id: u16) -> Event {
    turno(id, Body::Hello)
}

pub(crate) fn welcome(clock: u64, id: u16) -> Event {
    let (to, again) = (NONCE, false);
    turno(id, Body::Welcome { clock, to, again })
}

/// An original peer's `req<clock,id>`, arriving from this port.
fn original_request(clock: u64, id: u16, port: u16) -> Event {
    let lock = lock();
    let body = Body::Request {
        lock,
        clock,
        is_try: false,
        mode: Mode::Exclusive,
    };
    received_from(Some(address(port)), id, Origin::Original, body)
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

    /// Hands in an event that must be rejected and change nothing.
    fn must_not(&mut self, event: Event) -> Rejected {
        let before = self.clone();
        let mut effects = Vec::new();
        let rejected = self.handle(&event, &mut effects).expect_err("handled");
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

/// The messages among the effects: their heads and receivers.
fn sent(effects: &[Effect]) -> Vec<String> {
    let sent = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, message, .. } => Some(format!("{message} to {to}")),
        _ => None,
    });
    sent.collect()
}

/// The body of the message that was sent at this place.
fn sent_body(effects: &[Effect], place: usize) -> &Body {
    match &effects[place] {
        Effect::Send { message, .. } => &message.body,
        other => panic!("no message was sent, but {other:?}"),
    }
}

/// The timer that was set last, and its delay.
fn timer(effects: &[Effect]) -> (Timer, Duration) {
    match effects.last() {
        Some(Effect::SetTimer { timer, after }) => (timer.clone(), *after),
        other => panic!("no timer was set, but {other:?}"),
    }
}
