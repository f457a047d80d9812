//! A drawn run as steps, for the viewer: each event in words, its vector clock,
//! and what it changed. All numbers that are only read are text already: a clock
//! may be larger than what JavaScript can count to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::diagram::{Diagram, Dot};
use super::history::{History, Place};
use super::record::{Kind, Occasion, Phase, Record, Said};
use super::vector::{Vector, vector_clocks};

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
    pub(super) fn new(history: &History, diagram: &Diagram) -> Self {
        let dots = diagram.lanes.iter().flat_map(|lane| &lane.dots);
        let dots: HashMap<Place, &Dot> = dots.map(|dot| (dot.event, dot)).collect();
        let nodes: Vec<u16> = diagram.lanes.iter().map(|lane| lane.id).collect();
        let times = history.order.iter().map(|place| history.record(*place).at);
        let began = times.min().unwrap_or(0);
        let mut table = Table::default();
        let mut before = Vec::new();
        let mut events = Vec::with_capacity(dots.len());
        vector_clocks(history, |place, vector| {
            let (id, record) = (history.id(place), history.record(place));
            let dot = dots.get(&place);
            if dot.is_some() && events.is_empty() {
                before = table.changes();
            }
            if nodes.contains(&id) {
                table.follow(id, record, &diagram.lock);
            }
            let Some(dot) = dot else { return };
            events.push(Step {
                name: place.to_string(),
                node: id,
                at_ms: milliseconds(record.at.saturating_sub(began)),
                text: dot.text.clone(),
                datagram: record.message.as_ref().map(arrived),
                sent: record.sent.iter().map(|said| sent(said, id)).collect(),
                because: record.because.clone(),
                ignored: record.ignored.clone(),
                vector: vector.clone(),
                rows: table.changes(),
            });
        });
        Steps {
            nodes,
            before,
            events,
        }
    }
}

/// All nodes, on the way through the run.
#[derive(Default)]
struct Table {
    rows: BTreeMap<u16, Row>,
    changed: BTreeSet<u16>,
}

impl Table {
    fn follow(&mut self, id: u16, record: &Record, lock: &str) {
        let row = self.rows.entry(id).or_default();
        self.changed.insert(id);
        row.node = id;
        row.clock = record.clock.to_string();
        let is_of_lock = record.lock.as_deref().unwrap_or_default() == lock;
        if record.event == Occasion::Start || row.state.is_empty() {
            // A new run knows nothing of what the old one wanted.
            (row.state, row.number, row.queue) = ("FREE", String::new(), String::new());
        }
        if !is_of_lock {
            return;
        }
        (row.state, row.number) = match (record.state, record.request, record.token) {
            (Phase::Wait, Some(clock), _) => ("WAIT", format!("request {clock}")),
            (Phase::Wait, None, _) => ("WAIT", String::new()),
            (Phase::Held, _, Some(token)) => ("HELD", format!("token {token}")),
            (Phase::Held, _, None) => ("HELD", String::new()),
            (Phase::Free, ..) => ("FREE", String::new()),
        };
        let queue = record.queue.iter();
        let queue: Vec<String> = queue.map(|(clock, id)| format!("({clock},{id})")).collect();
        row.queue = queue.join(" ");
    }

    /// The rows that are another than when this was asked before.
    fn changes(&mut self) -> Vec<Row> {
        let changed = std::mem::take(&mut self.changed);
        changed.iter().map(|id| self.rows[id].clone()).collect()
    }
}

fn milliseconds(micros: u64) -> String {
    format!("{}.{:03}", micros / 1_000, micros % 1_000)
}

fn arrived(said: &Said) -> String {
    let peer = said.peer;
    format!("{} from {peer}{}", head(said, peer), remark(said))
}

fn sent(said: &Said, own: u16) -> String {
    format!("{} to {}{}", head(said, own), said.peer, remark(said))
}

/// The text of the datagram, as far as the original reads it.
fn head(said: &Said, from: u16) -> String {
    let word = match said.kind {
        Kind::Request | Kind::Hello => "req",
        Kind::Reply | Kind::Overtaken | Kind::Welcome => "reply",
    };
    format!("{word}<{},{from}>", said.clock)
}

fn remark(said: &Said) -> String {
    match (said.kind, said.echo) {
        (Kind::Request, _) | (Kind::Reply, None) => String::new(),
        (Kind::Reply, Some(echo)) => format!(", to the request of clock {echo}"),
        (Kind::Overtaken, _) => ", overtaken: ask anew".to_owned(),
        (Kind::Hello, _) => ", a greeting".to_owned(),
        (Kind::Welcome, _) => ", a welcome".to_owned(),
    }
}
