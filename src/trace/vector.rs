//! Vector clocks, computed from the matched sendings and receipts (Mattern 1989,
//! "Virtual Time and Global States of Distributed Systems", section 4). An event
//! happened before another one if and only if the vector clock of the other one
//! counts it.

use std::collections::HashMap;

use super::history::{EventId, History};

/// How many events of each node happened before, node 1 at index 0.
pub type Vector = Vec<u32>;

/// Iterates over the events of a history with their vector clocks. Only the vector
/// clocks of datagrams under way are kept.
#[derive(Debug)]
pub struct VectorClocks<'a> {
    history: &'a History,
    /// How many events of [`History::order`] were returned.
    done: usize,
    /// The vector clock of each node.
    now: Vec<Vector>,
    /// For each event, how many receipts of what it sent are still to come.
    receipts: Vec<u32>,
    /// The vector clocks of the events with such receipts.
    under_way: HashMap<EventId, Vector>,
}

impl<'a> VectorClocks<'a> {
    /// Starts at the first event.
    pub fn new(history: &'a History) -> Self {
        let mut receipts = vec![0; history.order.len()];
        for event_id in &history.order {
            if let Some(origin) = history.event(*event_id).origin {
                receipts[origin.index()] += 1;
            }
        }
        let members = usize::from(history.members());
        VectorClocks {
            history,
            done: 0,
            now: vec![vec![0; members]; members],
            receipts,
            under_way: HashMap::new(),
        }
    }

    /// Returns the next event in an order that happened-before allows, with its vector
    /// clock. It counts the event itself: a node's first event has 1 at the node's own
    /// index.
    pub fn advance(&mut self) -> Option<(EventId, &Vector)> {
        let event_id = *self.history.order.get(self.done)?;
        self.done += 1;
        let event = self.history.event(event_id);
        let own = usize::from(event.id) - 1;
        if let Some(origin) = event.origin {
            if let Some(sent) = self.under_way.get(&origin) {
                for (ours, theirs) in self.now[own].iter_mut().zip(sent) {
                    *ours = (*ours).max(*theirs);
                }
            }
            let left = &mut self.receipts[origin.index()];
            *left -= 1;
            if *left == 0 {
                self.under_way.remove(&origin);
            }
        }
        self.now[own][own] += 1;
        if self.receipts[event_id.index()] > 0 {
            self.under_way.insert(event_id, self.now[own].clone());
        }
        Some((event_id, &self.now[own]))
    }
}
