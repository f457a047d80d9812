//! From the words to the cells of the terminal.

mod lifelines;
mod log_pane;

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use unicode_width::UnicodeWidthStr;

use super::diagram::LiveDiagram;
use super::{Past, labels};
use crate::engine::Status;
use crate::mutex::{LockName, State};
use crate::narrate::Tone;
use log_pane::past_lines;

/// All that a picture shows.
pub(super) struct Picture<'a> {
    pub(super) status: &'a Status<'a>,
    pub(super) past: &'a VecDeque<Past>,
    pub(super) diagram: &'a LiveDiagram,
    /// Whether the user has said that the diagram is to be there.
    pub(super) wants_diagram: Option<bool>,
    pub(super) has_colour: bool,
}

/// Where the diagram is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Area {
    /// Beside all else.
    Beside,
    /// Where the past stands in words otherwise.
    Instead,
    /// Nowhere, though there is room for it.
    Nowhere,
    /// There is no room.
    NoRoom,
}

impl Area {
    fn is_shown(self) -> bool {
        matches!(self, Area::Beside | Area::Instead)
    }
}

/// Whether there is room for boxes.
fn has_boxes(area: Rect) -> bool {
    area.width >= 50 && area.height >= 16
}

/// Draws the whole picture: in boxes where there is room, else without. Whether
/// the diagram is there.
pub(super) fn draw(frame: &mut Frame<'_>, picture: &Picture<'_>) -> bool {
    let area = frame.area();
    let place = match picture.wants_diagram {
        _ if area.width < 30 || area.height < 8 => Area::NoRoom,
        wanted if has_boxes(area) && area.width >= 100 && wanted.unwrap_or(true) => Area::Beside,
        Some(true) => Area::Instead,
        _ => Area::Nowhere,
    };
    if has_boxes(area) {
        picture.draw_boxes(frame, place);
    } else {
        picture.draw_lines(frame, place);
    }
    place.is_shown()
}

impl Picture<'_> {
    fn palette(&self) -> Palette {
        let has_colour = self.has_colour;
        Palette { has_colour }
    }

    fn draw_boxes(&self, frame: &mut Frame<'_>, place: Area) {
        let (status, palette) = (self.status, self.palette());
        let area = frame.area();
        let peers = labels::peers(status);
        let [head, body, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(3),
            Constraint::Length(1),
        ])
        .areas(area);
        let beside = match place {
            Area::Beside => body.width - (body.width * 9 / 20).max(50),
            _ => 0,
        };
        // More than its notes need is of more use to the words.
        let beside = beside.min(100);
        let [body, diagram] =
            Layout::horizontal([Constraint::Min(1), Constraint::Length(beside)]).areas(body);
        // Of the peers as many as leave six lines to the past, and ten to the
        // diagram, which shows them too.
        let kept = if place == Area::Instead { 18 } else { 14 };
        let room = usize::from(area.height.saturating_sub(kept)).max(1);
        let peer_rows = u16::try_from(peers.len().min(room)).unwrap_or(u16::MAX);
        let [state, peers_area, lately] = Layout::vertical([
            Constraint::Length(4),
            Constraint::Length(if peers.is_empty() { 0 } else { peer_rows + 2 }),
            Constraint::Min(3),
        ])
        .areas(body);
        frame.render_widget(head_line(status, head.width), head);
        let inside = boxed(frame, state, badge(status, palette));
        frame.render_widget(state_lines(status, inside.width), inside);
        if !peers.is_empty() {
            let inside = boxed(frame, peers_area, Span::raw(" peers "));
            frame.render_widget(peer_lines(&peers, status, inside, palette), inside);
        }
        if place == Area::Instead {
            self.draw_diagram(frame, lately);
        } else {
            let inside = boxed(frame, lately, Span::raw(" lately "));
            frame.render_widget(past_lines(self.past, inside, palette), inside);
        }
        if place == Area::Beside {
            self.draw_diagram(frame, diagram);
        }
        frame.render_widget(key_line(status, place, keys.width, palette), keys);
    }

    /// The state and whose it is first, then the keys; the rest as far as there
    /// is room.
    fn draw_lines(&self, frame: &mut Frame<'_>, place: Area) {
        let (status, palette) = (self.status, self.palette());
        let area = frame.area();
        let peers = labels::peers(status);
        let peer_rows = match place {
            Area::Instead => 0,
            _ => u16::try_from(peers.len()).unwrap_or(u16::MAX),
        };
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
            Span::raw(labels::state(status)),
        ]);
        frame.render_widget(state_line, state);
        let figures = labels::figures(status, clocks.width);
        frame.render_widget(Line::raw(format!(" {figures}")), clocks);
        if place == Area::Instead {
            frame.render_widget(self.diagram_lines(lately), lately);
        } else {
            frame.render_widget(peer_lines(&peers, status, peers_area, palette), peers_area);
            frame.render_widget(past_lines(self.past, lately, palette), lately);
        }
        frame.render_widget(key_line(status, place, keys.width, palette), keys);
    }

    fn draw_diagram(&self, frame: &mut Frame<'_>, area: Rect) {
        let mut block = Block::bordered().title(" diagram ");
        let inside = block.inner(area);
        if lifelines::LEGEND.width() <= usize::from(inside.width) {
            block = block.title_bottom(lifelines::LEGEND);
        }
        frame.render_widget(block, area);
        frame.render_widget(self.diagram_lines(inside), inside);
    }

    fn diagram_lines(&self, area: Rect) -> Paragraph<'static> {
        let size = (area.width.into(), area.height.into());
        Paragraph::new(lifelines::lines(self.diagram, size, self.palette()))
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
        Line::raw(format!(" {}", labels::state(status))),
        Line::raw(format!(" {}", labels::figures(status, width))),
    ])
}

/// As many peers as there is room for: where not for all, those with whom
/// somebody waits for somebody.
fn peer_lines(
    peers: &[labels::Peer],
    status: &Status<'_>,
    area: Rect,
    palette: Palette,
) -> Paragraph<'static> {
    let room = usize::from(area.height);
    let mut shown: Vec<&labels::Peer> = peers.iter().collect();
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

/// The keys, as far as there is room; that of the diagram only if all fit.
fn key_line(status: &Status<'_>, place: Area, width: u16, palette: Palette) -> Line<'static> {
    let of_diagram = match place {
        Area::Beside | Area::Instead => Some("lists"),
        Area::Nowhere => Some("draws"),
        Area::NoRoom => None,
    };
    let line = |of_diagram| {
        let mut spans = vec![Span::raw(" ")];
        for (key, does) in labels::keys(status.group.id, of_diagram) {
            let style = palette.colour(Color::Cyan).add_modifier(Modifier::BOLD);
            spans.push(Span::styled(key, style));
            spans.push(Span::raw(format!(" {does}   ")));
        }
        Line::from(spans)
    };
    let all = line(of_diagram);
    // The spaces at its end need no room.
    if all.width() <= usize::from(width) + 3 {
        all
    } else {
        line(None)
    }
}

#[cfg(test)]
mod tests;
