//! One line of a trace, as data.

use serde::{Deserialize, Serialize};

use crate::mutex::{
    Body, Effect, LockName, Message, NodeId, Origin, Rejected, State, Timer, Timestamp,
};
use crate::protocol::{Event, Member};

/// The version of the format. A reader refuses any other.
pub const VERSION: u32 = 1;

/// The first line of a file: whose trace it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`].
    pub turno_trace: u32,
    /// Which member.
    pub id: u16,
    /// How many members there are.
    pub members: u16,
    /// The run, 16 hexadecimal digits.
    pub run: String,
}

/// Any other line: something that happened to the member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The time: microseconds since 1970, or since the simulation began.
    pub at: u64,
    /// What happened.
    pub event: EventKind,
    /// The message, of [`EventKind::Received`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageRecord>,
    /// Why it changed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
    /// The comparison of two requests that decided, as in `(3,2) < (5,1)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The lock; without it the original's one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The Lamport clock, after it.
    pub clock: u64,
    /// FREE, WAIT or HELD, after it.
    pub state: Phase,
    /// The clock of the request that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// The fencing token of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<u64>,
    /// Whose replies are deferred after it: the requests, as (clock, id).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queue: Vec<(u64, u16)>,
    /// What was sent, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<MessageRecord>,
}

/// What can happen to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// It began to take part.
    Start,
    /// Somebody there wants the section.
    Acquire,
    /// Whoever wanted it gave up.
    Cancel,
    /// The section was left.
    Release,
    /// In the section, tokens were lent for further entries.
    #[serde(rename = "lend")]
    Delegate,
    /// An entry of an earlier run goes on.
    Resume,
    /// The clock ticked, for no further reason.
    Tick,
    /// A message arrived.
    Received,
    /// Something was sent again, or is not waited for any longer.
    Timer,
}

/// FREE, WAIT or HELD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Phase {
    /// Nothing is wanted.
    Free,
    /// It has asked.
    Wait,
    /// It is in the section.
    Held,
}

/// A message, sent or received.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageRecord {
    /// Of a message received, who sent it; of one sent, whom it is for.
    pub peer: u16,
    /// What kind it is.
    pub kind: MessageKind,
    /// The clock in its head.
    pub clock: u64,
    /// Of an answer, the clock of the request that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<u64>,
    /// The lock; without it the original's one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The sender's run; none of a process of the original.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// The kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// It asks for the section.
    Request,
    /// Permission.
    Reply,
    /// A request must be made anew.
    #[serde(rename = "overtaken")]
    Superseded,
    /// A greeting.
    Hello,
    /// The answer to it.
    Welcome,
}

impl MessageKind {
    /// Whether it has nothing to do with any lock.
    #[must_use]
    pub fn is_greeting(self) -> bool {
        matches!(self, MessageKind::Hello | MessageKind::Welcome)
    }

    /// The text of such a datagram, as far as the original reads it: `req<5,3>`.
    #[must_use]
    pub fn head(self, clock: u64, from: u16) -> String {
        let word = match self {
            MessageKind::Request | MessageKind::Hello => "req",
            MessageKind::Reply | MessageKind::Superseded | MessageKind::Welcome => "reply",
        };
        format!("{word}<{clock},{from}>")
    }
}

impl MessageRecord {
    /// The message, from or to this peer.
    #[must_use]
    pub fn new(message: &Message, peer: NodeId) -> Self {
        let (kind, echo, lock) = match &message.body {
            Body::Request { lock, .. } => (MessageKind::Request, None, Some(lock)),
            Body::Reply { lock, echo, .. } => (MessageKind::Reply, Some(echo.clock), Some(lock)),
            Body::Superseded { lock, echo, .. } => {
                (MessageKind::Superseded, Some(echo.clock), Some(lock))
            }
            Body::Hello => (MessageKind::Hello, None, None),
            Body::Welcome { .. } => (MessageKind::Welcome, None, None),
        };
        MessageRecord {
            peer: peer.0,
            kind,
            clock: message.body.clock(),
            echo,
            lock: lock.and_then(named),
            run: match message.origin {
                Origin::Turno(run) => Some(run.to_string()),
                Origin::Seed => None,
            },
        }
    }
}

impl Header {
    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("node-{}-{}.jsonl", self.id, self.run)
    }

    /// Of this run of a member.
    #[must_use]
    pub fn new(member: &Member) -> Self {
        let config = member.config();
        Header {
            turno_trace: VERSION,
            id: config.id.0,
            members: config.members,
            run: config.incarnation.to_string(),
        }
    }
}

impl Record {
    /// What the algorithm made of an event. None for a timer that meant nothing.
    #[must_use]
    pub fn new(
        at: u64,
        event: &Event,
        outcome: Result<&[Effect], Rejected>,
        member: &Member,
    ) -> Option<Self> {
        let lock = lock_of(event);
        let is_stale_timer = matches!(event, Event::Expired(_)) && outcome.is_err();
        if is_stale_timer {
            return None;
        }
        let (phase, request, token) = match member.state(&lock) {
            State::Free => (Phase::Free, None, None),
            State::Wait { request, .. } => (Phase::Wait, Some(request.clock), None),
            State::Held { token } => (Phase::Held, None, Some(token.get())),
        };
        let queue = member.reply_queue(&lock).iter();
        let sent = outcome.unwrap_or_default().iter();
        Some(Record {
            at,
            event: occasion(event),
            message: match event {
                Event::Received { message, .. } => Some(MessageRecord::new(message, message.from)),
                _ => None,
            },
            ignored: outcome.err().map(|rejected| rejected.to_string()),
            because: because(event, outcome, member),
            lock: named(&lock),
            clock: member.clock(),
            state: phase,
            request,
            token,
            queue: queue.map(|d| (d.request.clock, d.request.id.0)).collect(),
            sent: sent
                .filter_map(|effect| match effect {
                    Effect::Send { to, message, .. } => Some(MessageRecord::new(message, *to)),
                    _ => None,
                })
                .collect(),
        })
    }
}

fn named(lock: &LockName) -> Option<String> {
    (!lock.is_nameless()).then(|| lock.to_string())
}

fn occasion(event: &Event) -> EventKind {
    match event {
        Event::Start => EventKind::Start,
        Event::Acquire(_) => EventKind::Acquire,
        Event::Cancel(_) => EventKind::Cancel,
        Event::Release(_) => EventKind::Release,
        Event::Delegate { .. } => EventKind::Delegate,
        Event::Tick => EventKind::Tick,
        Event::Resume { .. } => EventKind::Resume,
        Event::Received { .. } => EventKind::Received,
        Event::Expired(_) => EventKind::Timer,
    }
}

fn lock_of(event: &Event) -> LockName {
    match event {
        Event::Acquire(lock)
        | Event::Cancel(lock)
        | Event::Release(lock)
        | Event::Delegate { lock, .. }
        | Event::Resume { lock, .. } => lock.clone(),
        Event::Expired(Timer::Resend { lock, .. }) => lock.clone(),
        Event::Received { message, .. } => match &message.body {
            Body::Request { lock, .. }
            | Body::Reply { lock, .. }
            | Body::Superseded { lock, .. } => lock.clone(),
            Body::Hello | Body::Welcome { .. } => LockName::default(),
        },
        Event::Start | Event::Tick | Event::Expired(_) => LockName::default(),
    }
}

/// Of a request that arrived while we wait ourselves: which of the two goes
/// first.
fn because(event: &Event, outcome: Result<&[Effect], Rejected>, member: &Member) -> Option<String> {
    let Event::Received { message, .. } = event else {
        return None;
    };
    let Body::Request { lock, clock } = &message.body else {
        return None;
    };
    outcome.ok()?;
    let theirs = Timestamp {
        clock: *clock,
        id: message.from,
    };
    match member.state(lock) {
        State::Wait { request: ours, .. } if theirs < *ours => Some(format!("{theirs} < {ours}")),
        State::Wait { request: ours, .. } => Some(format!("{ours} < {theirs}")),
        State::Held { token } => Some(format!("in the section, {token}")),
        State::Free if !member.unsynced().is_empty() => Some("clocks not heard".to_owned()),
        State::Free => None,
    }
}
