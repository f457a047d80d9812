//! What happened lately, in labels.

use std::collections::VecDeque;

use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Palette;
use crate::ui::screen::{Past, labels};

/// The latest lines, the last at the bottom; long ones folded.
pub(super) fn past_lines(
    past: &VecDeque<Past>,
    area: Rect,
    palette: Palette,
) -> Paragraph<'static> {
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
    let mut time = format!(" {} ", labels::moment(past.after));
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
    fn a_long_line_is_folded_at_spaces_where_there_are_any() {
        assert_eq!(folded("one two three", 7), ["one two", "three"]);
        assert_eq!(folded("one two three", 8), ["one two", "three"]);
        assert_eq!(folded("incomprehensible", 6), ["incomp", "rehens", "ible"]);
        assert_eq!(folded("é日本 é", 5), ["é日本", "é"]);
        assert_eq!(folded("日本語", 5), ["日本", "語"]);
        assert_eq!(folded("", 3), [""]);
        assert_eq!(folded("any", 0), ["an", "y"]);
    }
}
