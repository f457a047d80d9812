//! From the words to the cells of the terminal.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Past, words};
use crate::mutex::{LockName, State};
use crate::narrate::Tone;
use crate::node::Status;

/// Draws the whole picture: in boxes where there is room, else without.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    status: &Status<'_>,
    past: &VecDeque<Past>,
    has_colour: bool,
) {
    let palette = Palette { has_colour };
    let area = frame.area();
    let peers = words::peers(status);
    if area.width >= 50 && area.height >= 16 {
        // Of the peers as many as leave six lines to the past.
        let room = usize::from(area.height - 14).max(1);
        let peer_rows = u16::try_from(peers.len().min(room)).unwrap_or(u16::MAX);
        let [head, state, peers_area, lately, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Length(4),
            Constraint::Length(if peers.is_empty() { 0 } else { peer_rows + 2 }),
            Constraint::Min(3),
            Constraint::Length(1),
        ])
        .areas(area);
        frame.render_widget(head_line(status, head.width), head);
        let inside = boxed(frame, state, badge(status, palette));
        frame.render_widget(state_lines(status, inside.width), inside);
        if !peers.is_empty() {
            let inside = boxed(frame, peers_area, Span::raw(" peers "));
            frame.render_widget(peer_lines(&peers, status, inside, palette), inside);
        }
        let inside = boxed(frame, lately, Span::raw(" lately "));
        frame.render_widget(past_lines(past, inside, palette), inside);
        frame.render_widget(key_line(status, palette), keys);
    } else {
        // The state and whose it is first, then the keys; the rest as far as
        // there is room.
        let peer_rows = u16::try_from(peers.len()).unwrap_or(u16::MAX);
        let [head, state, clocks, peers_area, lately, keys] = Layout::vertical([
            Constraint::Length(u16::from(area.height >= 5)),
            Constraint::Length(1),
            Constraint::Length(u16::from(area.height >= 3)),
            Constraint::Max(peer_rows.min(area.height.saturating_sub(6))),
            Constraint::Min(0),
            Constraint::Length(u16::from(area.height >= 2)),
        ])
        .areas(area);
        frame.render_widget(head_line(status, head.width), head);
        let who = if head.height == 0 {
            Span::raw(format!("{:>2}", status.group.id))
        } else {
            Span::raw("")
        };
        let state_line = Line::from(vec![
            who,
            badge(status, palette),
            Span::raw(" "),
            Span::raw(words::state(status)),
        ]);
        frame.render_widget(state_line, state);
        let figures = words::figures(status, clocks.width);
        frame.render_widget(Line::raw(format!(" {figures}")), clocks);
        frame.render_widget(peer_lines(&peers, status, peers_area, palette), peers_area);
        frame.render_widget(past_lines(past, lately, palette), lately);
        frame.render_widget(key_line(status, palette), keys);
    }
}

/// Colours, where they are wanted. Nothing is said by colour alone.
#[derive(Clone, Copy)]
struct Palette {
    has_colour: bool,
}

impl Palette {
    fn colour(self, colour: Color) -> Style {
        if self.has_colour {
            Style::new().fg(colour)
        } else {
            Style::new()
        }
    }

    fn some_colour(self, colour: Option<Color>) -> Style {
        colour.map_or(Style::new(), |colour| self.colour(colour))
    }

    fn state(self, state: &State) -> Style {
        self.colour(match state {
            State::Free => Color::Cyan,
            State::Wait { .. } => Color::Yellow,
            State::Held { .. } => Color::Green,
        })
    }

    fn tone(self, tone: Tone) -> Style {
        match tone {
            Tone::Ordinary => Style::new(),
            Tone::Section => self.colour(Color::Green).add_modifier(Modifier::BOLD),
            Tone::Ignored => self.colour(Color::DarkGray),
            Tone::Trouble => self.colour(Color::Red),
        }
    }
}

/// Draws a box and returns what is inside.
fn boxed(frame: &mut Frame<'_>, area: Rect, title: Span<'_>) -> Rect {
    let block = Block::bordered().title(title);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

/// Who we are, and as far as there is room where the critical section is.
fn head_line(status: &Status<'_>, width: u16) -> Line<'static> {
    let who = format!(
        " process {} of {} at {}",
        status.group.id,
        status.group.members.len(),
        status.group.listen
    );
    let section = format!("critical section {} ", status.section);
    let gap = usize::from(width).saturating_sub(who.len() + section.len());
    if gap == 0 {
        return Line::raw(who);
    }
    Line::raw(format!("{who}{:gap$}{section}", ""))
}

fn badge(status: &Status<'_>, palette: Palette) -> Span<'static> {
    let state = status.member.state(&LockName::default());
    let style = palette
        .state(state)
        .add_modifier(Modifier::REVERSED | Modifier::BOLD);
    Span::styled(format!(" {state} "), style)
}

fn state_lines(status: &Status<'_>, width: u16) -> Paragraph<'static> {
    Paragraph::new(vec![
        Line::raw(format!(" {}", words::state(status))),
        Line::raw(format!(" {}", words::figures(status, width))),
    ])
}

/// As many peers as there is room for: where not for all, those with whom
/// somebody waits for somebody.
fn peer_lines(
    peers: &[words::Peer],
    status: &Status<'_>,
    area: Rect,
    palette: Palette,
) -> Paragraph<'static> {
    let room = usize::from(area.height);
    let mut shown: Vec<&words::Peer> = peers.iter().collect();
    let hidden = if peers.len() > room {
        shown.sort_by_key(|peer| !peer.is_busy());
        shown.truncate(room.saturating_sub(1));
        shown.sort_by_key(|peer| peer.id);
        peers.len() - shown.len()
    } else {
        0
    };
    let has_addresses = area.width >= 70;
    let widest = shown.iter().map(|peer| peer.reply.len()).max().unwrap_or(0);
    let mut lines: Vec<Line<'static>> = shown
        .into_iter()
        .map(|peer| {
            let address = status.group.address(peer.id).filter(|_| has_addresses);
            let address = address.map_or(String::new(), |address| format!("{address:<21}  "));
            let mut spans = vec![Span::raw(format!(" {:>2}  {address}", peer.id))];
            if widest > 0 {
                let colour = peer.is_missing.then_some(Color::Yellow);
                let reply = format!("{:<widest$}  ", peer.reply);
                spans.push(Span::styled(reply, palette.some_colour(colour)));
            }
            let waits = palette.colour(Color::Magenta);
            spans.push(Span::styled(peer.waits.clone(), waits));
            Line::from(spans)
        })
        .collect();
    if hidden > 0 && room > 0 {
        lines.push(Line::raw(format!("     and {hidden} more")));
    }
    Paragraph::new(lines)
}

/// The latest lines, the last at the bottom; long ones folded.
fn past_lines(past: &VecDeque<Past>, area: Rect, palette: Palette) -> Paragraph<'static> {
    let room = usize::from(area.height);
    let mut lines: Vec<Line<'static>> = past
        .iter()
        .skip(past.len().saturating_sub(room))
        .flat_map(|past| past_line(past, usize::from(area.width), palette))
        .collect();
    lines.drain(..lines.len().saturating_sub(room));
    Paragraph::new(lines)
}

fn past_line(past: &Past, width: usize, palette: Palette) -> Vec<Line<'static>> {
    let mut time = format!(" {} ", words::moment(past.after));
    let indent = " ".repeat(time.len());
    let mut text = past.line.text.clone();
    if past.times > 1 {
        text.push_str(&format!("  ×{}", past.times));
    }
    folded(&text, width.saturating_sub(indent.len()))
        .into_iter()
        .map(|part| {
            let margin = std::mem::replace(&mut time, indent.clone());
            Line::from(vec![
                Span::styled(margin, palette.colour(Color::DarkGray)),
                Span::styled(part, palette.tone(past.line.tone)),
            ])
        })
        .collect()
}

/// The text in lines of at most so many columns, broken at spaces where there
/// are any.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.width() > width.max(2) {
        let end = fitting(rest, width.max(2));
        // A space right behind what fits is as good as one in it.
        let space = rest[..end].rfind(' ').filter(|at| *at > 0);
        let at = if rest[end..].starts_with(' ') {
            end
        } else {
            space.unwrap_or(end)
        };
        lines.push(rest[..at].to_owned());
        rest = rest[at..].strip_prefix(' ').unwrap_or(&rest[at..]);
    }
    lines.push(rest.to_owned());
    lines
}

/// How many bytes of the text fit into so many columns, which are at least two.
fn fitting(text: &str, width: usize) -> usize {
    let mut columns = 0;
    let mut indices = text.char_indices();
    let end = indices.find(|(_, c)| {
        columns += c.width().unwrap_or(0);
        columns > width
    });
    end.map_or(text.len(), |(at, _)| at)
}

fn key_line(status: &Status<'_>, palette: Palette) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    for (key, does) in words::keys(status.group.id) {
        let style = palette.colour(Color::Cyan).add_modifier(Modifier::BOLD);
        spans.push(Span::styled(key, style));
        spans.push(Span::raw(format!(" {does}   ")));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests;
