//! From what the algorithm did to the rows of the diagram.

use std::collections::BTreeSet;

use super::{Arrow, ArrowKind, LiveDiagram, Row};
use crate::mutex::{Body, Effect, LockName, Message, Origin, Rejected, State, Timer, Timestamp};
use crate::narrate::Tone;
use crate::printable::Printable;
use crate::protocol::{Event, Member};

impl LiveDiagram {
    /// The event, and then what it made us send: what fits into the event's own
    /// row stands there.
    pub(super) fn handled(
        &mut self,
        event: &Event,
        effects: &[Effect],
        member: &Member,
        clock_before: u64,
    ) -> Vec<Row> {
        let head = match event {
            Event::Start => Some(self.event("starts")),
            Event::Tick => Some(self.event("ticks")),
            Event::Resume { .. } => Some(self.event("goes on inside")),
            Event::Delegate { .. } => Some(self.event("has tokens lent")),
            Event::Acquire(lock) if member.is_awaiting_sync(lock) => {
                Some(self.event("hears all clocks first"))
            }
            Event::Acquire(_) => Some(self.event("")),
            Event::Cancel(_) => Some(self.event("gives up")),
            Event::Release(_) => Some(self.event("leaves")),
            Event::Expired(Timer::ForgetDuplicate { .. }) => {
                Some(self.event("our id is ours again"))
            }
            Event::Expired(_) => None,
            Event::Received { message, .. } => {
                self.received(message, effects, member, clock_before)
            }
        };
        let is_asked_for = match event {
            Event::Acquire(_) => true,
            Event::Received { message, .. } => member.suspect_clocks().contains(&message.from),
            _ => false,
        };
        let mut rows: Vec<Row> = head.into_iter().collect();
        for arrow in sent(effects, is_asked_for) {
            let note = match arrow.kind {
                _ if arrow.is_repeated => "again",
                ArrowKind::Request if arrow.label != HELLO => "asks",
                _ => "",
            };
            let tone = if arrow.is_repeated {
                Tone::Ignored
            } else {
                Tone::Ordinary
            };
            match rows.last_mut().filter(|row| row.arrow.is_none()) {
                Some(row) => {
                    row.arrow = Some(arrow);
                    if row.note.is_empty() {
                        note.clone_into(&mut row.note);
                    }
                }
                None => rows.push(Row {
                    clock: rows.is_empty().then_some(self.now.clock),
                    arrow: Some(arrow),
                    ..self.row(tone, note)
                }),
            }
        }
        for effect in effects {
            if let Effect::Enter { lock, token } = effect
                && let Some(row) = rows.first_mut()
            {
                row.tone = Tone::Section;
                row.note = format!("HELD, token {token}");
                add(&mut row.note, &of_lock(lock));
            }
        }
        rows
    }

    /// The arrival of a message. Greetings are seen only where they tell
    /// something: a clock past ours, or that the peer was started anew.
    fn received(
        &mut self,
        message: &Message,
        effects: &[Effect],
        member: &Member,
        clock_before: u64,
    ) -> Option<Row> {
        let from = message.from;
        if from == self.own {
            return is_first_claim(effects).then(|| Row {
                tone: Tone::Trouble,
                ..self.event("another node has our id")
            });
        }
        let is_repeated = is_repeated(message, effects);
        let is_anew = self.is_new_run(message);
        let is_greeting = matches!(message.body, Body::Hello | Body::Welcome { .. });
        let is_believed = message.body == Body::Hello || !member.suspect_clocks().contains(&from);
        if is_greeting && is_believed && !is_anew && member.clock() == clock_before {
            return None;
        }
        let (mut tone, mut note) = match &message.body {
            _ if !is_believed => (Tone::Trouble, "clock too far ahead".to_owned()),
            Body::Request { lock, clock } => {
                let theirs = Timestamp {
                    clock: *clock,
                    id: from,
                };
                answer(theirs, lock, effects, member, is_repeated)
            }
            Body::Reply { lock, .. } => (Tone::Ordinary, of_lock(lock)),
            Body::Superseded { .. } => (Tone::Ordinary, "overtaken: asks anew".to_owned()),
            Body::Hello | Body::Welcome { .. } => (Tone::Ordinary, String::new()),
        };
        if is_anew {
            tone = Tone::Trouble;
            let what = std::mem::replace(&mut note, format!("{from} started anew"));
            add(&mut note, &what);
        }
        Some(Row {
            arrow: Some(Arrow {
                is_repeated,
                ..arrow(false, message)
            }),
            tone,
            begins: is_anew.then_some(from),
            ..self.event(note)
        })
    }

    fn is_new_run(&mut self, message: &Message) -> bool {
        let Origin::Turno(run) = message.origin else {
            return false;
        };
        let known = self.runs.insert(message.from, run);
        known.is_some_and(|known| known != run)
    }

    pub(super) fn rejected(&self, event: &Event, rejected: Rejected) -> Option<Row> {
        let row = match event {
            Event::Acquire(_) if rejected == Rejected::NotFree => self.event("x ignored"),
            Event::Acquire(_) => self.event(format!("x ignored: {rejected}")),
            Event::Received { message, .. } => Row {
                arrow: Some(arrow(false, message)),
                ..self.event(format!("ignored: {rejected}"))
            },
            _ => return None,
        };
        let tone = Tone::Ignored;
        Some(Row { tone, ..row })
    }
}

/// The label of a greeting.
const HELLO: &str = "hello";

fn arrow(is_sent: bool, message: &Message) -> Arrow {
    let (kind, label) = match &message.body {
        Body::Request { clock, .. } => (ArrowKind::Request, format!("req {clock}")),
        Body::Reply { clock, .. } | Body::Superseded { clock, .. } => {
            (ArrowKind::Reply, format!("reply {clock}"))
        }
        Body::Hello => (ArrowKind::Request, HELLO.to_owned()),
        Body::Welcome { clock, .. } => (ArrowKind::Reply, format!("welcome {clock}")),
    };
    Arrow {
        is_sent,
        peers: BTreeSet::from([message.from]),
        kind,
        label,
        is_repeated: false,
        is_lost: false,
    }
}

/// What was sent, the same to several members as one arrow. Greetings only
/// where something asks for them.
fn sent(effects: &[Effect], with_hello: bool) -> Vec<Arrow> {
    let mut arrows: Vec<Arrow> = Vec::new();
    for effect in effects {
        let Effect::Send {
            to,
            message,
            repetition,
            ..
        } = effect
        else {
            continue;
        };
        match message.body {
            Body::Welcome { .. } => continue,
            Body::Hello if !with_hello => continue,
            _ => {}
        }
        let arrow = Arrow {
            is_repeated: *repetition > 0 && message.body != Body::Hello,
            peers: BTreeSet::new(),
            ..arrow(true, message)
        };
        let is_same = |other: &&mut Arrow| {
            (&other.label, other.is_repeated) == (&arrow.label, arrow.is_repeated)
        };
        match arrows.iter_mut().find(is_same) {
            Some(same) => drop(same.peers.insert(*to)),
            None => arrows.push(Arrow {
                peers: BTreeSet::from([*to]),
                ..arrow
            }),
        }
    }
    arrows
}

/// Whether a request was here before: it is answered as it was then.
fn is_repeated(message: &Message, effects: &[Effect]) -> bool {
    let Body::Request { .. } = message.body else {
        return false;
    };
    effects.iter().any(|effect| match effect {
        Effect::Send {
            message,
            repetition,
            ..
        } => match message.body {
            Body::Reply { .. } => *repetition > 0,
            Body::Welcome { .. } => true,
            _ => false,
        },
        _ => false,
    })
}

/// What became of a request, and why: the comparison that decides.
fn answer(
    theirs: Timestamp,
    lock: &LockName,
    effects: &[Effect],
    member: &Member,
    is_repeated: bool,
) -> (Tone, String) {
    let is_answered = effects.iter().any(|effect| match effect {
        Effect::Send { to, message, .. } => {
            *to == theirs.id && matches!(message.body, Body::Reply { .. } | Body::Superseded { .. })
        }
        _ => false,
    });
    let mut note = match (member.state(lock), is_answered) {
        _ if is_repeated => "again".to_owned(),
        (State::Wait { request: ours, .. }, true) => format!("{theirs} < {ours}"),
        (State::Wait { request: ours, .. }, false) => format!("{ours} < {theirs}: deferred"),
        (State::Held { .. }, false) => "HELD: deferred".to_owned(),
        (State::Free, false) => "clocks unheard: deferred".to_owned(),
        (_, true) => String::new(),
    };
    add(&mut note, &of_lock(lock));
    let tone = if is_repeated {
        Tone::Ignored
    } else {
        Tone::Ordinary
    };
    (tone, note)
}

/// Another node claims our id; said once, however often it does so.
fn is_first_claim(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| match effect {
        Effect::SetTimer { timer, .. } => matches!(timer, Timer::ForgetDuplicate { sightings: 1 }),
        _ => false,
    })
}

/// Names a lock, if it is another than the seed's.
fn of_lock(lock: &LockName) -> String {
    if lock.is_nameless() {
        return String::new();
    }
    format!("lock {}", Printable::new(lock.as_str().as_bytes()))
}

fn add(note: &mut String, more: &str) {
    if !note.is_empty() && !more.is_empty() {
        note.push_str(", ");
    }
    note.push_str(more);
}
