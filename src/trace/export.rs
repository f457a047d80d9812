//! A history for other programs that draw.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::event::{Datagram, EventId};
use super::history::History;
use super::reader::TraceError;
use super::record::{EventKind, MessageKind, Phase, Record};
use super::vector::VectorClocks;

/// How ShiViz reads what follows.
const SHIVIZ: &str = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})";

/// For ShiViz (<https://bestchai.bitbucket.io/shiviz/>): two lines an event, its
/// text and its vector clock. Every event is in it, greetings too, for each host's
/// clock must rise by exactly 1.
///
/// # Errors
/// [`TraceError`]: the files cannot be read any more.
pub fn shiviz(history: &History) -> Result<String, TraceError> {
    let mut text = format!("{SHIVIZ}\n\n");
    let mut clocks = VectorClocks::new(history);
    while let Some((place, clock)) = clocks.advance() {
        let known = clock.iter().zip(1..).filter(|(count, _)| **count > 0);
        let clock: Map<String, Value> = known
            .map(|(count, id): (&u32, u16)| (id.to_string(), Value::from(*count)))
            .collect();
        let id = history.event(place).id;
        let told = told(&history.record(place)?);
        // Nothing that is in a trace has a line end in it.
        let _ = writeln!(text, "{told}\n{id} {}", Value::Object(clock));
    }
    Ok(text)
}

/// A Mermaid sequence diagram, for a README: requests and replies, entries, and
/// the reasons of what is deferred.
///
/// # Errors
/// [`TraceError`]: the files cannot be read any more.
pub fn mermaid(history: &History) -> Result<String, TraceError> {
    let mut text = "sequenceDiagram\n".to_owned();
    for id in 1..=history.members() {
        let _ = writeln!(text, "  participant {id}");
    }
    let mut lost: HashMap<EventId, Vec<&Datagram>> = HashMap::new();
    for datagram in history.lost() {
        if let Some(sent) = datagram.sent {
            lost.entry(sent).or_default().push(datagram);
        }
    }
    for place in &history.order {
        let event = history.event(*place);
        let id = event.id;
        if let Some(line) = received(id, &history.record(*place)?) {
            let _ = writeln!(text, "  {line}");
        }
        for datagram in lost.remove(place).unwrap_or_default() {
            if !datagram.kind.is_greeting() {
                let head = plain(&datagram.head());
                let _ = writeln!(text, "  {id}-x{}: {head}", datagram.to);
            }
        }
        let before = history.previous(*place).map(|place| history.event(place));
        let was_held = before.is_some_and(|before| before.phase == Phase::Held);
        match (was_held, event.phase == Phase::Held) {
            (false, true) => {
                let token = event.token().unwrap_or(0);
                let _ = writeln!(text, "  Note over {id}: HELD, token {token}");
            }
            (true, false) => {
                let _ = writeln!(text, "  Note over {id}: left");
            }
            _ => {}
        }
    }
    Ok(text)
}

/// What arrived, and why its reply is deferred.
fn received(id: u16, record: &Record) -> Option<String> {
    let said = record.message.as_ref()?;
    if said.kind.is_greeting() {
        return None;
    }
    let (from, head) = (said.peer, plain(&said.kind.head(said.clock, said.peer)));
    let arrow = if said.kind == MessageKind::Request {
        "->>"
    } else {
        "-->>"
    };
    let ignored = if record.ignored.is_some() {
        ", ignored"
    } else {
        ""
    };
    let mut line = format!("{from}{arrow}{id}: {head}{ignored}");
    let is_deferred = record.queue.contains(&(said.clock, said.peer));
    if let (true, Some(because)) = (is_deferred, &record.because) {
        let because = plain(because);
        let _ = write!(line, "\n  Note over {id}: {from} waits, {because}");
    }
    Some(line)
}

/// Text in which Mermaid finds no sign of its own.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '<' => plain.push_str("#lt;"),
            '>' => plain.push_str("#gt;"),
            ';' => plain.push_str("#59;"),
            '#' => plain.push_str("#35;"),
            c if c.is_control() => plain.extend(c.escape_unicode()),
            c => plain.push(c),
        }
    }
    plain
}

/// An event in a few words.
fn told(record: &Record) -> String {
    let what = match (&record.message, record.event) {
        (Some(said), _) => format!("received {:?} {} from {}", said.kind, said.clock, said.peer),
        (None, EventKind::Received) => "received".to_owned(),
        (None, event) => format!("{event:?}"),
    };
    let mut told = what.to_lowercase();
    let _ = write!(told, ", clock {}, {:?}", record.clock, record.state);
    if let Some(token) = record.token {
        let _ = write!(told, ", token {token}");
    }
    if let Some(because) = &record.because {
        let _ = write!(told, ", {because}");
    }
    for said in &record.sent {
        let _ = write!(told, "; {:?} {} to {}", said.kind, said.clock, said.peer);
    }
    told.replace(['\n', '\r'], " ")
}
