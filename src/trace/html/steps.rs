//! A drawn run as steps for the viewer: each event in words, its vector clock, and what
//! it changed. Numbers that are only shown are text: a clock may exceed what JavaScript
//! counts exactly.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use crate::narrate::{remark, state};
use crate::trace::diagram::{Diagram, Dot};
use crate::trace::history::{Event, EventId, EventLabel, History, NameId, TraceError};
use crate::trace::record::{EventKind, MessageKind, MessageRecord, Phase};
use crate::trace::vector::{Vector, VectorClocks};

/// The drawn part of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Steps {
    /// The nodes that are drawn.
    nodes: Vec<u16>,
    /// Their names, as far as their traces have them.
    names: BTreeMap<u16, String>,
    /// The locks that are drawn.
    locks: Vec<String>,
    /// The nodes before the first event that is drawn.
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
    /// The index of its lock.
    #[serde(skip_serializing_if = "is_first")]
    lock: usize,
    /// Milliseconds after the first event of the trace.
    at_ms: String,
    /// The event in words.
    text: String,
    /// The message that arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    datagram: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sent: Vec<String>,
    /// The comparison that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignored: Option<String>,
    /// How many events of each node happened before it, itself included.
    vector: Vector,
    /// The nodes that changed since the step before: its own, and nodes with events that
    /// are not drawn.
    rows: Vec<Row>,
}

/// A node after an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Row {
    node: u16,
    /// The index of the lock.
    #[serde(skip_serializing_if = "is_first")]
    lock: usize,
    clock: String,
    state: &'static str,
    /// `request 4` or `token 5`.
    number: String,
    /// `(4,2) (6,3)`.
    queue: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_first(lock: &usize) -> bool {
    *lock == 0
}

impl Steps {
    pub(super) fn new(history: &History, diagram: &Diagram) -> Result<Self, TraceError> {
        // An event about no lock is drawn for each; the first drawing counts.
        let mut dots: HashMap<EventLabel, (&Dot, usize)> = HashMap::new();
        for lane in &diagram.lanes {
            for dot in &lane.dots {
                dots.entry(dot.event).or_insert((dot, lane.lock));
            }
        }
        let nodes: BTreeSet<u16> = diagram.lanes.iter().map(|lane| lane.id).collect();
        let begins = history.begins_at();
        let mut table = Table {
            history,
            locks: (diagram.locks.iter())
                .map(|lock| history.known_lock(lock))
                .collect(),
            rows: BTreeMap::new(),
            changed: BTreeSet::new(),
        };
        let mut before = Vec::new();
        let mut events = Vec::with_capacity(dots.len());
        let mut clocks = VectorClocks::new(history);
        while let Some((event_id, vector)) = clocks.advance() {
            let event = history.event(event_id);
            let dot = dots.remove(&history.label(event_id));
            if dot.is_some() && events.is_empty() {
                before = table.take_changes()?;
            }
            if nodes.contains(&event.id) {
                table.follow(event_id, event);
            }
            let Some((dot, lock)) = dot else { continue };
            let since = event.at.saturating_sub(begins);
            let record = history.record(event_id)?;
            let received = record.message.as_ref();
            let received = received.map(|message| datagram(message, message.peer, "from"));
            let sent = record.sent.iter();
            let sent = sent.map(|message| datagram(message, event.id, "to"));
            events.push(Step {
                name: dot.event.to_string(),
                node: event.id,
                lock,
                at_ms: format!("{}.{:03}", since / 1_000, since % 1_000),
                text: dot.text.clone(),
                datagram: received,
                sent: sent.collect(),
                because: record.because,
                ignored: record.ignored,
                vector: vector.clone(),
                rows: table.take_changes()?,
            });
            if dots.is_empty() {
                // No later event is drawn.
                break;
            }
        }
        Ok(Steps {
            nodes: nodes.into_iter().collect(),
            names: history.member_names(),
            locks: diagram.locks.clone(),
            before,
            events,
        })
    }
}

/// All nodes, followed through the run.
struct Table<'a> {
    history: &'a History,
    locks: Vec<Option<NameId>>,
    /// The latest event of each node, and the latest of its run that concerns each lock.
    rows: BTreeMap<u16, (EventId, Vec<Option<EventId>>)>,
    changed: BTreeSet<u16>,
}

impl Table<'_> {
    fn follow(&mut self, event_id: EventId, event: &Event) {
        let nothing = || (event_id, vec![None; self.locks.len()]);
        let (latest, of_locks) = self.rows.entry(event.id).or_insert_with(nothing);
        *latest = event_id;
        for (lock, of_lock) in self.locks.iter().zip(of_locks) {
            if Some(event.lock) == *lock {
                *of_lock = Some(event_id);
            } else if event.kind == EventKind::Start {
                // A new run does not know the state of the earlier one.
                *of_lock = None;
            }
        }
        self.changed.insert(event.id);
    }

    /// Returns the rows that changed since the last call.
    fn take_changes(&mut self) -> Result<Vec<Row>, TraceError> {
        let changed = std::mem::take(&mut self.changed);
        let locks = 0..self.locks.len();
        let rows = changed
            .iter()
            .flat_map(|id| locks.clone().map(|lock| (*id, lock)));
        rows.map(|(id, lock)| self.row(id, lock)).collect()
    }

    fn row(&self, node: u16, lock: usize) -> Result<Row, TraceError> {
        let (latest, of_locks) = &self.rows[&node];
        let record = of_locks[lock].map(|event_id| self.history.record(event_id));
        let record = record.transpose()?;
        let (phase, number) = record.as_ref().map_or((Phase::Free, None), |record| {
            (record.state, record.number())
        });
        let (state, number) = state(phase, number);
        let queue = record.iter().flat_map(|record| &record.queue);
        let queue: Vec<String> = queue.map(|(clock, id)| format!("({clock},{id})")).collect();
        Ok(Row {
            node,
            lock,
            clock: self.history.event(*latest).clock.to_string(),
            state,
            number,
            queue: queue.join(" "),
        })
    }
}

/// `reply<5,1> to 2, to the request of clock 4`. `preposition` stands before the peer.
fn datagram(message: &MessageRecord, from: u16, preposition: &str) -> String {
    let (head, peer) = (message.kind.head(message.clock, from), message.peer);
    let remark = match (message.kind, message.echo) {
        (MessageKind::Reply, Some(echo)) => format!(", to the request of clock {echo}"),
        (kind, _) if remark(kind).is_empty() => String::new(),
        (kind, _) => format!(", {}", remark(kind)),
    };
    format!("{head} {preposition} {peer}{remark}")
}
