//! One order of all events that contradicts no run and no receipt.
//!
//! Lamport 1978, "Time, Clocks, and the Ordering of Events in a Distributed System":
//! an event happens before the next event of its node, a sending before its receipt.
//! Wall clocks only choose among orders that are all true.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::error::TraceError;
use super::event::{Event, EventId};
use super::reader::RunEvents;

/// Returns all events, each after everything that happened before it; where several
/// could be next, the one with the earliest wall clock.
pub(super) fn order(runs: &[RunEvents], events: &[Event]) -> Result<Vec<EventId>, TraceError> {
    let mut order = Vec::with_capacity(events.len());
    // The index of each run's next event.
    let mut next: Vec<usize> = runs.iter().map(|run| run.first).collect();
    let end_of = |run: usize| runs[run].first + runs[run].count;
    // The runs whose next event receives what this event sends.
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
        let event_id = EventId::new(next[run]).ok_or(TraceError::TooLong)?;
        order.push(event_id);
        next[run] += 1;
        moved.push(run);
        moved.extend(waiting.remove(&event_id).unwrap_or_default());
    }
    match (0..runs.len()).find(|run| next[*run] < end_of(*run)) {
        None => Ok(order),
        Some(stuck) => {
            let Event { id, clock, .. } = events[next[stuck]];
            Err(TraceError::Circle { id, clock })
        }
    }
}
