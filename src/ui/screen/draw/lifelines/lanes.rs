//! Which members have a lifeline, and in which columns.

use std::collections::BTreeSet;

use crate::mutex::NodeId;
use crate::ui::screen::diagram::{LiveDiagram, Row};

/// From a lifeline to the next at most: as much as the longest label of a young
/// group takes.
const WIDEST_GAP: usize = 15;

/// From there on the notes are not given more room at the arrows' cost.
const GOOD_GAP: usize = 11;

/// An arrow between two lifelines takes two cells.
const NARROWEST_GAP: usize = 3;

/// A note with a comparison of two requests, and the space before it.
const LONG_NOTE: usize = 26;

/// The token of an entry, and the space before it.
const SHORT_NOTE: usize = 15;

/// Where the lifelines are.
pub(super) struct Lanes {
    /// Whose, from left to right.
    pub(super) ids: Vec<NodeId>,
    /// How many members have none, for want of room.
    pub(super) left_out: usize,
    /// The column of the first.
    pub(super) first: usize,
    /// From each to the next.
    pub(super) gap: usize,
}

impl Lanes {
    /// For these rows of the diagram, in so many columns.
    pub(super) fn new(diagram: &LiveDiagram, rows: &[&Row], width: usize) -> Self {
        let members = usize::from(diagram.members()).max(1);
        let digits = diagram.now.clock.to_string().len().max(3);
        // The word clock, where there is room for it.
        let digits = if width >= 44 { digits.max(5) } else { digits };
        let first = digits + 2;
        let gaps = members.saturating_sub(1).max(1);
        let room = width.saturating_sub(first + 1);
        let with_long_notes = room.saturating_sub(LONG_NOTE) / gaps;
        let gap = if with_long_notes >= GOOD_GAP {
            with_long_notes
        } else {
            let with_short_notes = room.saturating_sub(SHORT_NOTE) / gaps;
            with_short_notes.min(GOOD_GAP.max(with_long_notes))
        };
        // An id and a space.
        let narrowest = NARROWEST_GAP.max(members.to_string().len() + 1);
        let most = room.saturating_sub(SHORT_NOTE) / narrowest + 1;
        let ids = if gap >= narrowest || members <= most {
            (1..=diagram.members().max(1)).map(NodeId).collect()
        } else {
            most_active(diagram, rows, most)
        };
        let left_out = members.saturating_sub(ids.len());
        Lanes {
            ids,
            left_out,
            first,
            gap: gap.clamp(narrowest, WIDEST_GAP),
        }
    }

    /// None of a member that is left out.
    pub(super) fn column(&self, id: NodeId) -> Option<usize> {
        let place = self.ids.binary_search(&id).ok()?;
        Some(self.first + place * self.gap)
    }

    pub(super) fn last_column(&self) -> usize {
        self.first + self.ids.len().saturating_sub(1) * self.gap
    }

    /// Where the notes begin. A node alone has no room between lifelines for
    /// what comes from outside.
    pub(super) fn notes(&self) -> usize {
        let outside = if self.ids.len() == 1 { 4 } else { 0 };
        let widest = self.ids.last().map_or(0, |id| id.to_string().len());
        self.last_column() + widest / 2 + 2 + outside
    }
}

/// So many members, of them those that took part in the last events: first of
/// all we ourselves, then who waits for us, then whom we spoke to alone.
fn most_active(diagram: &LiveDiagram, rows: &[&Row], most: usize) -> Vec<NodeId> {
    let arrows = || rows.iter().rev().filter_map(|row| row.arrow.as_ref());
    let alone = arrows().filter(|arrow| arrow.peers.len() == 1);
    let together = arrows().filter(|arrow| arrow.peers.len() > 1);
    let all: BTreeSet<NodeId> = (1..=diagram.members()).map(NodeId).collect();
    let by_rank = diagram
        .now
        .deferred
        .iter()
        .chain(alone.flat_map(|arrow| &arrow.peers))
        .chain(together.flat_map(|arrow| &arrow.peers))
        .chain(&all);
    let mut chosen = BTreeSet::from([diagram.own]);
    for id in by_rank {
        if chosen.len() >= most.max(1) {
            break;
        }
        chosen.insert(*id);
    }
    chosen.into_iter().collect()
}
