//! Draws the arrows of the diagram.

use ratatui::style::{Color, Style};

use super::{Cells, Pen};
use crate::ui::screen::diagram::{Arrow, ArrowKind};

impl Pen<'_> {
    /// Draws an arrow between the lifelines. Returns whether it shows every peer and its
    /// label.
    pub(super) fn arrow(&self, arrow: &Arrow, cells: &mut Cells) -> bool {
        let Some(own) = self.lanes.column(self.own) else {
            return false;
        };
        if arrow.peers.is_empty() {
            self.unattributed(arrow, own, cells);
            return true;
        }
        let columns = arrow.peers.iter().filter_map(|id| self.lanes.column(*id));
        let columns: Vec<usize> = columns.collect();
        let mut is_complete = columns.len() == arrow.peers.len();
        let style = self.style(arrow);
        let line = sign_of_line(arrow);
        // The line goes to the farthest peer on either side, and crosses the others.
        for end in [columns.iter().min(), columns.iter().max()] {
            let end = end.copied().unwrap_or(own);
            for cell in &mut cells[own.min(end)..=own.max(end)] {
                match cell.0 {
                    ' ' => *cell = (line, style),
                    '┊' if line == '─' => *cell = ('┼', style),
                    _ => {}
                }
            }
            if let Some(cell) = cells.get_mut(end).filter(|cell| cell.0 == '┼') {
                *cell = ('┊', self.palette.colour(Color::DarkGray));
            }
        }
        for column in columns {
            let is_right = column > own;
            // The head is in the cell before the lifeline at which the arrow ends.
            let head = match (arrow.is_sent, is_right) {
                (true, true) => column - 1,
                (true, false) => column + 1,
                (false, true) => own + 1,
                (false, false) => own - 1,
            };
            let points_right = arrow.is_sent == is_right;
            cells[head] = (sign_of_head(arrow, points_right), style);
            // The label is beside the peer's lifeline, so that it is clear whose it is.
            let between = if is_right {
                column + 1 - self.lanes.gap..column
            } else {
                column + 1..column + self.lanes.gap
            };
            let free: Vec<usize> = between.clone().filter(|at| *at != head).collect();
            // A part of the line, or the head, must stay visible.
            let max = if between.contains(&head) {
                free.len()
            } else {
                free.len() - 1
            };
            if arrow.label.len() > max {
                is_complete = false;
                continue;
            }
            let start = free[0] + (free.len() - arrow.label.len()) / 2;
            for (cell, c) in cells.iter_mut().skip(start).zip(arrow.label.chars()) {
                cell.0 = c;
            }
        }
        is_complete
    }

    /// Draws the end of a dropped datagram of unknown origin, beside our lifeline.
    fn unattributed(&self, arrow: &Arrow, own: usize, cells: &mut Cells) {
        let is_last = self.lanes.ids.len() > 1 && own == self.lanes.last_column();
        for (distance, sign) in (1..).zip(['✕', '─', '─']) {
            let at = if is_last {
                own - distance
            } else {
                own + distance
            };
            if let Some(cell) = cells.get_mut(at).filter(|cell| cell.0 == ' ') {
                *cell = (sign, self.style(arrow));
            }
        }
    }

    /// The label, with the peer if that is the only one without a lifeline. Several
    /// such peers are not listed: the head says how many there are.
    pub(super) fn label(&self, arrow: &Arrow) -> String {
        let peers = arrow.peers.iter();
        let mut hidden = peers.filter(|id| self.lanes.column(**id).is_none());
        let direction = if arrow.is_sent { "to" } else { "from" };
        let label = &arrow.label;
        match (hidden.next(), hidden.next()) {
            (Some(peer), None) if label.is_empty() => format!("{direction} {peer}"),
            (Some(peer), None) => format!("{label} {direction} {peer}"),
            _ => label.clone(),
        }
    }

    fn style(&self, arrow: &Arrow) -> Style {
        self.palette.colour(match arrow.kind {
            _ if arrow.is_lost => Color::Red,
            _ if arrow.is_repeated => Color::DarkGray,
            ArrowKind::Request => Color::Yellow,
            ArrowKind::Reply => Color::Green,
        })
    }
}

fn sign_of_line(arrow: &Arrow) -> char {
    match arrow.kind {
        _ if arrow.is_repeated => '·',
        ArrowKind::Request => '─',
        ArrowKind::Reply => '┄',
    }
}

fn sign_of_head(arrow: &Arrow, points_right: bool) -> char {
    match (arrow.kind, points_right) {
        _ if arrow.is_lost => '✕',
        (ArrowKind::Request, true) => '▷',
        (ArrowKind::Request, false) => '◁',
        (ArrowKind::Reply, true) => '►',
        (ArrowKind::Reply, false) => '◄',
    }
}
