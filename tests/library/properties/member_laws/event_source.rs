//! Events from bytes, so that proptest and libFuzzer, which both generate bytes,
//! share one source. The numbers that matter (the member's clock, its request, the
//! ends of the clock's range) come far more often than by chance.

use std::net::SocketAddr;

use turno::internals::mutex::{
    Body, Config, Durability, First, Incarnation, LockName, Message, Mode, NodeId, Origin,
    RequestId, State, Timer,
};
use turno::internals::mutex::{MAX_CLOCK, MAX_JUMP};
use turno::internals::protocol::{Event, Member};

/// How many bytes an event takes. Any bytes make an event, and removing one event
/// leaves the others as they are.
pub const STEP: usize = 8;

/// How many locks the member may want.
pub const OWN_LOCKS: u8 = 3;

const OURS: Incarnation = Incarnation(7);

/// Turns bytes into events, and keeps what the bytes cannot hold.
#[derive(Default)]
pub struct EventSource {
    timers: Vec<Timer>,
    foreign: u64,
}

/// Reads which member it is, how large the group is, and what the member remembers.
pub fn config(bytes: &[u8]) -> Config {
    let members = 1 + u16::from(bytes[0] % 5);
    let id = NodeId(1 + u16::from(bytes[1]) % members);
    let mut config = Config::new(id, members, OURS);
    config.must_hear_itself = bytes[2].is_multiple_of(4);
    config.keeps_permissions = !bytes[7].is_multiple_of(4);
    let durability = bytes[3] % 3;
    if durability > 0 {
        config.durability = Durability::Durable {
            below: clock(bytes[4], bytes[5], 1),
            synced: durability == 1,
        };
    }
    config.ahead = match bytes[6] % 4 {
        0 => 1,
        1 => 10,
        2 => u64::MAX,
        _ => config.ahead,
    };
    config
}

fn own_lock(which: u8) -> LockName {
    let names = ["", "a", "b"];
    LockName::new(names[usize::from(which % OWN_LOCKS)]).expect("a short name")
}

/// Returns one of the clocks around which behaviour changes.
fn clock(which: u8, by: u8, around: u64) -> u64 {
    let by = u64::from(by);
    match which % 12 {
        0 => 0,
        1 => u64::MAX,
        2 => MAX_CLOCK - by % 3,
        3 => MAX_CLOCK / 2 + by % 3,
        4 => around.saturating_add(MAX_JUMP + by % 3 - 1),
        5 => around.saturating_add(by << 16),
        6 => around.saturating_sub(by % 8),
        7 => by,
        _ => around.saturating_add(by % 8),
    }
}

impl EventSource {
    /// Returns the event that a step stands for.
    pub fn event(&mut self, step: &[u8], member: &Member) -> Event {
        let lock = own_lock(step[1]);
        match step[0] % 32 {
            0 => Event::Start,
            1..=3 if step[2].is_multiple_of(2) => Event::AcquireShared(lock),
            1..=3 => Event::Acquire(lock),
            4 if step[2].is_multiple_of(2) => Event::TryShared(lock),
            4 => Event::Try(lock),
            5 => Event::Cancel(lock),
            6 => Event::Release(lock),
            7 if step[2].is_multiple_of(2) => Event::Return(lock),
            7 => Event::Release(lock),
            8 => delegate(step, lock, member),
            9 if step[2].is_multiple_of(2) => Event::Deny(lock),
            9 => Event::Tick,
            10..=12 if !self.timers.is_empty() => {
                let index = usize::from(step[1]) % self.timers.len();
                Event::Expired(self.timers[index].clone())
            }
            10..=13 => Event::Expired(self.timer(step, member)),
            14 => self.foreign_request(step, member),
            15..=17 => welcome(step, member),
            18..=23 => reply(step, member),
            _ => self.received(step, member),
        }
    }

    /// Keeps timers that were set, in force or not; the latest of them.
    pub fn keep_timers(&mut self, set: &[Timer]) {
        self.timers.extend_from_slice(set);
        let surplus = self.timers.len().saturating_sub(16);
        self.timers.drain(..surplus);
    }

    fn timer(&mut self, step: &[u8], member: &Member) -> Timer {
        let sent = [0, 1, 8, 9, u32::MAX][usize::from(step[3]) % 5];
        match step[2] % 3 {
            0 => Timer::Resend {
                lock: self.lock(step[1]),
                request: clock(step[4], step[5], request_of(member, &own_lock(step[1]))),
                sent,
            },
            1 => Timer::Hello { sent },
            _ => Timer::ForgetDuplicate {
                sightings: u64::from(step[3] % 4),
            },
        }
    }

    /// Returns a lock that the member may want, or an unknown one.
    fn lock(&mut self, which: u8) -> LockName {
        if which < 192 {
            return own_lock(which);
        }
        self.foreign += 1;
        LockName::new(&format!("foreign {}", self.foreign)).expect("a short name")
    }

    /// A request for an unknown lock.
    fn foreign_request(&mut self, step: &[u8], member: &Member) -> Event {
        let body = Body::Request {
            lock: self.lock(u8::MAX),
            clock: clock(step[4], step[5], member.clock()),
            is_try: step[6].is_multiple_of(2),
            mode: mode(step[6]),
        };
        arrived(step, member, body)
    }

    fn received(&mut self, step: &[u8], member: &Member) -> Event {
        let lock = self.lock(step[1]);
        let asked = request_of(member, &lock);
        let now = clock(step[4], step[5], member.clock());
        let echo = RequestId {
            clock: clock(step[6], step[7], asked),
            incarnation: incarnation(step[6]),
        };
        let body = match step[7] % 8 {
            0 => Body::Hello,
            1 => Body::Welcome {
                clock: now,
                to: incarnation(step[6]),
                again: step[1].is_multiple_of(2),
            },
            2 => Body::Reply {
                lock,
                clock: now,
                echo,
            },
            3 => Body::Superseded {
                lock,
                clock: now,
                echo,
            },
            4 => Body::Request {
                lock,
                clock: clock(step[4], step[5], asked),
                is_try: step[6].is_multiple_of(2),
                mode: mode(step[6]),
            },
            5 => Body::Note {
                lock,
                clock: now,
                echo,
                first: First::Held,
            },
            _ => Body::Request {
                lock,
                clock: now,
                is_try: step[6].is_multiple_of(2),
                mode: mode(step[6]),
            },
        };
        arrived(step, member, body)
    }
}

/// A delegation of a few entries, or of about as many as the clock may get ahead.
fn delegate(step: &[u8], lock: LockName, member: &Member) -> Event {
    let entries = match step[3] % 4 {
        0 => clock(step[4], step[5], member.config().ahead / 2),
        1 => clock(step[4], step[5], member.clock()),
        _ => u64::from(step[5] % 4),
    };
    Event::Delegate { lock, entries }
}

/// An answer to the member's hello.
fn welcome(step: &[u8], member: &Member) -> Event {
    let body = Body::Welcome {
        clock: clock(step[4] % 2 + 7, step[5], member.clock()),
        to: OURS,
        again: step[6] == 0,
    };
    arrived(step, member, body)
}

/// A permission for a request of the member, or the notice that it was superseded.
fn reply(step: &[u8], member: &Member) -> Event {
    let is_waiting = |which: &u8| matches!(member.state(&own_lock(*which)), State::Wait { .. });
    let lock = own_lock((0..OWN_LOCKS).find(is_waiting).unwrap_or(step[1]));
    let echo = RequestId {
        clock: request_of(member, &lock),
        incarnation: OURS,
    };
    let clock = clock(step[4] % 4 + 8, step[5], member.clock());
    let body = match step[6] {
        0 => Body::Superseded { lock, clock, echo },
        1..16 => Body::Note {
            lock,
            clock,
            echo,
            first: First::Ahead,
        },
        _ => Body::Reply { lock, clock, echo },
    };
    arrived(step, member, body)
}

fn arrived(step: &[u8], member: &Member, body: Body) -> Event {
    let from = sender(step[2], member);
    let origin = match step[3] % 8 {
        0 => Origin::Original,
        which => Origin::Turno(incarnation(which)),
    };
    let port = u16::from(step[3]);
    Event::Received {
        message: Message {
            from,
            origin,
            view: None,
            body,
        },
        reply_to: (origin == Origin::Original).then(|| SocketAddr::from(([127, 0, 0, 1], port))),
    }
}

/// Returns a peer most of the time, sometimes the member itself or no member.
fn sender(which: u8, member: &Member) -> NodeId {
    let Config { id, members, .. } = *member.config();
    if which < 224 && members > 1 {
        let steps_on = 1 + u16::from(which) % (members - 1);
        return NodeId((id.0 - 1 + steps_on) % members + 1);
    }
    [id, NodeId(0), NodeId(members + 1), NodeId(u16::MAX)][usize::from(which) % 4]
}

fn incarnation(which: u8) -> Incarnation {
    Incarnation([20, 20, 20, OURS.0, 21, 0][usize::from(which) % 6])
}

/// The mode of a request, independent of whether it is a try.
fn mode(which: u8) -> Mode {
    match which / 2 % 2 {
        0 => Mode::Exclusive,
        _ => Mode::Shared,
    }
}

/// Returns the clock of the member's request for this lock, or its own clock.
fn request_of(member: &Member, lock: &LockName) -> u64 {
    match member.state(lock) {
        State::Wait { request, .. } => request.clock,
        _ => member.clock(),
    }
}
