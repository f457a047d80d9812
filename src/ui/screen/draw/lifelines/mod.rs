//! The live diagram, from data to cells. What a line or an arrow is, its shape
//! says, as in the diagrams of `turno trace draw`; colour only repeats it.

mod lanes;

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::Palette;
use super::log_pane::fitting;
use crate::mutex::NodeId;
use crate::trace::Phase;
use crate::ui::screen::diagram::{Arrow, ArrowKind, LineState, LiveDiagram, Row};
use lanes::Lanes;

/// What the signs mean, for the foot of the box.
pub(super) const LEGEND: &str = " ─▷ request  ┄► reply  ║ WAIT  █ HELD  ░ waits for us ";

/// The diagram in so many lines of so many columns: the members, and the last
/// events, the newest at the bottom.
pub(super) fn lines(
    diagram: &LiveDiagram,
    (width, height): (usize, usize),
    palette: Palette,
) -> Vec<Line<'static>> {
    let shown = diagram.rows.len().min(height.saturating_sub(1));
    let rows: Vec<&Row> = diagram
        .rows
        .iter()
        .skip(diagram.rows.len() - shown)
        .collect();
    let lanes = Lanes::new(diagram, &rows, width);
    let pen = Pen {
        own: diagram.own,
        lanes: &lanes,
        palette,
        width,
    };
    let mut lines = vec![pen.head()];
    lines.extend(rows.into_iter().map(|row| pen.row(row)));
    // As things stand, until something happens.
    lines.resize_with(height, || {
        pen.noted(pen.standing(&diagram.now), "", Style::new())
    });
    lines.truncate(height);
    lines
}

/// The cells of a line, left of its note.
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
        for id in &self.lanes.ids {
            let Some(column) = self.lanes.column(*id) else {
                continue;
            };
            let (text, style) = if *id == self.own {
                let style = Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD);
                (id.to_string(), style)
            } else {
                (id.to_string(), Style::new())
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
        let mut told = String::new();
        if let Some(arrow) = &row.arrow
            && !self.arrow(arrow, &mut cells)
        {
            told = self.told(arrow);
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
        // What an arrow does not say itself, where there is room.
        let room = self.width.saturating_sub(self.lanes.notes());
        let between = if told.is_empty() || note.is_empty() {
            0
        } else {
            2
        };
        if note.is_empty() || told.width() + between + note.width() <= room {
            note = format!("{told}{:between$}{note}", "");
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
                Span::styled(
                    same.iter().map(|cell| cell.0).collect::<String>(),
                    same[0].1,
                )
            })
            .collect();
        spans.push(Span::styled(note, style));
        Line::from(spans)
    }

    /// The lifelines alone: our own as thick as our state, and the others' as
    /// hearsay, or as bars while they wait for us.
    fn standing(&self, standing: &LineState) -> Cells {
        let mut cells = vec![(' ', Style::new()); self.lanes.notes()];
        for id in &self.lanes.ids {
            let Some(column) = self.lanes.column(*id) else {
                continue;
            };
            let (sign, colour) = match standing.phase {
                _ if *id != self.own && standing.deferred.contains(id) => ('░', Color::Magenta),
                _ if *id != self.own => ('┊', Color::DarkGray),
                Phase::Free => ('│', Color::Cyan),
                Phase::Wait => ('║', Color::Yellow),
                Phase::Held => ('█', Color::Green),
            };
            cells[column] = (sign, self.palette.colour(colour));
        }
        cells
    }

    /// Draws an arrow between the lifelines. Whether it says all there is to it.
    fn arrow(&self, arrow: &Arrow, cells: &mut Cells) -> bool {
        let Some(own) = self.lanes.column(self.own) else {
            return false;
        };
        if arrow.peers.is_empty() {
            self.of_nobody(arrow, own, cells);
            return true;
        }
        let columns: Vec<usize> = arrow
            .peers
            .iter()
            .filter_map(|id| self.lanes.column(*id))
            .collect();
        let mut is_said = columns.len() == arrow.peers.len();
        let style = self.style(arrow);
        let line = sign_of_line(arrow);
        // As far as the farthest on either side; the others are passed.
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
            // The cell before the lifeline that the arrow ends at.
            let head = match (arrow.is_sent, is_right) {
                (true, true) => column - 1,
                (true, false) => column + 1,
                (false, true) => own + 1,
                (false, false) => own - 1,
            };
            let points_right = arrow.is_sent == is_right;
            cells[head] = (sign_of_head(arrow, points_right), style);
            // Beside the peer's lifeline, so that it is clear whose it is.
            let between = if is_right {
                column + 1 - self.lanes.gap..column
            } else {
                column + 1..column + self.lanes.gap
            };
            let free: Vec<usize> = between.clone().filter(|at| *at != head).collect();
            // So that it still has a line or a head.
            let most = if between.contains(&head) {
                free.len()
            } else {
                free.len() - 1
            };
            if arrow.label.len() > most {
                is_said = false;
                continue;
            }
            let start = free[0] + (free.len() - arrow.label.len()) / 2;
            for (cell, c) in cells.iter_mut().skip(start).zip(arrow.label.chars()) {
                cell.0 = c;
            }
        }
        is_said
    }

    /// A datagram of nobody knows whom ends before us.
    fn of_nobody(&self, arrow: &Arrow, own: usize, cells: &mut Cells) {
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

    /// What the arrow itself has no room for.
    fn told(&self, arrow: &Arrow) -> String {
        let hidden: Vec<String> = arrow
            .peers
            .iter()
            .filter(|id| self.lanes.column(**id).is_none())
            .map(NodeId::to_string)
            .collect();
        let way = if arrow.is_sent { "to" } else { "from" };
        let label = &arrow.label;
        match hidden.as_slice() {
            [] => label.clone(),
            [one] => format!("{label} {way} {one}"),
            // Which, is of no interest: the head says that they are left out.
            _ => label.clone(),
        }
        .trim_start()
        .to_owned()
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

#[cfg(test)]
mod tests;
