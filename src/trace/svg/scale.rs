//! From the units of a diagram to pixels, and from text to XML.

use crate::trace::escape::escaped;

/// Pixels of a unit of the diagram.
pub(super) const UNIT: f64 = 34.0;
/// The width left of the lines, for the names.
pub(super) const LEFT: f64 = 64.0;
/// The height of a row of deferred replies.
pub(super) const ROW: f64 = 15.0;
/// The width of a character beside a bar, at most, in common fonts.
pub(super) const LETTER: f64 = 5.3;

pub(super) fn x(at: f64) -> f64 {
    LEFT + at * UNIT
}

/// Text in XML.
pub(crate) fn xml(text: &str) -> String {
    escaped(text, |c| match c {
        '<' => "&lt;",
        '>' => "&gt;",
        '&' => "&amp;",
        '"' => "&quot;",
        _ => "",
    })
}

/// The path of a cross with this centre.
pub(super) fn cross(x: f64, y: f64, half: f64) -> String {
    let (left, right, top, bottom) = (x - half, x + half, y - half, y + half);
    format!("M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} {top:.1}")
}
