//! A history for other programs that draw.

use std::collections::HashMap;
use std::fmt::Write;

use serde_json::{Map, Value};

use super::escape::escaped;
use super::history::{Datagram, EventId, History, TraceError};
use super::record::{Phase, Record};
use super::vector::VectorClocks;
use crate::narrate::{Account, sent, state_text};

/// The pattern with which ShiViz parses the lines.
const SHIVIZ: &str = r"(?<event>.*)\n(?<host>\S*) (?<clock>{.*})";

/// For ShiViz (<https://bestchai.bitbucket.io/shiviz/>): two lines an event, its text
/// and its vector clock. It contains every event, also hellos and welcomes: the clock of
/// each host must rise by exactly 1.
pub fn shiviz(history: &History) -> Result<String, TraceError> {
    let mut text = format!("{SHIVIZ}\n\n");
    let mut clocks = VectorClocks::new(history);
    while let Some((event_id, vector)) = clocks.advance() {
        let known = vector.iter().zip(1..).filter(|(count, _)| **count > 0);
        let vector: Map<String, Value> = known
            .map(|(count, id): (&u32, u16)| (id.to_string(), Value::from(*count)))
            .collect();
        let record = history.record(event_id)?;
        let header = &history.run(event_id).header;
        let what = Account::recorded(header, &record).text();
        let state = state_text(record.state, record.number());
        let mut line = format!("clock {}, {state}: {what}", record.clock);
        let syncs = record.sent.iter().filter(|sent| sent.kind.is_clock_sync());
        for sync in syncs {
            let head = sync.kind.head(sync.clock, header.id);
            let _ = write!(line, "; {}", sent(&head, sync.peer));
        }
        let (line, vector) = (line.replace(['\n', '\r'], " "), Value::Object(vector));
        let _ = writeln!(text, "{line}\n{} {vector}", header.id);
    }
    Ok(text)
}

/// A Mermaid sequence diagram for a README: requests and replies, entries, and why
/// replies are deferred.
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
    for event_id in &history.order {
        let event = history.event(*event_id);
        let id = event.id;
        if let Some(line) = received(id, &history.record(*event_id)?) {
            let _ = writeln!(text, "  {line}");
        }
        for datagram in lost.remove(event_id).unwrap_or_default() {
            if !datagram.kind.is_clock_sync() {
                let head = plain(&datagram.head());
                let _ = writeln!(text, "  {id}-x{}: {head}", datagram.to);
            }
        }
        let before = history.previous(*event_id);
        let was_held = before.is_some_and(|before| history.event(before).phase == Phase::Held);
        if was_held != (event.phase == Phase::Held) {
            let state = state_text(event.phase, event.number());
            let _ = writeln!(text, "  Note over {id}: {state}");
        }
    }
    Ok(text)
}

/// The arrow of a received message, and why its reply is deferred.
fn received(id: u16, record: &Record) -> Option<String> {
    let message = record.message.as_ref()?;
    if message.kind.is_clock_sync() {
        return None;
    }
    let from = message.peer;
    let head = plain(&message.received_head());
    let is_question = message.kind.is_question();
    let line = if is_question { "-" } else { "--" };
    let ignored = record.ignored.as_ref().map_or("", |_| ", ignored");
    let mut line = format!("{from}{line}>>{id}: {head}{ignored}");
    let is_deferred = record.queue.contains(&(message.clock, from));
    if let (true, Some(because)) = (is_deferred, &record.because) {
        let because = plain(because);
        let _ = write!(line, "\n  Note over {id}: {from} waits, {because}");
    }
    Some(line)
}

/// Text without the characters that Mermaid interprets.
fn plain(text: &str) -> String {
    escaped(text, |c| match c {
        '<' => "#lt;",
        '>' => "#gt;",
        ';' => "#59;",
        '#' => "#35;",
        _ => "",
    })
}
