//! Draws the state and the latest events of a node into the cells of the terminal.

mod help;
mod lifelines;
mod log_pane;
mod palette;
mod panes;

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};
use unicode_width::UnicodeWidthStr;

use super::diagram::LiveDiagram;
use super::{LogEntry, labels};
use crate::engine::Snapshot;
pub(in crate::ui) use palette::Palette;

/// The contents of a picture.
pub(super) struct Picture<'a> {
    pub(super) snapshot: &'a Snapshot<'a>,
    pub(super) log: &'a VecDeque<LogEntry>,
    pub(super) diagram: &'a LiveDiagram,
    /// Whether the user wants the diagram. `None`: where it fits beside the rest.
    pub(super) wants_diagram: Option<bool>,
    /// Whether the user wants the keys and the signs explained.
    pub(super) wants_help: bool,
    pub(super) palette: Palette,
}

/// Where the diagram is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Beside everything else.
    Beside,
    /// In place of the log.
    InsteadOfLog,
    /// Hidden, though there is room for it.
    Hidden,
    /// There is no room for it.
    NoRoom,
}

/// From so many columns on the diagram is beside the rest: a third of a terminal of 200
/// columns and two rows of panes has 99.
const MIN_BESIDE: u16 = 96;

/// Whether there is room for boxes.
fn has_boxes(area: Rect) -> bool {
    area.width >= 50 && area.height >= 16
}

/// Draws the whole picture: in boxes where there is room, else without. Returns whether
/// the diagram is in it.
pub(super) fn draw(frame: &mut Frame<'_>, picture: &Picture<'_>) -> bool {
    let area = frame.area();
    let place = match picture.wants_diagram {
        _ if area.width < 30 || area.height < 8 => Place::NoRoom,
        wanted if has_boxes(area) && area.width >= MIN_BESIDE && wanted.unwrap_or(true) => {
            Place::Beside
        }
        Some(true) => Place::InsteadOfLog,
        _ => Place::Hidden,
    };
    if has_boxes(area) {
        picture.draw_boxes(frame, place);
    } else {
        picture.draw_lines(frame, place);
    }
    if picture.wants_help {
        help::draw(frame, picture.snapshot.group.id.0);
    }
    matches!(place, Place::Beside | Place::InsteadOfLog)
}

impl Picture<'_> {
    fn draw_boxes(&self, frame: &mut Frame<'_>, place: Place) {
        let area = frame.area();
        let peers = self.snapshot.member.peers().len();
        let [head, body, keys] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(3),
            Constraint::Length(1),
        ])
        .areas(area);
        let beside = match place {
            Place::Beside => body.width - (body.width * 9 / 20).max(50),
            _ => 0,
        };
        // Enough for its notes; the log has more use for the rest.
        let beside = beside.min(100);
        let [body, diagram] =
            Layout::horizontal([Constraint::Min(1), Constraint::Length(beside)]).areas(body);
        // The peers leave six lines to the log, and ten to the diagram, which shows
        // the peers too.
        let kept = if place == Place::InsteadOfLog { 18 } else { 14 };
        let room = usize::from(area.height.saturating_sub(kept)).max(1);
        let peer_rows = u16::try_from(peers.min(room)).unwrap_or(u16::MAX);
        let [state, peers_area, events] = Layout::vertical([
            Constraint::Length(4),
            Constraint::Length(if peers == 0 { 0 } else { peer_rows + 2 }),
            Constraint::Min(3),
        ])
        .areas(body);
        frame.render_widget(self.head_line(head.width), head);
        let inside = boxed(frame, state, self.badge());
        frame.render_widget(self.state_lines(inside.width), inside);
        if peers > 0 {
            let inside = boxed(
                frame,
                peers_area,
                Span::raw(labels::peers_title(self.snapshot)),
            );
            frame.render_widget(self.peer_lines(inside), inside);
        }
        if place == Place::InsteadOfLog {
            self.draw_diagram(frame, events);
        } else {
            let inside = boxed(frame, events, Span::raw(" lately "));
            frame.render_widget(self.log_lines(inside), inside);
        }
        if place == Place::Beside {
            self.draw_diagram(frame, diagram);
        }
        frame.render_widget(self.key_line(place, keys.width), keys);
    }

    /// Draws our id and state first, then the keys, and the rest where there is room.
    fn draw_lines(&self, frame: &mut Frame<'_>, place: Place) {
        let (snapshot, area) = (self.snapshot, frame.area());
        let peer_rows = match place {
            Place::InsteadOfLog => 0,
            _ => u16::try_from(snapshot.member.peers().len()).unwrap_or(u16::MAX),
        };
        let [head, state, clocks, peers_area, events, keys] = Layout::vertical([
            Constraint::Length(u16::from(area.height >= 5)),
            Constraint::Length(1),
            Constraint::Length(u16::from(area.height >= 3)),
            Constraint::Max(peer_rows.min(area.height.saturating_sub(6))),
            Constraint::Min(0),
            Constraint::Length(u16::from(area.height >= 2)),
        ])
        .areas(area);
        frame.render_widget(self.head_line(head.width), head);
        let who = if head.height == 0 {
            Span::raw(format!("{:>2}", snapshot.group.id))
        } else {
            Span::raw("")
        };
        let state_line = Line::from(vec![
            who,
            self.badge(),
            Span::raw(" "),
            Span::raw(labels::state(snapshot)),
        ]);
        frame.render_widget(state_line, state);
        let figures = labels::figures(snapshot, clocks.width);
        frame.render_widget(Line::raw(format!(" {figures}")), clocks);
        if place == Place::InsteadOfLog {
            frame.render_widget(self.diagram_lines(events), events);
        } else {
            frame.render_widget(self.peer_lines(peers_area), peers_area);
            frame.render_widget(self.log_lines(events), events);
        }
        frame.render_widget(self.key_line(place, keys.width), keys);
    }

    fn draw_diagram(&self, frame: &mut Frame<'_>, area: Rect) {
        let mut block = Block::bordered().title(" diagram ");
        let inside = block.inner(area);
        let legends = [lifelines::LEGEND, lifelines::SHORT_LEGEND];
        let fits = |legend: &&str| legend.width() <= usize::from(inside.width);
        if let Some(legend) = legends.into_iter().find(fits) {
            block = block.title_bottom(legend);
        }
        frame.render_widget(block, area);
        frame.render_widget(self.diagram_lines(inside), inside);
    }

    fn diagram_lines(&self, area: Rect) -> Paragraph<'static> {
        let size = (area.width.into(), area.height.into());
        Paragraph::new(lifelines::lines(self.diagram, size, self.palette))
    }
}

/// Draws a box and returns what is inside.
fn boxed(frame: &mut Frame<'_>, area: Rect, title: Span<'_>) -> Rect {
    let block = Block::bordered().title(title);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

#[cfg(test)]
mod tests;
