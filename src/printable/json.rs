//! JSON that a terminal shows and does not obey.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::is_shown;

/// On one line, and nothing in it but what [`Printable`](super::Printable) shows as
/// it is: other characters are escaped, so that it says the same to whoever reads it.
pub(crate) fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Shown))?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

/// As little as there can be, and all of it shown.
struct Shown;

impl Formatter for Shown {
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + io::Write,
    {
        let (bytes, mut written) = (fragment.as_bytes(), 0);
        for (at, odd) in fragment.match_indices(|c| !is_shown(c)) {
            writer.write_all(&bytes[written..at])?;
            for unit in odd.encode_utf16() {
                write!(writer, "\\u{unit:04x}")?;
            }
            written = at + odd.len();
        }
        writer.write_all(&bytes[written..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_stays_as_it_is() {
        let all = text(&("it's \"Ação\" 日本 \\", 1, [true])).unwrap();
        assert_eq!(all, r#"["it's \"Ação\" 日本 \\",1,[true]]"#);
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped_and_reads_the_same() {
        assert_eq!(
            text(&"\u{9b}2J\u{202e}\u{200b}\u{7f}\t\u{1b}").unwrap(),
            r#""\u009b2J\u202e\u200b\u007f\t\u001b""#
        );
        // Two units of UTF-16.
        assert_eq!(text(&"\u{e0001}").unwrap(), r#""\udb40\udc01""#);
        let every: String = ('\0'..=char::MAX).collect();
        let written = text(&every).unwrap();
        assert!(written.chars().all(is_shown));
        let read: String = serde_json::from_str(&written).unwrap();
        assert!(read == every);
    }
}
