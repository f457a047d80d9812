//! A history for other programs that draw.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use serde_json::{Map, Value};

use super::escape::escaped;
use super::history::{Datagram, EventId, History, NameId, TraceError};
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

/// How many events a Mermaid diagram of these locks is made of.
pub fn mermaid_events(history: &History, locks: &[String]) -> usize {
    let numbers: Vec<_> = locks.iter().map(|lock| history.known_lock(lock)).collect();
    let lock_of = |event_id: &EventId| Some(history.event(*event_id).lock);
    let order = history.order.iter();
    order
        .filter(|event_id| numbers.contains(&lock_of(event_id)))
        .count()
}

/// A Mermaid sequence diagram for a README: requests and replies, entries, and why
/// replies are deferred, of these locks; of several each line names its own.
pub fn mermaid(history: &History, locks: &[String]) -> Result<String, TraceError> {
    let numbers: Vec<_> = locks.iter().map(|lock| history.known_lock(lock)).collect();
    let is_drawn = |lock: NameId| numbers.contains(&Some(lock));
    let with_lock = |lock: &str| match (locks.len(), lock) {
        (..=1, _) => String::new(),
        (_, "") => ", the nameless lock".to_owned(),
        (_, lock) => format!(", lock {}", plain(lock)),
    };
    let names = history.member_names();
    let mut text = "sequenceDiagram\n".to_owned();
    for id in 1..=history.members() {
        let name = names
            .get(&id)
            .map(|name| format!(" as {} ({id})", plain(name)));
        let _ = writeln!(text, "  participant {id}{}", name.unwrap_or_default());
    }
    let mut lost: HashMap<EventId, Vec<&Datagram>> = HashMap::new();
    for datagram in history.lost() {
        if let Some(sent) = datagram.sent.filter(|_| is_drawn(datagram.lock)) {
            lost.entry(sent).or_default().push(datagram);
        }
    }
    let repeated = history.datagrams.iter().filter(|it| it.is_repeated);
    let repeated: HashSet<EventId> = repeated.filter_map(|it| it.received).collect();
    // Whether the node is in the section, by run and lock.
    let mut held: HashSet<(usize, NameId)> = HashSet::new();
    for event_id in &history.order {
        let event = history.event(*event_id);
        let (id, run) = (event.id, history.label(*event_id).run);
        let of_lock = with_lock(history.lock(event));
        if is_drawn(event.lock)
            && let Some(line) = received(
                id,
                &history.record(*event_id)?,
                &of_lock,
                repeated.contains(event_id),
            )
        {
            let _ = writeln!(text, "  {line}");
        }
        for datagram in lost.remove(event_id).unwrap_or_default() {
            if !datagram.kind.is_clock_sync() {
                let head = plain(&datagram.head());
                let of_lock = with_lock(history.name(datagram.lock));
                let _ = writeln!(text, "  {id}-x{}: {head}{of_lock}", datagram.to);
            }
        }
        if !is_drawn(event.lock) {
            continue;
        }
        let is_held = event.phase == Phase::Held;
        let has_changed = match is_held {
            true => held.insert((run, event.lock)),
            false => held.remove(&(run, event.lock)),
        };
        if has_changed {
            let state = state_text(event.phase, event.number());
            let _ = writeln!(text, "  Note over {id}: {state}{of_lock}");
        }
    }
    Ok(text)
}

/// The arrow of a received message, and why its reply is deferred.
fn received(id: u16, record: &Record, of_lock: &str, is_repeated: bool) -> Option<String> {
    let message = record.message.as_ref()?;
    if message.kind.is_clock_sync() {
        return None;
    }
    let from = message.peer;
    let head = plain(&message.received_head());
    let is_question = message.kind.is_question();
    let line = if is_question { "-" } else { "--" };
    let ignored = record.ignored.as_ref().map_or("", |_| ", ignored");
    let again = if is_repeated { ", duplicate" } else { "" };
    let mut line = format!("{from}{line}>>{id}: {head}{of_lock}{again}{ignored}");
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
