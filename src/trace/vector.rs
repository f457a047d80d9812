//! Vector clocks, computed from the matched sendings and receipts (Mattern 1989,
//! "Virtual Time and Global States of Distributed Systems", section 4). One event
//! happened before another if and only if the other one's clock knows it.

use std::collections::HashMap;

use super::event::EventId;
use super::history::History;

/// Of each node, how many of its events are known. Place 0 is node 1.
pub type Vector = Vec<u32>;

/// The events of a history with their vector clocks, one after the other: only
/// those of what is under way are remembered.
#[derive(Debug)]
pub struct VectorClocks<'a> {
    history: &'a History,
    /// How many of [`History::order`] are done.
    done: usize,
    /// Of each node.
    now: Vec<Vector>,
    /// Of each event, how many receipts of what was sent there are to come.
    receipts: Vec<u32>,
    /// Of those for which any are.
    under_way: HashMap<EventId, Vector>,
}

impl<'a> VectorClocks<'a> {
    /// From the first event on.
    #[must_use]
    pub fn new(history: &'a History) -> Self {
        let mut receipts = vec![0; history.order.len()];
        for place in &history.order {
            if let Some(origin) = history.event(*place).origin {
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

    /// The next event, in an order that happened-before allows, and its vector
    /// clock. Each node's first event has 1 in its own place.
    pub fn advance(&mut self) -> Option<(EventId, &Vector)> {
        let place = *self.history.order.get(self.done)?;
        self.done += 1;
        let event = self.history.event(place);
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
        if self.receipts[place.index()] > 0 {
            self.under_way.insert(place, self.now[own].clone());
        }
        Some((place, &self.now[own]))
    }
}
