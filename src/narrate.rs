//! What happened to a node, in words: one line an event. The plain output and
//! the screen say the same.

use crate::mutex::{Body, Effect, Event, Message, Rejected, RicartAgrawala, State};
use crate::node::Happening;
use crate::printable::Printable;

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
pub fn narrate(what: &Happening<'_>) -> Vec<Line> {
    match what {
        Happening::Began { group, section } => vec![Line::new(
            Tone::Ordinary,
            format!(
                "process {} of {} listens at {}, the critical section is at {section}",
                group.id,
                group.members.len(),
                group.listen
            ),
        )],
        Happening::Handled {
            event,
            outcome: Ok(effects),
            mutex,
        } => handled(event, effects, mutex),
        Happening::Handled {
            event,
            outcome: Err(rejected),
            mutex,
        } => rejection(event, *rejected, mutex),
        Happening::Dropped {
            source,
            bytes,
            why,
            mutex,
        } => vec![Line::new(
            Tone::Trouble,
            format!(
                "dropped, {why}, clock {}: \"{}\" from {source}",
                mutex.clock(),
                Printable(bytes),
            ),
        )],
        Happening::NobodyAtSection { address } => vec![Line::new(
            Tone::Trouble,
            format!("nobody listens at the critical section, {address}: start turno shared there"),
        )],
    }
}

fn handled(event: &Event, effects: &[Effect], mutex: &RicartAgrawala) -> Vec<Line> {
    let clock = mutex.clock();
    let mut lines = Vec::new();
    match event {
        Event::Tick => lines.push(Line::new(Tone::Ordinary, format!("tick, clock {clock}"))),
        Event::Want => {
            let asked = sent(effects).next().map_or_else(
                || "x: nobody to ask".to_owned(),
                |message| format!("x: {message} sent to {}", receivers(effects)),
            );
            lines.push(Line::new(Tone::Ordinary, format!("{asked}, clock {clock}")));
        }
        Event::GiveUp => {
            lines.push(Line::new(Tone::Ordinary, "the request is given up"));
        }
        Event::Left => {}
        Event::Received { message, .. } => {
            let done = match message.body {
                Body::Reply { .. } => String::new(),
                Body::Request => answer(message, effects, mutex),
            };
            let text = format!("{message} received, clock {clock}{done}");
            lines.push(Line::new(Tone::Ordinary, text));
        }
        Event::Expired(_) => {
            if let Some(message) = sent(effects).next() {
                let text = format!("{message} sent again to {}", receivers(effects));
                lines.push(Line::new(Tone::Ignored, text));
            }
        }
    }
    for effect in effects {
        match effect {
            Effect::Enter { .. } => lines.push(Line::new(Tone::Section, "Process entered CS")),
            Effect::Leave { .. } => lines.push(Line::new(Tone::Section, "Process exited CS")),
            Effect::Send { to, message, .. } if matches!(event, Event::Left | Event::GiveUp) => {
                let text = format!("{message} sent to {to}");
                lines.push(Line::new(Tone::Ordinary, text));
            }
            Effect::Send { .. } | Effect::SetTimer { .. } => {}
        }
    }
    lines
}

/// What became of a request, and why: the comparison that decides.
fn answer(request: &Message, effects: &[Effect], mutex: &RicartAgrawala) -> String {
    let theirs = request.stamp;
    let reply = sent(effects).next();
    match (mutex.state(), reply) {
        (State::Wait { request: ours, .. }, Some(reply)) => {
            format!(": {reply} sent, for {theirs} < {ours}")
        }
        (State::Wait { request: ours, .. }, None) => format!(": deferred, for {ours} < {theirs}"),
        (_, Some(reply)) => format!(": {reply} sent"),
        (_, None) => ": deferred until we leave".to_owned(),
    }
}

fn rejection(event: &Event, rejected: Rejected, mutex: &RicartAgrawala) -> Vec<Line> {
    let clock = mutex.clock();
    match event {
        Event::Want if rejected == Rejected::NotFree => {
            vec![Line::new(Tone::Ignored, "'x' ignored")]
        }
        Event::Want => vec![Line::new(Tone::Trouble, format!("'x' ignored: {rejected}"))],
        Event::Received {
            message, source, ..
        } => {
            let expected = matches!(
                rejected,
                Rejected::AlreadyDeferred
                    | Rejected::Overtaken
                    | Rejected::NotAwaited
                    | Rejected::StaleReply
                    | Rejected::RepeatedReply
            );
            vec![if expected {
                let text = format!("{message} received, clock {clock}: ignored, {rejected}");
                Line::new(Tone::Ignored, text)
            } else {
                let text = format!("dropped, {rejected}, clock {clock}: {message} from {source}");
                Line::new(Tone::Trouble, text)
            }]
        }
        // A timer of a request that is done with comes due once, and that is
        // nobody's business.
        Event::Expired(_) => Vec::new(),
        Event::Tick | Event::Left | Event::GiveUp => {
            vec![Line::new(Tone::Trouble, rejected.to_string())]
        }
    }
}

fn sent(effects: &[Effect]) -> impl Iterator<Item = &Message> {
    effects.iter().filter_map(|effect| match effect {
        Effect::Send { message, .. } => Some(message),
        _ => None,
    })
}

/// The ids that a datagram went to: "1, 3".
fn receivers(effects: &[Effect]) -> String {
    let ids: Vec<String> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { to, .. } => Some(to.to_string()),
            _ => None,
        })
        .collect();
    ids.join(", ")
}
