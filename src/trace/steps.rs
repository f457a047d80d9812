//! A drawn run as steps, for the viewer: each event in words, its vector clock,
//! and what it changed. All numbers that are only read are text already: a clock
//! may be larger than what JavaScript can count to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::diagram::{Diagram, Dot};
use super::event::{Event, EventId, EventLabel, NameId};
use super::history::History;
use super::reader::TraceError;
use super::record::{EventKind, MessageKind, MessageRecord, Phase};
use super::vector::{Vector, VectorClocks};

/// The run, as far as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Steps {
    /// The nodes that are drawn.
    nodes: Vec<u16>,
    /// What there is to say of each node before the first event that is drawn.
    before: Vec<Row>,
    /// The events that are drawn, in the order of [`History::order`].
    events: Vec<Step>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Step {
    /// Its name in the drawing.
    name: String,
    node: u16,
    /// Milliseconds after the first event of the trace.
    at_ms: String,
    /// All of it, in short.
    text: String,
    /// What arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    datagram: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sent: Vec<String>,
    /// Why a request was answered, or deferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<String>,
    /// How many events of each node happened before it; of its own, with itself.
    vector: Vector,
    /// The nodes that are another than one step before: its own one, and those
    /// that something happened to that is not drawn.
    rows: Vec<Row>,
}

/// A node, after an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Row {
    node: u16,
    clock: String,
    state: &'static str,
    /// `request 4` or `token 5`.
    number: String,
    /// `(4,2) (6,3)`.
    queue: String,
}

impl Steps {
    /// # Errors
    /// [`TraceError`]: the files cannot be read any more.
    pub(super) fn new(history: &History, diagram: &Diagram) -> Result<Self, TraceError> {
        let dots = diagram.lanes.iter().flat_map(|lane| &lane.dots);
        let mut dots: HashMap<EventLabel, &Dot> = dots.map(|dot| (dot.event, dot)).collect();
        let nodes: BTreeSet<u16> = diagram.lanes.iter().map(|lane| lane.id).collect();
        let times = history.order.iter().map(|place| history.event(*place).at);
        let began = times.min().unwrap_or(0);
        let mut table = Table {
            history,
            lock: history.known_lock(&diagram.lock),
            rows: BTreeMap::new(),
            changed: BTreeSet::new(),
        };
        let mut before = Vec::new();
        let mut events = Vec::with_capacity(dots.len());
        let mut clocks = VectorClocks::new(history);
        while let Some((place, vector)) = clocks.advance() {
            let event = history.event(place);
            let dot = dots.remove(&history.name(place));
            if dot.is_some() && events.is_empty() {
                before = table.changes()?;
            }
            if nodes.contains(&event.id) {
                table.follow(place, event);
            }
            let Some(dot) = dot else { continue };
            let record = history.record(place)?;
            let own = event.id;
            events.push(Step {
                name: dot.event.to_string(),
                node: own,
                at_ms: milliseconds(event.at.saturating_sub(began)),
                text: dot.text.clone(),
                datagram: record.message.as_ref().map(arrived),
                sent: record.sent.iter().map(|said| sent(said, own)).collect(),
                because: record.because,
                ignored: record.ignored,
                vector: vector.clone(),
                rows: table.changes()?,
            });
            if dots.is_empty() {
                // Nothing that is drawn comes after it.
                break;
            }
        }
        Ok(Steps {
            nodes: nodes.into_iter().collect(),
            before,
            events,
        })
    }
}

/// All nodes, on the way through the run.
struct Table<'a> {
    history: &'a History,
    lock: Option<NameId>,
    /// Of each node its latest event, and the latest of its run that is about the
    /// lock.
    rows: BTreeMap<u16, (EventId, Option<EventId>)>,
    changed: BTreeSet<u16>,
}

impl Table<'_> {
    fn follow(&mut self, place: EventId, event: &Event) {
        let row = self.rows.entry(event.id).or_insert((place, None));
        let of_lock = match row.1 {
            _ if Some(event.lock) == self.lock => Some(place),
            // A new run knows nothing of what the old one wanted.
            _ if event.occasion == EventKind::Start => None,
            before => before,
        };
        *row = (place, of_lock);
        self.changed.insert(event.id);
    }

    /// The rows that are another than when this was asked before.
    fn changes(&mut self) -> Result<Vec<Row>, TraceError> {
        let changed = std::mem::take(&mut self.changed);
        changed.iter().map(|id| self.row(*id)).collect()
    }

    fn row(&self, node: u16) -> Result<Row, TraceError> {
        let (latest, of_lock) = self.rows[&node];
        let (state, number, queue) = match of_lock {
            None => ("FREE", String::new(), String::new()),
            Some(place) => {
                let record = self.history.record(place)?;
                let queue = record.queue.iter();
                let queue: Vec<String> =
                    queue.map(|(clock, id)| format!("({clock},{id})")).collect();
                let (state, number) = state(self.history.event(place));
                (state, number, queue.join(" "))
            }
        };
        Ok(Row {
            node,
            clock: self.history.event(latest).clock.to_string(),
            state,
            number,
            queue,
        })
    }
}

fn state(event: &Event) -> (&'static str, String) {
    let number = |word: &str, number: Option<u64>| {
        number.map_or_else(String::new, |number| format!("{word} {number}"))
    };
    match event.phase {
        Phase::Free => ("FREE", String::new()),
        Phase::Wait => ("WAIT", number("request", event.request())),
        Phase::Held => ("HELD", number("token", event.token())),
    }
}

fn milliseconds(micros: u64) -> String {
    format!("{}.{:03}", micros / 1_000, micros % 1_000)
}

fn arrived(said: &MessageRecord) -> String {
    let peer = said.peer;
    format!(
        "{} from {peer}{}",
        said.kind.head(said.clock, peer),
        remark(said)
    )
}

fn sent(said: &MessageRecord, own: u16) -> String {
    format!(
        "{} to {}{}",
        said.kind.head(said.clock, own),
        said.peer,
        remark(said)
    )
}

fn remark(said: &MessageRecord) -> String {
    match (said.kind, said.echo) {
        (MessageKind::Request, _) | (MessageKind::Reply, None) => String::new(),
        (MessageKind::Reply, Some(echo)) => format!(", to the request of clock {echo}"),
        (MessageKind::Superseded, _) => ", overtaken: ask anew".to_owned(),
        (MessageKind::Hello, _) => ", a greeting".to_owned(),
        (MessageKind::Welcome, _) => ", a welcome".to_owned(),
    }
}
