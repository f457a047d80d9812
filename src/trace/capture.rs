//! From what the algorithm did to a line of the trace.

use super::record::{EventKind, Header, MessageKind, MessageRecord, Phase, Record, VERSION};
use super::view_record::ViewRecord;
use crate::mutex::{
    Body, Effect, LockName, Message, NodeId, Origin, Rejected, State, Timer, Timestamp,
};
use crate::protocol::{Event, Member};

impl Header {
    /// The header of this run of a member.
    pub fn new(member: &Member) -> Self {
        let config = member.config();
        Header {
            turno_trace: VERSION,
            id: config.id.0,
            members: config.members,
            run: config.incarnation.to_string(),
            name: None,
        }
    }
}

impl Record {
    /// Records an event and its outcome; `None` for a timer that was stale, and for most
    /// beats. `member` is the algorithm after the event.
    pub fn new(
        at: u64,
        event: &Event,
        outcome: Result<&[Effect], Rejected>,
        member: &Member,
    ) -> Option<Self> {
        let is_stale_timer = matches!(event, Event::Expired(_)) && outcome.is_err();
        if is_stale_timer {
            return None;
        }
        let record = Record::whole(at, event, outcome, member);
        let view = record.view.as_ref();
        let is_beat = record.event == EventKind::View;
        let is_left_out = is_beat && view.is_none_or(|view| !view.is_notable(event));
        (!is_left_out).then_some(record)
    }

    /// Records an event at which the lease is found over, whatever else it is.
    pub(super) fn lapse(at: u64, event: &Event, member: &Member) -> Option<Self> {
        let mut record = Record::whole(at, event, Ok(&[]), member);
        record.view.as_mut()?.lapse(member);
        Some(record)
    }

    fn whole(
        at: u64,
        event: &Event,
        outcome: Result<&[Effect], Rejected>,
        member: &Member,
    ) -> Self {
        let (kind, lock) = kind_and_lock(event);
        let lock = lock.unwrap_or_default();
        let (state, request, token) = match member.state(&lock) {
            State::Free => (Phase::Free, None, None),
            State::Wait { request, .. } => (Phase::Wait, Some(request.clock), None),
            State::Held { token, .. } => (Phase::Held, None, Some(token.get())),
        };
        let queue = member.reply_queue(&lock).iter();
        let effects = outcome.unwrap_or_default().iter();
        let sent = effects.filter_map(|effect| match effect {
            Effect::Send { to, message, .. } => Some(MessageRecord::new(message, *to)),
            _ => None,
        });
        Record {
            at,
            event: kind,
            message: match event {
                Event::Received { message, .. } => Some(MessageRecord::new(message, message.from)),
                _ => None,
            },
            ignored: outcome.err().map(|rejected| rejected.to_string()),
            because: because(event, outcome, member),
            lock: named(&lock),
            clock: member.clock(),
            state,
            request,
            token,
            shared: member.mode(&lock).is_shared(),
            queue: queue.map(|d| (d.request.clock, d.request.id.0)).collect(),
            sent: sent.collect(),
            view: ViewRecord::new(event, outcome.unwrap_or_default(), member),
        }
    }
}

impl MessageRecord {
    /// Records a message from or to this peer.
    pub fn new(message: &Message, peer: NodeId) -> Self {
        let (kind, echo) = match &message.body {
            Body::Request { .. } => (MessageKind::Request, None),
            Body::Reply { echo, .. } => (MessageKind::Reply, Some(echo.clock)),
            Body::Note { echo, .. } => (MessageKind::Note, Some(echo.clock)),
            Body::Superseded { echo, .. } => (MessageKind::Superseded, Some(echo.clock)),
            Body::Hello => (MessageKind::Hello, None),
            Body::Welcome { .. } => (MessageKind::Welcome, None),
        };
        MessageRecord {
            peer: peer.0,
            kind,
            clock: message.body.clock(),
            echo,
            lock: lock_of(&message.body).and_then(named),
            run: match message.origin {
                Origin::Turno(run) => Some(run.to_string()),
                Origin::Original => None,
            },
        }
    }
}

/// The name of a lock; `None` for the original's one.
fn named(lock: &LockName) -> Option<String> {
    (!lock.is_nameless()).then(|| lock.to_string())
}

fn kind_and_lock(event: &Event) -> (EventKind, Option<LockName>) {
    let (kind, lock) = match event {
        Event::Start => (EventKind::Start, None),
        Event::Acquire(lock)
        | Event::Try(lock)
        | Event::AcquireShared(lock)
        | Event::TryShared(lock) => (EventKind::Acquire, Some(lock)),
        Event::Deny(lock) => (EventKind::Deny, Some(lock)),
        Event::Cancel(lock) => (EventKind::Cancel, Some(lock)),
        Event::Release(lock) | Event::Return(lock) => (EventKind::Release, Some(lock)),
        Event::Delegate { lock, .. } => (EventKind::Delegate, Some(lock)),
        Event::Resume { lock, .. } => (EventKind::Resume, Some(lock)),
        Event::Tick => (EventKind::Tick, None),
        Event::Received { message, .. } => (EventKind::Received, lock_of(&message.body)),
        Event::Expired(Timer::Resend { lock, .. } | Timer::Enter { lock }) => {
            (EventKind::Timer, Some(lock))
        }
        Event::ReceivedView { .. } | Event::Expired(Timer::View) => (EventKind::View, None),
        Event::Expired(_) => (EventKind::Timer, None),
        Event::End => (EventKind::End, None),
    };
    (kind, lock.cloned())
}

fn lock_of(body: &Body) -> Option<&LockName> {
    match body {
        Body::Request { lock, .. }
        | Body::Reply { lock, .. }
        | Body::Note { lock, .. }
        | Body::Superseded { lock, .. } => Some(lock),
        Body::Hello | Body::Welcome { .. } => None,
    }
}

/// Why a request was answered or deferred: the comparison with our own request, or
/// what else decided.
fn because(event: &Event, outcome: Result<&[Effect], Rejected>, member: &Member) -> Option<String> {
    let (Event::Received { message, .. }, Ok(_)) = (event, outcome) else {
        return None;
    };
    let Body::Request { lock, clock, .. } = &message.body else {
        return None;
    };
    let theirs = Timestamp {
        clock: *clock,
        id: message.from,
    };
    match member.state(lock) {
        State::Wait { request: ours, .. } if theirs < *ours => Some(format!("{theirs} < {ours}")),
        State::Wait { request: ours, .. } => Some(format!("{ours} < {theirs}")),
        State::Held { token, .. } => Some(format!("in the section, {token}")),
        State::Free if !member.unsynced().is_empty() => Some("clocks not heard".to_owned()),
        State::Free => None,
    }
}
