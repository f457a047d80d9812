//! The runs of a trace, merged by happened-before: which send a receipt belongs
//! to, and one order of all events that contradicts none of it.
//!
//! Lamport 1978: an event happens before the next one of its node, a sending
//! before its receipt. The clock of the wall only chooses among orders that are
//! all true.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::path::Path;

use thiserror::Error;

use super::event::{Datagram, Event, EventId, EventLabel, NameId, Names};
use super::lines::Lines;
use super::matching::Ends;
use super::reader::{Intake, Progress, RunEvents, TraceError};
use super::record::Record;
use super::run::Run;

/// Runs, merged. Of each event there are numbers in memory; its text is read
/// again where it is asked for.
#[derive(Debug)]
pub struct History {
    /// The runs, by id and then by time.
    pub runs: Vec<RunEvents>,
    /// All events, each after all that happened before it.
    pub order: Vec<EventId>,
    /// All datagrams, by sending, or else by receipt. Which of several that are
    /// the same has arrived is a choice: see [`Datagram`].
    pub datagrams: Vec<Datagram>,
    events: Vec<Event>,
    names: Names,
    lines: Lines,
}

/// Why runs do not make a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Contradiction {
    /// Something arrived before it was sent.
    #[error(
        "the trace contradicts itself: an event of node {id}, at clock {clock}, happened before itself"
    )]
    Circle {
        /// Whose event.
        id: u16,
        /// Its clock.
        clock: u64,
    },
    /// The runs are of different groups.
    #[error("the traces are of different groups: one has {0} members, and another {1}")]
    Groups(u16, u16),
}

impl History {
    /// Merges runs, which are in order of ids and then of time.
    ///
    /// # Errors
    /// [`Contradiction`] if no order is true to all of it.
    pub fn new(runs: &[Run]) -> Result<Self, TraceError> {
        History::merged(Intake::of_runs(runs)?)
    }

    /// Reads and merges all runs in a folder. `progress` is told now and then how
    /// far it is.
    ///
    /// # Errors
    /// [`TraceError`] names the file, and the line.
    pub fn read(folder: &Path, mut progress: impl FnMut(Progress)) -> Result<Self, TraceError> {
        let intake = Intake::of_folder(folder, &mut progress)?;
        let events = intake.events.len();
        progress(Progress::Merging { events });
        History::merged(intake)
    }

    fn merged(mut intake: Intake) -> Result<Self, TraceError> {
        for pair in intake.runs.windows(2) {
            let (one, other) = (pair[0].header.members, pair[1].header.members);
            if one != other {
                return Err(Contradiction::Groups(one, other).into());
            }
        }
        let ends = Ends::take(&mut intake).ok_or(TraceError::TooLong)?;
        ends.find_origins(&mut intake.events);
        let order = ordered(&intake.runs, &intake.events)?;
        let mut rank = vec![0; order.len()];
        for (place, number) in order.iter().zip(0..) {
            rank[place.index()] = number;
        }
        Ok(History {
            datagrams: ends.matched(&rank),
            runs: intake.runs,
            order,
            events: intake.events,
            names: intake.names,
            lines: intake.lines,
        })
    }

    /// The event at a place.
    #[must_use]
    pub fn event(&self, place: EventId) -> &Event {
        &self.events[place.index()]
    }

    /// All places, run by run.
    pub fn places(&self) -> impl Iterator<Item = EventId> + use<> {
        (0..self.events.len()).map_while(EventId::new)
    }

    /// The event before it in its run, if it is not the first.
    #[must_use]
    pub fn previous(&self, place: EventId) -> Option<EventId> {
        let before = place.before()?;
        (self.event(before).run == self.event(place).run).then_some(before)
    }

    /// The run of the event at a place.
    #[must_use]
    pub fn run(&self, place: EventId) -> &RunEvents {
        &self.runs[self.event(place).run as usize]
    }

    /// Its name in a drawing.
    #[must_use]
    pub fn name(&self, place: EventId) -> EventLabel {
        let run = self.event(place).run as usize;
        let record = place.index() - self.runs[run].first;
        EventLabel { run, record }
    }

    /// The lock of an event; empty for the original's one.
    #[must_use]
    pub fn lock(&self, event: &Event) -> &str {
        self.names.name(event.lock)
    }

    /// The sender's run of a datagram; empty for a process of the original.
    #[must_use]
    pub fn sender_run(&self, datagram: &Datagram) -> &str {
        self.names.name(datagram.run)
    }

    /// The number of a lock's name, if anything is about it.
    pub(super) fn known_lock(&self, name: &str) -> Option<NameId> {
        self.names.known(name)
    }

    /// The line of the event at a place, as it was written.
    ///
    /// # Errors
    /// The file cannot be read any more.
    pub fn line(&self, place: EventId) -> Result<Vec<u8>, TraceError> {
        let (event, run) = (self.event(place), self.run(place));
        let next = self.events.get(place.index() + 1);
        let end = next
            .filter(|next| next.run == event.run)
            .map_or(run.end, |next| next.line);
        self.lines.read(event.run as usize, event.line..end)
    }

    /// All that was written down of the event at a place.
    ///
    /// # Errors
    /// The file cannot be read any more, or is another.
    pub fn record(&self, place: EventId) -> Result<Record, TraceError> {
        let line = self.line(place)?;
        serde_json::from_slice(&line).map_err(|error| TraceError::Line {
            path: self.lines.path(self.event(place).run as usize).clone(),
            line: self.line_number(place),
            why: error.to_string(),
        })
    }

    /// Which line of its file it is, counted from 1.
    #[must_use]
    pub fn line_number(&self, place: EventId) -> usize {
        // The header is line 1.
        self.name(place).record + 2
    }

    /// The datagrams that did not arrive, or not yet: where there is a trace of whom
    /// they are for, so that it is known.
    pub fn lost(&self) -> impl Iterator<Item = &Datagram> {
        let missing: HashSet<u16> = self.missing().into_iter().collect();
        let did_not_arrive = |datagram: &&Datagram| datagram.received.is_none();
        let lost = self.datagrams.iter().filter(did_not_arrive);
        lost.filter(move |datagram| !missing.contains(&datagram.to))
    }

    /// The members of which there is no trace.
    #[must_use]
    pub fn missing(&self) -> Vec<u16> {
        let has_trace = |id: &u16| self.runs.iter().any(|run| run.header.id == *id);
        (1..=self.members()).filter(|id| !has_trace(id)).collect()
    }

    /// How many members there are.
    #[must_use]
    pub fn members(&self) -> u16 {
        self.runs.first().map_or(0, |run| run.header.members)
    }
}

/// All events, each after all that happened before it; among those that could be
/// next, by the clock of the wall.
fn ordered(runs: &[RunEvents], events: &[Event]) -> Result<Vec<EventId>, TraceError> {
    let place_of = |index: usize| EventId::new(index).ok_or(TraceError::TooLong);
    let mut order = Vec::with_capacity(events.len());
    // Of each run, its next event, by index.
    let mut next: Vec<usize> = runs.iter().map(|run| run.first).collect();
    let end_of = |run: usize| runs[run].first + runs[run].count;
    // Runs whose next event is the arrival of what is sent there.
    let mut waiting: HashMap<EventId, Vec<usize>> = HashMap::new();
    let mut ready = BinaryHeap::new();
    // A run comes after the earlier runs of its node.
    let is_first = |run: usize| run == 0 || runs[run - 1].header.id != runs[run].header.id;
    let mut moved: Vec<usize> = (0..runs.len()).filter(|run| is_first(*run)).collect();
    loop {
        while let Some(run) = moved.pop() {
            if next[run] == end_of(run) {
                if run + 1 < runs.len() && !is_first(run + 1) {
                    moved.push(run + 1);
                }
                continue;
            }
            let event = &events[next[run]];
            let is_done =
                |origin: &EventId| next[events[origin.index()].run as usize] > origin.index();
            match event.origin.filter(|origin| !is_done(origin)) {
                Some(origin) => waiting.entry(origin).or_default().push(run),
                None => ready.push(Reverse((event.at, event.id, run))),
            }
        }
        let Some(Reverse((.., run))) = ready.pop() else {
            break;
        };
        let place = place_of(next[run])?;
        order.push(place);
        next[run] += 1;
        moved.push(run);
        if let Some(released) = waiting.remove(&place) {
            moved.extend(released);
        }
    }
    let stuck = (0..runs.len()).find(|run| next[*run] < end_of(*run));
    match stuck.map(|run| &events[next[run]]) {
        None => Ok(order),
        Some(Event { id, clock, .. }) => Err(Contradiction::Circle {
            id: *id,
            clock: *clock,
        }
        .into()),
    }
}
