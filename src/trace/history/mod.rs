//! The runs of a trace, merged by happened-before.
//!
//! ```text
//! files ─ file_lines ─> reader ─> events, datagrams ─ matching, order ─> History
//! ```

mod datagram;
mod error;
mod event;
mod file_lines;
mod lines;
mod matching;
mod names;
mod order;
mod reader;
mod views;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::record::Record;
use super::run::Run;
use lines::Lines;
use matching::Ends;
use names::Names;
use order::order;
use reader::Contents;
use views::Views;

pub(super) use names::NameId;

pub use datagram::Datagram;
pub use error::TraceError;
pub use event::{Event, EventId, EventLabel};
pub use reader::{Progress, RunEvents};

/// Merged runs. Memory holds numbers of each event; its text is read again on demand,
/// which fails with a [`TraceError`] if the files can no longer be read.
#[derive(Debug)]
pub struct History {
    /// The runs, by id and then by time.
    pub runs: Vec<RunEvents>,
    /// All events, each after everything that happened before it.
    pub order: Vec<EventId>,
    /// All datagrams, by sending, or else by receipt. [`Datagram`] documents which of
    /// several equal sendings an arrival is assigned to.
    pub datagrams: Vec<Datagram>,
    /// The views and leases of a group with failover.
    pub(super) views: Views,
    events: Vec<Event>,
    names: Names,
    lines: Lines,
}

impl History {
    /// Merges runs, which are in the order of ids and then of time.
    ///
    /// # Errors
    /// [`TraceError`] if no order is true to all of them.
    pub fn new(runs: &[Run]) -> Result<Self, TraceError> {
        History::merge(Contents::of_runs(runs)?)
    }

    /// Reads and merges all runs in a folder, and reports progress from time to time.
    ///
    /// # Errors
    /// [`TraceError`] names the file, and the line.
    pub fn read(folder: &Path, mut report: impl FnMut(Progress)) -> Result<Self, TraceError> {
        let contents = Contents::of_folder(folder, &mut report)?;
        let events = contents.events.len();
        let percent = None;
        report(Progress { events, percent });
        History::merge(contents)
    }

    fn merge(mut contents: Contents) -> Result<Self, TraceError> {
        for pair in contents.runs.windows(2) {
            let (one, other) = (pair[0].header.members, pair[1].header.members);
            if one != other {
                return Err(TraceError::Groups(one, other));
            }
        }
        let ends = Ends::new(contents.sent, contents.received).ok_or(TraceError::TooLong)?;
        ends.find_origins(&mut contents.events);
        let order = order(&contents.runs, &contents.events)?;
        let mut rank = vec![0; order.len()];
        for (event_id, position) in order.iter().zip(0..) {
            rank[event_id.index()] = position;
        }
        Ok(History {
            datagrams: ends.matched(&rank),
            runs: contents.runs,
            order,
            views: contents.views,
            events: contents.events,
            names: contents.names,
            lines: contents.lines,
        })
    }

    /// An event.
    pub fn event(&self, event_id: EventId) -> &Event {
        &self.events[event_id.index()]
    }

    /// The ids of all events, run by run.
    pub fn event_ids(&self) -> impl Iterator<Item = EventId> + use<> {
        (0..self.events.len()).map_while(EventId::new)
    }

    /// The event before this one in its run; `None` for the first.
    pub fn previous(&self, event_id: EventId) -> Option<EventId> {
        let before = event_id.before()?;
        (self.event(before).run == self.event(event_id).run).then_some(before)
    }

    /// The run of an event.
    pub fn run(&self, event_id: EventId) -> &RunEvents {
        &self.runs[self.event(event_id).run as usize]
    }

    /// The name of an event in a drawing.
    pub fn label(&self, event_id: EventId) -> EventLabel {
        let run = self.event(event_id).run as usize;
        let record = event_id.index() - self.runs[run].first;
        EventLabel { run, record }
    }

    /// The lock of an event; empty for the original's one lock.
    pub fn lock(&self, event: &Event) -> &str {
        self.names.name(event.lock)
    }

    /// The sender's run of a datagram; empty for a process of the original.
    pub fn sender_run(&self, datagram: &Datagram) -> &str {
        self.names.name(datagram.run)
    }

    /// The name of a lock, or of a run, with this number.
    pub(super) fn name(&self, number: NameId) -> &str {
        self.names.name(number)
    }

    /// The number of a lock's name, if the trace contains it.
    pub(super) fn known_lock(&self, name: &str) -> Option<NameId> {
        self.names.known(name)
    }

    /// The locks that any event is about, by name; the original's one lock, whose name is
    /// empty, comes first.
    pub fn locks(&self) -> Vec<&str> {
        let about = self.events.iter().filter(|event| event.is_about_lock());
        let numbers: HashSet<NameId> = about.map(|event| event.lock).collect();
        let names = numbers.into_iter().map(|number| self.names.name(number));
        let mut names: Vec<&str> = names.collect();
        names.sort_unstable();
        names
    }

    /// The line of an event, as it was written.
    pub fn line(&self, event_id: EventId) -> Result<Vec<u8>, TraceError> {
        let (event, run) = (self.event(event_id), self.run(event_id));
        let next = self.events.get(event_id.index() + 1);
        let end = next
            .filter(|next| next.run == event.run)
            .map_or(run.end, |next| next.line);
        self.lines.read(event.run as usize, event.line..end)
    }

    /// The record of an event. Fails, too, if the file was replaced.
    pub fn record(&self, event_id: EventId) -> Result<Record, TraceError> {
        let line = self.line(event_id)?;
        let source = &self.lines.sources[self.event(event_id).run as usize];
        serde_json::from_slice(&line).map_err(|error| TraceError::Line {
            path: source.path.clone(),
            line: self.line_number(event_id),
            why: error.to_string(),
        })
    }

    /// The number of an event's line in its file, counted from 1.
    pub fn line_number(&self, event_id: EventId) -> usize {
        // The header is line 1.
        self.label(event_id).record + 2
    }

    /// The time of the earliest event.
    pub(super) fn begins_at(&self) -> u64 {
        self.events.iter().map(|event| event.at).min().unwrap_or(0)
    }

    /// The datagrams that did not arrive, or have not arrived yet, as far as their
    /// receivers left traces.
    pub fn lost(&self) -> impl Iterator<Item = &Datagram> {
        let missing: HashSet<u16> = self.missing().into_iter().collect();
        let did_not_arrive = |datagram: &&Datagram| datagram.received.is_none();
        let lost = self.datagrams.iter().filter(did_not_arrive);
        lost.filter(move |datagram| !missing.contains(&datagram.to))
    }

    /// The members that left no trace.
    pub fn missing(&self) -> Vec<u16> {
        let has_trace = |id: &u16| self.runs.iter().any(|run| run.header.id == *id);
        (1..=self.members()).filter(|id| !has_trace(id)).collect()
    }

    /// The names of the members, as far as their traces have them.
    pub(super) fn member_names(&self) -> BTreeMap<u16, String> {
        let headers = self.runs.iter().map(|run| &run.header);
        let named = headers.filter_map(|header| Some((header.id, header.name.clone()?)));
        named.collect()
    }

    /// The number of members.
    pub fn members(&self) -> u16 {
        self.runs.first().map_or(0, |run| run.header.members)
    }
}
