//! The pane of the latest events, as lines.

use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Palette, Picture};
use crate::ui::screen::{LogEntry, labels};

impl Picture<'_> {
    /// The latest lines, the newest at the bottom; long ones folded.
    pub(super) fn log_lines(&self, area: Rect) -> Paragraph<'static> {
        let (width, room) = (usize::from(area.width), usize::from(area.height));
        let latest = self.log.iter().skip(self.log.len().saturating_sub(room));
        let lines = latest.flat_map(|entry| entry_lines(entry, width, self.palette));
        let mut lines: Vec<Line<'static>> = lines.collect();
        lines.drain(..lines.len().saturating_sub(room));
        Paragraph::new(lines)
    }
}

fn entry_lines(entry: &LogEntry, width: usize, palette: Palette) -> Vec<Line<'static>> {
    let mut time = format!(" {} ", labels::moment(entry.after));
    let indent = " ".repeat(time.len());
    let mut text = entry.line.text.clone();
    if entry.times > 1 {
        text.push_str(&format!("  ×{}", entry.times));
    }
    folded(&text, width.saturating_sub(indent.len()))
        .into_iter()
        .map(|part| {
            let margin = std::mem::replace(&mut time, indent.clone());
            Line::from(vec![
                Span::styled(margin, palette.colour(Color::DarkGray)),
                Span::styled(part, palette.tone(entry.line.tone)),
            ])
        })
        .collect()
}

/// The text in lines of at most this many columns, broken at spaces where possible.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text;
    while rest.width() > width.max(2) {
        let end = fitting(rest, width.max(2));
        // The line may also end right before a space.
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

/// How many bytes of the text fit into this many columns, at least two.
pub(super) fn fitting(text: &str, width: usize) -> usize {
    let mut columns = 0;
    let mut indices = text.char_indices();
    let end = indices.find(|(_, c)| {
        columns += c.width().unwrap_or(0);
        columns > width
    });
    end.map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_folded_at_spaces_where_possible() {
        assert_eq!(folded("one two three", 7), ["one two", "three"]);
        assert_eq!(folded("one two three", 8), ["one two", "three"]);
        assert_eq!(folded("incomprehensible", 6), ["incomp", "rehens", "ible"]);
        assert_eq!(folded("é日本 é", 5), ["é日本", "é"]);
        assert_eq!(folded("日本語", 5), ["日本", "語"]);
        assert_eq!(folded("", 3), [""]);
        assert_eq!(folded("any", 0), ["an", "y"]);
    }
}
