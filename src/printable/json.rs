//! JSON that is safe to show on a terminal.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::is_shown;

/// Writes a value as one line of JSON. Characters that [`Printable`](super::Printable)
/// does not show as they are become JSON escapes, so the value is unchanged.
pub(crate) fn text(value: &impl Serialize) -> serde_json::Result<String> {
    let mut text = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut text, Escaping))?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

/// Compact JSON with these escapes.
struct Escaping;

impl Formatter for Escaping {
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
    fn printable_characters_are_unchanged() {
        let all = text(&("it's \"Ação\" 日本 \\", 1, [true])).unwrap();
        assert_eq!(all, r#"["it's \"Ação\" 日本 \\",1,[true]]"#);
    }

    #[test]
    fn terminal_escapes_become_json_escapes_with_the_same_value() {
        assert_eq!(
            text(&"\u{9b}2J\u{202e}\u{200b}\u{7f}\t\u{1b}").unwrap(),
            r#""\u009b2J\u202e\u200b\u007f\t\u001b""#
        );
        // Beyond U+FFFF: two units of UTF-16.
        assert_eq!(text(&"\u{e0001}").unwrap(), r#""\udb40\udc01""#);
        let every: String = ('\0'..=char::MAX).collect();
        let written = text(&every).unwrap();
        assert!(written.chars().all(is_shown));
        let read: String = serde_json::from_str(&written).unwrap();
        assert!(read == every);
    }
}
