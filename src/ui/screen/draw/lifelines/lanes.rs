//! The members that have a lifeline, and the columns of the lifelines.

use std::collections::BTreeSet;

use crate::mutex::NodeId;
use crate::ui::screen::diagram::{LiveDiagram, Row};

/// The widest gap between two lifelines: it fits the longest label of a young group.
const MAX_GAP: usize = 15;

/// The gap below which the notes get no more room at the arrows' cost.
const GOOD_GAP: usize = 11;

/// The narrowest gap: an arrow between two lifelines takes two cells.
const MIN_GAP: usize = 3;

/// The width of a note that compares two requests, and of the space before it.
const LONG_NOTE: usize = 26;

/// The width of the token of an entry, and of the space before it.
const SHORT_NOTE: usize = 15;

/// The columns of the lifelines.
pub(super) struct Lanes {
    /// The members that have one, from left to right.
    pub(super) ids: Vec<NodeId>,
    /// How many members have none, because there is no room.
    pub(super) left_out: usize,
    /// The column of the first.
    pub(super) first: usize,
    /// The distance from each to the next.
    pub(super) gap: usize,
}

impl Lanes {
    /// The lifelines for these rows of the diagram, in this many columns.
    pub(super) fn new(diagram: &LiveDiagram, rows: &[&Row], width: usize) -> Self {
        let members = usize::from(diagram.members()).max(1);
        let digits = diagram.now.clock.to_string().len().max(3);
        // The word "clock", if there is room for it.
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
        let min_gap = MIN_GAP.max(members.to_string().len() + 1);
        let max_lanes = room.saturating_sub(SHORT_NOTE) / min_gap + 1;
        let ids = if gap >= min_gap || members <= max_lanes {
            (1..=diagram.members().max(1)).map(NodeId).collect()
        } else {
            most_active(diagram, rows, max_lanes)
        };
        let left_out = members.saturating_sub(ids.len());
        Lanes {
            ids,
            left_out,
            first,
            gap: gap.clamp(min_gap, MAX_GAP),
        }
    }

    /// The column of a member. `None` if it is left out.
    pub(super) fn column(&self, id: NodeId) -> Option<usize> {
        let place = self.ids.binary_search(&id).ok()?;
        Some(self.first + place * self.gap)
    }

    /// Every member that has a lifeline, with its column.
    pub(super) fn columns(&self) -> impl Iterator<Item = (NodeId, usize)> {
        let columns = (self.first..).step_by(self.gap);
        self.ids.iter().copied().zip(columns)
    }

    pub(super) fn last_column(&self) -> usize {
        self.first + self.ids.len().saturating_sub(1) * self.gap
    }

    /// The column of the notes. A node alone needs room for datagrams from outside: it
    /// has no gap between lifelines.
    pub(super) fn notes(&self) -> usize {
        let outside = if self.ids.len() == 1 { 4 } else { 0 };
        let widest = self.ids.last().map_or(0, |id| id.to_string().len());
        self.last_column() + widest / 2 + 2 + outside
    }
}

/// At most `max` members: we ourselves, then the peers that wait for us, then those of
/// the latest datagrams that went to or came from one peer, then the others.
fn most_active(diagram: &LiveDiagram, rows: &[&Row], max: usize) -> Vec<NodeId> {
    let arrows = || rows.iter().rev().filter_map(|row| row.arrow.as_ref());
    let alone = arrows().filter(|arrow| arrow.peers.len() == 1);
    let together = arrows().filter(|arrow| arrow.peers.len() > 1);
    let arrows = alone.chain(together).flat_map(|arrow| &arrow.peers);
    let waiting = diagram.now.deferred.iter();
    let by_rank = waiting.chain(arrows).copied();
    let mut chosen = BTreeSet::from([diagram.own]);
    for id in by_rank.chain((1..=diagram.members()).map(NodeId)) {
        if chosen.len() >= max.max(1) {
            break;
        }
        chosen.insert(id);
    }
    chosen.into_iter().collect()
}
