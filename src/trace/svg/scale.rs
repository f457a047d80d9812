//! From the units of a diagram to pixels, and from text to XML.

use std::fmt::{self, Display, Write};

/// Pixels of a unit of the diagram.
pub(super) const UNIT: f64 = 34.0;
/// The width left of the lines, for the names.
pub(super) const LEFT: f64 = 64.0;
/// The height of a row of deferred replies.
pub(super) const ROW: f64 = 15.0;
/// The width of a character beside a bar, at most, in common fonts.
pub(super) const LETTER: f64 = 4.8;

pub(super) fn x(at: f64) -> f64 {
    LEFT + at * UNIT
}

/// Text in XML. Characters that XML does not allow are shown by their codes.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                    write!(f, "{}", c.escape_unicode())?;
                }
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The path of a cross with this centre.
pub(super) fn cross(x: f64, y: f64, half: f64) -> String {
    let (left, right, top, bottom) = (x - half, x + half, y - half, y + half);
    format!("M{left:.1} {top:.1}L{right:.1} {bottom:.1}M{left:.1} {bottom:.1}L{right:.1} {top:.1}")
}
