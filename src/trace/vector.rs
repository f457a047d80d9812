//! Vector clocks, computed from the matched sendings and receipts (Mattern 1989,
//! "Virtual Time and Global States of Distributed Systems", section 4). One event
//! happened before another if and only if the other one's clock knows it.

use std::collections::HashMap;

use super::history::{History, Place};

/// Of each node, how many of its events are known. Place 0 is node 1.
pub type Vector = Vec<u32>;

/// Calls `visit` with each event, in an order that happened-before allows, and
/// its vector clock. Each node's first event has 1 in its own place.
pub fn vector_clocks(history: &History, mut visit: impl FnMut(Place, &Vector)) {
    let mut receipts: HashMap<Place, u32> = HashMap::new();
    for place in &history.order {
        if let Some(origin) = history.origin(*place) {
            *receipts.entry(origin).or_default() += 1;
        }
    }
    let members = usize::from(history.members());
    let mut now: Vec<Vector> = vec![vec![0; members]; members];
    let mut under_way: HashMap<Place, (Vector, u32)> = HashMap::new();
    for place in &history.order {
        let own = usize::from(history.id(*place)) - 1;
        if let Some(origin) = history.origin(*place)
            && let Some((sent, left)) = under_way.get_mut(&origin)
        {
            for (ours, theirs) in now[own].iter_mut().zip(sent.iter()) {
                *ours = (*ours).max(*theirs);
            }
            *left -= 1;
            if *left == 0 {
                under_way.remove(&origin);
            }
        }
        now[own][own] += 1;
        if let Some(count) = receipts.get(place) {
            under_way.insert(*place, (now[own].clone(), *count));
        }
        visit(*place, &now[own]);
    }
}
