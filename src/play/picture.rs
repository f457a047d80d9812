//! The diagram of a group in characters: time goes down, a lane a member. The signs are
//! those of the full-screen view of a process: they show all without colour.

use crossterm::style::{Color, Stylize};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::game::{Datagram, Game};
use super::row::{Lane, Mark, Row};
use crate::narrate::Tone;

/// The meaning of the signs.
pub(super) const LEGEND: &str = "─▷ request  ┄► reply  ✕ lost  │ FREE  ║ WAIT  █ HELD";

/// The widest distance between two lanes, and the narrowest.
const MAX_GAP: usize = 14;
const MIN_GAP: usize = 4;

/// So many columns are kept for the words, if the lanes leave them.
const WORDS: usize = 44;

/// How the diagram is drawn.
#[derive(Clone, Copy)]
pub(super) struct Picture {
    /// The columns of the terminal.
    pub(super) width: usize,
    pub(super) has_colour: bool,
}

type Cell = (char, Option<Color>);

impl Picture {
    /// The head with the members, and the last rows of the diagram, at most this many.
    pub(super) fn diagram(self, game: &Game, height: usize) -> Vec<String> {
        let gap = self.gap(game);
        let mut head = String::from(" ");
        for (place, id) in game.ids().enumerate() {
            let id = id.to_string();
            let column = 1 + place * gap;
            let at = (column + 1).saturating_sub(id.len());
            while head.chars().count() < at {
                head.push(' ');
            }
            head.push_str(&id);
        }
        let rows = &game.rows;
        let hidden = rows.len().saturating_sub(height);
        let mut lines = vec![head];
        lines.extend(rows[hidden..].iter().map(|row| self.row(row, gap)));
        lines
    }

    /// The lanes as they are now, without an event.
    pub(super) fn standing(self, game: &Game) -> String {
        let lanes: Vec<Lane> = game.ids().map(|id| game.lane(id)).collect();
        self.row(
            &Row {
                lanes,
                mark: Mark::None,
                text: String::new(),
                tone: Tone::Ordinary,
            },
            self.gap(game),
        )
    }

    /// What is under way, in as many columns as fit.
    pub(super) fn under_way(self, game: &Game, max_lines: usize) -> Vec<String> {
        let items: Vec<String> = game.in_transit.iter().map(item).collect();
        let widest = items.iter().map(|item| item.width()).max().unwrap_or(0) + 3;
        let columns = (self.width.saturating_sub(1) / widest.max(1)).max(1);
        let room = columns * max_lines;
        let left_out = items.len().saturating_sub(room);
        let mut lines: Vec<String> = items[..items.len() - left_out]
            .chunks(columns)
            .map(|items| {
                let padded = items.iter().map(|item| {
                    let space = " ".repeat(widest - item.width());
                    format!("{item}{space}")
                });
                format!(" {}", padded.collect::<String>().trim_end())
            })
            .collect();
        if left_out > 0 {
            lines.push(format!(" and {left_out} more"));
        }
        lines
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.paint(text, Some(Color::DarkGrey))
    }

    pub(super) fn red(self, text: &str) -> String {
        self.paint(text, Some(Color::Red))
    }

    fn paint(self, text: &str, colour: Option<Color>) -> String {
        match colour.filter(|_| self.has_colour) {
            Some(colour) => text.with(colour).to_string(),
            None => text.to_owned(),
        }
    }

    /// The distance between two lanes.
    fn gap(self, game: &Game) -> usize {
        let gaps = usize::from(game.members()).saturating_sub(1).max(1);
        (self.width.saturating_sub(WORDS + 4) / gaps).clamp(MIN_GAP, MAX_GAP)
    }

    fn row(self, row: &Row, gap: usize) -> String {
        let width = 1 + (row.lanes.len().saturating_sub(1)) * gap + 3;
        let mut cells: Vec<Cell> = vec![(' ', None); width];
        for (place, lane) in row.lanes.iter().enumerate() {
            cells[1 + place * gap] = match lane {
                Lane::Down => (' ', None),
                Lane::Free => ('│', Some(Color::Cyan)),
                Lane::Wait => ('║', Some(Color::Yellow)),
                Lane::Held => ('█', Some(Color::Green)),
            };
        }
        let column = |id: crate::mutex::NodeId| 1 + usize::from(id.0 - 1) * gap;
        match &row.mark {
            Mark::None => {}
            Mark::At(id) => cells[column(*id) + 1] = ('●', Some(Color::White)),
            Mark::Crash(id) => cells[column(*id)] = ('╳', Some(Color::Red)),
            Mark::Start(id) => cells[column(*id)] = ('┬', Some(Color::Red)),
            Mark::Arrow {
                from,
                to,
                label,
                is_request,
                is_lost,
            } => arrow(
                &mut cells,
                (column(*from), column(*to)),
                gap,
                label,
                (*is_request, *is_lost),
            ),
        }
        let mut line = String::new();
        for same in cells.chunk_by(|one, other| one.1 == other.1) {
            let text: String = same.iter().map(|cell| cell.0).collect();
            line.push_str(&self.paint(&text, same[0].1));
        }
        let colour = match row.tone {
            Tone::Ordinary => None,
            Tone::Section => Some(Color::Green),
            Tone::Ignored => Some(Color::DarkGrey),
            Tone::Trouble => Some(Color::Red),
        };
        let text = fitting(&row.text, self.width.saturating_sub(width));
        line.push_str(&self.paint(&text, colour));
        line.trim_end().to_owned()
    }
}

/// `3 req<2,1> 1 ─▷ 2`.
fn item(datagram: &Datagram) -> String {
    let head = datagram.parcel.head();
    let sign = match head.starts_with("req") {
        true => "─▷",
        false => "┄►",
    };
    let (number, from, to) = (datagram.number, datagram.from, datagram.to);
    format!("{number:>2}  {head} {from} {sign} {to}")
}

/// Draws an arrow from one column to another, with its label beside the sender.
fn arrow(
    cells: &mut [Cell],
    (from, to): (usize, usize),
    gap: usize,
    label: &str,
    (is_request, is_lost): (bool, bool),
) {
    let colour = Some(match (is_lost, is_request) {
        (true, _) => Color::Red,
        (false, true) => Color::Yellow,
        (false, false) => Color::Green,
    });
    let (line, crossing) = if is_request {
        ('─', '┼')
    } else {
        ('┄', '│')
    };
    let is_right = to > from;
    for cell in &mut cells[from.min(to) + 1..from.max(to)] {
        *cell = match cell.0 {
            ' ' => (line, colour),
            '│' => (crossing, colour),
            _ => *cell,
        };
    }
    let head = if is_right { to - 1 } else { to + 1 };
    let sign = match (is_lost, is_request, is_right) {
        (true, ..) => '✕',
        (false, true, true) => '▷',
        (false, true, false) => '◁',
        (false, false, true) => '►',
        (false, false, false) => '◄',
    };
    cells[head] = (sign, colour);
    // Between the sender and its neighbour; a part of the line stays visible.
    let room = gap.saturating_sub(3);
    if label.len() > room {
        return;
    }
    let left = if is_right { from + 1 } else { from + 1 - gap };
    let start = left + (gap - 1 - label.len()) / 2;
    for (cell, c) in cells.iter_mut().skip(start).zip(label.chars()) {
        if cell.0 != sign {
            cell.0 = c;
        }
    }
}

/// The text, cut if it is wider than this.
pub(super) fn fitting(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut columns = 1;
    for c in text.chars() {
        columns += c.width().unwrap_or(0);
        if columns > width {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

/// The text in lines of at most this width, broken at spaces.
pub(crate) fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let last = lines.last().map_or(0, |line| line.width());
        if last > 0 && last + word.trim_end().width() > width {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    }
    lines
        .iter()
        .map(|line| fitting(line.trim_end(), width))
        .collect()
}
