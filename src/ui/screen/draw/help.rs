//! The keys, and what the signs mean.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear, Paragraph};
use unicode_width::UnicodeWidthStr;

/// What is shown for the process with this id.
fn lines(id: u16) -> Vec<String> {
    let own = format!("{id:<3} its clock ticks");
    [
        "x   asks for the critical section",
        &own,
        "d   the diagram, or the list of events",
        "?   this page, and back",
        "q   quits (also Ctrl-C)",
        "",
        "│   FREE       ║  WAIT, it has asked",
        "█   HELD, it is in the section",
        "░   another waits for our reply",
        "┊   what another does is not known",
        "─▷  request    ┄►  reply",
        "┼   an arrow passes a node",
    ]
    .map(str::to_owned)
    .into()
}

/// Draws it over the middle of the picture, as much of it as there is room for.
pub(super) fn draw(frame: &mut Frame<'_>, id: u16) {
    let lines = lines(id);
    let widest = lines.iter().map(|line| line.width()).max().unwrap_or(0);
    let size = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
    let area = frame.area();
    let (width, height) = (size(widest + 4), size(lines.len() + 2));
    let (width, height) = (width.min(area.width), height.min(area.height));
    let place = Rect {
        x: (area.width - width) / 2,
        y: (area.height - height) / 2,
        width,
        height,
    };
    let block = Block::bordered().title(" keys and signs ");
    let text: Vec<_> = lines.iter().map(|line| format!(" {line}").into()).collect();
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(text).block(block), place);
}
