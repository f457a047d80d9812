//! Draws the live diagram into cells. The shape of a line or an arrow shows what it is,
//! as in the diagrams of `turno trace draw`; colour only repeats it.

mod arrows;
mod lanes;

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::Palette;
use super::log_pane::fitting;
use crate::mutex::NodeId;
use crate::trace::Phase;
use crate::ui::screen::diagram::{LineState, LiveDiagram, Row};
use lanes::Lanes;

/// The meaning of the signs, for the foot of the box.
pub(super) const LEGEND: &str = " ─▷ request  ┄► reply  ║ WAIT  █ HELD  ░ waits for us ";

/// The same where there is less room.
pub(super) const SHORT_LEGEND: &str = "─▷ req  ┄► reply  ║ WAIT  █ HELD  ░ waits";

/// The diagram in this many columns and lines: the members, then the latest events, the
/// newest at the bottom.
pub(super) fn lines(
    diagram: &LiveDiagram,
    (width, height): (usize, usize),
    palette: Palette,
) -> Vec<Line<'static>> {
    let hidden = diagram.rows.len().saturating_sub(height.saturating_sub(1));
    let rows: Vec<&Row> = diagram.rows.iter().skip(hidden).collect();
    let lanes = Lanes::new(diagram, &rows, width);
    let pen = Pen {
        own: diagram.own,
        lanes: &lanes,
        palette,
        width,
    };
    let mut lines = vec![pen.head()];
    lines.extend(rows.into_iter().map(|row| pen.row(row)));
    // Below the latest event the lifelines continue.
    lines.resize_with(height, || {
        pen.noted(pen.standing(&diagram.now), "", Style::new())
    });
    lines.truncate(height);
    lines
}

/// The cells of a line, to the left of its note.
type Cells = Vec<(char, Style)>;

struct Pen<'a> {
    own: NodeId,
    lanes: &'a Lanes,
    palette: Palette,
    width: usize,
}

impl Pen<'_> {
    /// The members, each above its lifeline.
    fn head(&self) -> Line<'static> {
        let mut cells = vec![(' ', Style::new()); self.lanes.notes()];
        let mut write = |end: usize, text: &str, style: Style| {
            let start = (end + 1).saturating_sub(text.len());
            for (cell, c) in cells.iter_mut().skip(start).zip(text.chars()) {
                *cell = (c, style);
            }
        };
        if self.lanes.first >= "clock".len() + 2 {
            write(self.lanes.first - 2, "clock", Style::new());
        }
        for (id, column) in self.lanes.columns() {
            let text = id.to_string();
            let style = if id == self.own {
                Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
            } else {
                Style::new()
            };
            write(column + text.len() / 2, &text, style);
        }
        let note = match self.lanes.left_out {
            0 => String::new(),
            left_out => format!("and {left_out} more"),
        };
        self.noted(cells, &note, Style::new())
    }

    fn row(&self, row: &Row) -> Line<'static> {
        let mut cells = self.standing(&row.standing);
        if let Some(column) = row.begins.and_then(|id| self.lanes.column(id)) {
            cells[column] = ('┬', self.palette.colour(Color::Red));
        }
        let mut label = String::new();
        if let Some(arrow) = &row.arrow
            && !self.arrow(arrow, &mut cells)
        {
            label = self.label(arrow);
        }
        if let Some(clock) = row.clock {
            let clock = clock.to_string();
            let start = (self.lanes.first - 1).saturating_sub(clock.len());
            for (cell, digit) in cells.iter_mut().skip(start).zip(clock.chars()) {
                cell.0 = digit;
            }
        }
        let mut note = row.note.clone();
        if row.times > 1 {
            note.push_str(&format!("  ×{}", row.times));
        }
        // The label that the arrow has no room for, if the note has.
        if !label.is_empty() && !note.is_empty() {
            label.push_str("  ");
        }
        let room = self.width.saturating_sub(self.lanes.notes());
        if note.is_empty() || label.width() + note.width() <= room {
            note.insert_str(0, &label);
        }
        self.noted(cells, &note, self.palette.tone(row.tone))
    }

    fn noted(&self, mut cells: Cells, note: &str, style: Style) -> Line<'static> {
        cells.truncate(self.width);
        let room = self.width - cells.len();
        let note = if note.width() <= room || room < 2 {
            note.to_owned()
        } else {
            format!("{}…", &note[..fitting(note, room - 1)])
        };
        let mut spans: Vec<Span<'static>> = cells
            .chunk_by(|left, right| left.1 == right.1)
            .map(|same| {
                let text: String = same.iter().map(|cell| cell.0).collect();
                Span::styled(text, same[0].1)
            })
            .collect();
        spans.push(Span::styled(note, style));
        Line::from(spans)
    }

    /// The lifelines alone: our own as thick as our state, the peers' dashed, or as bars
    /// while they wait for us.
    fn standing(&self, standing: &LineState) -> Cells {
        let mut cells = vec![(' ', Style::new()); self.lanes.notes()];
        for (id, column) in self.lanes.columns() {
            let (sign, colour) = match standing.phase {
                _ if id != self.own && standing.deferred.contains(&id) => ('░', Color::Magenta),
                _ if id != self.own => ('┊', Color::DarkGray),
                Phase::Free => ('│', Color::Cyan),
                Phase::Wait => ('║', Color::Yellow),
                Phase::Held => ('█', Color::Green),
            };
            cells[column] = (sign, self.palette.colour(colour));
        }
        cells
    }
}

#[cfg(test)]
mod tests;
