//! A history for other programs that draw.

use std::collections::HashSet;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::history::{History, Place};
use super::record::{Kind, Occasion, Phase, Record, Said};
use super::vector::vector_clocks;

/// How ShiViz reads what follows.
const SHIVIZ: &str = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})";

/// For ShiViz (<https://bestchai.bitbucket.io/shiviz/>): two lines an event, its
/// text and its vector clock. Every event is in it, greetings too, for each host's
/// clock must rise by exactly 1.
#[must_use]
pub fn shiviz(history: &History) -> String {
    let mut text = format!("{SHIVIZ}\n\n");
    vector_clocks(history, |place, clock| {
        let known = clock.iter().zip(1..).filter(|(count, _)| **count > 0);
        let clock: Map<String, Value> = known
            .map(|(count, id): (&u32, u16)| (id.to_string(), Value::from(*count)))
            .collect();
        let record = history.record(place);
        let id = history.id(place);
        // Nothing that is in a trace has a line end in it.
        let _ = writeln!(text, "{}\n{id} {}", told(record), Value::Object(clock));
    });
    text
}

/// A Mermaid sequence diagram, for a README: requests and replies, entries, and
/// the reasons of what is deferred.
#[must_use]
pub fn mermaid(history: &History) -> String {
    let mut text = "sequenceDiagram\n".to_owned();
    for id in 1..=history.members() {
        let _ = writeln!(text, "  participant {id}");
    }
    let datagrams = history.datagrams.iter();
    let lost = datagrams.filter(|datagram| datagram.received.is_none());
    let lost: HashSet<(Place, usize)> = lost.filter_map(|datagram| datagram.sent).collect();
    // Of each run, whether it was in the section.
    let mut inside = vec![false; history.runs.len()];
    for place in &history.order {
        let (id, record) = (history.id(*place), history.record(*place));
        for line in lines(history, *place, &lost) {
            let _ = writeln!(text, "  {line}");
        }
        let is_held = record.state == Phase::Held;
        if is_held && !inside[place.run] {
            let token = record.token.unwrap_or(0);
            let _ = writeln!(text, "  Note over {id}: HELD, token {token}");
        }
        if !is_held && inside[place.run] {
            let _ = writeln!(text, "  Note over {id}: left");
        }
        inside[place.run] = is_held;
    }
    text
}

/// What arrived there, and why its reply is deferred; and what was lost that was
/// sent there.
fn lines(history: &History, place: Place, lost: &HashSet<(Place, usize)>) -> Vec<String> {
    let (id, record) = (history.id(place), history.record(place));
    let mut lines = Vec::new();
    if let Some(said) = &record.message
        && !is_greeting(said)
    {
        let (from, head) = (said.peer, head(said, said.peer));
        let arrow = if said.kind == Kind::Request {
            "->>"
        } else {
            "-->>"
        };
        let ignored = if record.ignored.is_some() {
            ", ignored"
        } else {
            ""
        };
        lines.push(format!("{from}{arrow}{id}: {head}{ignored}"));
        let is_deferred = record.queue.contains(&(said.clock, said.peer));
        if let (true, Some(because)) = (is_deferred, &record.because) {
            let because = plain(because);
            lines.push(format!("Note over {id}: {from} waits, {because}"));
        }
    }
    for (number, said) in record.sent.iter().enumerate() {
        if !is_greeting(said) && lost.contains(&(place, number)) {
            lines.push(format!("{id}-x{}: {}", said.peer, head(said, id)));
        }
    }
    lines
}

fn is_greeting(said: &Said) -> bool {
    matches!(said.kind, Kind::Hello | Kind::Welcome)
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

/// `req<5,3>`, with Mermaid's words for the signs.
fn head(said: &Said, from: u16) -> String {
    let word = match said.kind {
        Kind::Request | Kind::Hello => "req",
        Kind::Reply | Kind::Overtaken | Kind::Welcome => "reply",
    };
    format!("{word}#lt;{},{from}#gt;", said.clock)
}

/// An event in a few words.
fn told(record: &Record) -> String {
    let what = match (&record.message, record.event) {
        (Some(said), _) => format!("received {:?} {} from {}", said.kind, said.clock, said.peer),
        (None, Occasion::Received) => "received".to_owned(),
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
