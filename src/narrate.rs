//! What happened to a node, in words: one line an event. The plain output and
//! the screen say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;

use crate::engine::{DUPLICATE_ID, NodeEvent};
use crate::group::Group;
use crate::mutex::{Body, Effect, LockName, Message, Rejected, State, Timer, Timestamp};
use crate::printable::Printable;
use crate::protocol::{Event, Member};

/// A line about something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What happened.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

/// How a [`Line`] is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The ordinary course of things.
    Ordinary,
    /// The section was entered or left.
    Section,
    /// Something that had no effect, and need not have one.
    Ignored,
    /// Something that should not be.
    Trouble,
}

impl Line {
    fn new(tone: Tone, text: impl Into<String>) -> Self {
        Line {
            text: text.into(),
            tone,
        }
    }
}

/// The lines about one happening, in order; none where there is nothing to say.
#[must_use]
pub fn narrate(what: &NodeEvent<'_>) -> Vec<Line> {
    match what {
        NodeEvent::Began {
            group,
            section,
            has_key,
        } => began(group, *section, *has_key),
        NodeEvent::Handled {
            event,
            outcome: Ok(effects),
            member,
        } => handled(event, effects, member),
        NodeEvent::Handled {
            event,
            outcome: Err(rejected),
            member,
        } => rejection(event, *rejected, member).into_iter().collect(),
        NodeEvent::Dropped {
            source,
            bytes,
            reason,
            member,
        } => {
            let clock = member.clock();
            let bytes = Printable::new(bytes);
            let text = format!("dropped, {reason}, clock {clock}: \"{bytes}\" from {source}");
            vec![trouble(text)]
        }
        NodeEvent::DroppedMore(more) => vec![trouble(format!("dropped {more} more"))],
        NodeEvent::Drops(drops) => vec![ordinary(format!("dropped so far: {}", counts(drops)))],
        NodeEvent::NotSent { address, error } => {
            vec![trouble(format!(
                "nothing can be sent to {address}: {error}"
            ))]
        }
        NodeEvent::TraceEnds { path, error } => {
            let path = Printable::whole(path.as_os_str().as_encoded_bytes());
            vec![trouble(format!(
                "the trace ends here, and the process goes on without it: {path}: {error}"
            ))]
        }
        NodeEvent::StillWaiting(waiting) => vec![ordinary(waiting.to_string())],
        NodeEvent::SectionUnreachable { address } => vec![trouble(format!(
            "nobody listens at the critical section, {address}: start turno shared there"
        ))],
    }
}

fn ordinary(text: impl Into<String>) -> Line {
    Line::new(Tone::Ordinary, text)
}

fn ignored(text: impl Into<String>) -> Line {
    Line::new(Tone::Ignored, text)
}

fn trouble(text: impl Into<String>) -> Line {
    Line::new(Tone::Trouble, text)
}

fn began(group: &Group, section: Option<SocketAddr>, has_key: bool) -> Vec<Line> {
    let members = group.members.len();
    let mut listens = format!(
        "process {} of {members} listens at {}",
        group.id, group.listen
    );
    if let Some(section) = section {
        listens.push_str(&format!(", the critical section is at {section}"));
    }
    let mut lines = vec![ordinary(listens)];
    if !has_key && !group.listen.ip().is_loopback() {
        lines.push(trouble(format!(
            "WARNING: no --key, so whoever can send to {} in the name of a member's host can break the lock; turno key makes one",
            group.listen
        )));
    }
    lines
}

/// `malformed 3, not signed 5`.
pub(crate) fn counts<C: fmt::Display>(drops: &BTreeMap<C, u64>) -> String {
    if drops.is_empty() {
        return "nothing".to_owned();
    }
    listed(
        drops
            .iter()
            .map(|(cause, count)| format!("{cause} {count}")),
    )
}

/// `1, 3`.
pub(crate) fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    texts.join(", ")
}

fn handled(event: &Event, effects: &[Effect], member: &Member) -> Vec<Line> {
    let clock = member.clock();
    let mut lines = Vec::new();
    match event {
        Event::Start | Event::Release(_) | Event::Delegate { .. } => {}
        Event::Resume { lock, token } => lines.push(ordinary(format!(
            "the entry of token {token} goes on in lock {:?}",
            lock.as_str()
        ))),
        Event::Tick => lines.push(ordinary(format!("tick, clock {clock}"))),
        Event::Acquire(lock) => lines.push(ordinary(acquired(lock, effects, member))),
        Event::Cancel(_) => lines.push(ordinary("the request is given up")),
        Event::Received { message, .. } => lines.extend(received(message, effects, member)),
        Event::Expired(timer) => lines.extend(expired(timer, effects)),
    }
    for effect in effects {
        match effect {
            Effect::Enter { .. } => lines.push(Line::new(Tone::Section, "Process entered CS")),
            Effect::Delegated { tokens, .. } => {
                let (first, last) = (tokens.first(), tokens.last());
                lines.push(ordinary(format!("tokens {first} to {last} are lent")));
            }
            Effect::Leave { .. } => lines.push(Line::new(Tone::Section, "Process exited CS")),
            Effect::Send { to, message, .. }
                if matches!(event, Event::Release(_) | Event::Cancel(_)) =>
            {
                lines.push(ordinary(format!("{message} sent to {to}")));
            }
            _ => {}
        }
    }
    lines
}

fn acquired(lock: &LockName, effects: &[Effect], member: &Member) -> String {
    let clock = member.clock();
    if member.is_awaiting_sync(lock) {
        return format!("x: asks {} for the clock first", listed(member.unsynced()));
    }
    match requests(effects) {
        Some((request, asked)) => format!("x: {request} sent to {asked}, clock {clock}"),
        None if !member.peers().is_empty() => format!("x: all permissions kept, clock {clock}"),
        None => format!("x: nobody to ask, clock {clock}"),
    }
}

fn expired(timer: &Timer, effects: &[Effect]) -> Option<Line> {
    match timer {
        Timer::Resend { .. } => {
            let (request, asked) = requests(effects)?;
            Some(ignored(format!("{request} sent again to {asked}")))
        }
        Timer::Hello { .. } => None,
        Timer::ForgetDuplicate { .. } => {
            Some(ordinary("nobody else claims to be this member any more"))
        }
    }
}

fn received(message: &Message, effects: &[Effect], member: &Member) -> Vec<Line> {
    let (clock, from) = (member.clock(), message.from);
    if member.suspect_clocks().contains(&from) && !matches!(message.body, Body::Hello) {
        return vec![trouble(format!(
            "{message} received, clock {clock}: too far ahead to be believed, {from} is asked"
        ))];
    }
    if from == member.id() {
        // Once, however often it does so.
        let is_news = effects.iter().any(|effect| {
            let Effect::SetTimer { timer, .. } = effect else {
                return false;
            };
            matches!(timer, Timer::ForgetDuplicate { sightings: 1 })
        });
        return is_news.then(|| trouble(DUPLICATE_ID)).into_iter().collect();
    }
    let mut lines = Vec::new();
    match &message.body {
        Body::Reply { .. } => lines.push(ordinary(format!("{message} received, clock {clock}"))),
        Body::Request { lock, .. } => lines.push(answer(message, lock, effects, member)),
        Body::Superseded { .. } => lines.push(ordinary(format!(
            "{message} received, clock {clock}: {OVERTAKEN}"
        ))),
        Body::Hello => lines.push(ignored(format!("{message} received, clock {clock}: hello"))),
        Body::Welcome { .. } => {
            lines.push(ignored(format!(
                "{message} received, clock {clock}: welcome, no permission"
            )));
        }
    }
    if let Some((request, asked)) = requests(effects) {
        lines.push(match message.body {
            // Part of the answer.
            Body::Request { .. } => return lines,
            Body::Hello => ignored(format!("{request} sent again to {asked}")),
            _ => ordinary(format!("x: {request} sent to {asked}, clock {clock}")),
        });
    }
    lines
}

/// Of a request.
const OVERTAKEN: &str = "overtaken by a request of an earlier run";

/// What became of a request, and why: the comparison that decides.
fn answer(message: &Message, lock: &LockName, effects: &[Effect], member: &Member) -> Line {
    let theirs = Timestamp {
        clock: message.body.clock(),
        id: message.from,
    };
    let reply = effects.iter().find_map(|effect| match effect {
        Effect::Send { message, .. } if matches!(message.body, Body::Reply { .. }) => Some(message),
        _ => None,
    });
    let head = format!("{message} received, clock {}", member.clock());
    for effect in effects {
        match effect {
            Effect::Send { message, .. } if matches!(message.body, Body::Superseded { .. }) => {
                return ignored(format!("{head}: {OVERTAKEN}"));
            }
            Effect::Send {
                message,
                repetition: 1..,
                ..
            } if matches!(message.body, Body::Reply { .. }) => {
                return ignored(format!("{head}: {message} sent again"));
            }
            // That we are there.
            Effect::Send { message, .. } if matches!(message.body, Body::Welcome { .. }) => {
                return ignored(format!("{head}: again, and still deferred"));
            }
            _ => {}
        }
    }
    ordinary(match (member.state(lock), reply) {
        (State::Wait { request: ours, .. }, Some(reply)) => {
            let sent = format!("{head}: {reply} sent, for {theirs} < {ours}");
            match requests(effects) {
                Some((request, _)) => format!("{sent}, and {request} sent"),
                None => sent,
            }
        }
        (State::Wait { request: ours, .. }, None) => {
            format!("{head}: deferred, for {ours} < {theirs}")
        }
        (_, Some(reply)) => format!("{head}: {reply} sent"),
        (State::Held { .. }, None) => format!("{head}: deferred until we leave"),
        (_, None) => {
            let unsynced = listed(member.unsynced());
            format!("{head}: deferred until the clock of {unsynced} is heard")
        }
    })
}

fn rejection(event: &Event, rejected: Rejected, member: &Member) -> Option<Line> {
    match event {
        Event::Acquire(_) if rejected == Rejected::NotFree => Some(ignored("'x' ignored")),
        Event::Acquire(_) => Some(trouble(format!("'x' ignored: {rejected}"))),
        Event::Received { message, .. } => {
            let clock = member.clock();
            Some(ignored(format!(
                "{message} received, clock {clock}: ignored, {rejected}"
            )))
        }
        // A timer of something that is done with is nobody's business.
        Event::Expired(_) => None,
        _ => Some(trouble(rejected.to_string())),
    }
}

/// The request among the effects, and whom it goes to: "1, 3".
fn requests(effects: &[Effect]) -> Option<(&Message, String)> {
    let mut request = None;
    let mut asked = BTreeSet::new();
    for effect in effects {
        if let Effect::Send { to, message, .. } = effect
            && let Body::Request { .. } = message.body
        {
            request = Some(message);
            asked.insert(*to);
        }
    }
    Some((request?, listed(&asked)))
}
