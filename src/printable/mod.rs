//! Text from outside, made safe to show.

#[cfg(feature = "cli")]
pub(crate) mod json;

use std::fmt;

/// How many characters of a text are shown, unless all are.
const MAX_SHOWN: usize = 200;

/// Bytes from the network or the keyboard, displayed as one line that does not control
/// the terminal. Control characters, terminal escape codes, marks that change the
/// direction of the text, and invalid UTF-8 are shown by their numbers; a long text is cut.
///
/// ```
/// use turno::internals::Printable;
///
/// assert_eq!(Printable::new(b"caf\xc3\xa9 \x1b[2J\xff").to_string(), r"café \u{1b}[2J\xff");
/// ```
pub struct Printable<'a> {
    bytes: &'a [u8],
    max_shown: usize,
}

impl<'a> Printable<'a> {
    /// The beginning of a text: enough to recognise it.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        let max_shown = MAX_SHOWN;
        Printable { bytes, max_shown }
    }

    /// The whole text.
    #[must_use]
    pub fn whole(bytes: &'a [u8]) -> Self {
        let max_shown = usize::MAX;
        Printable { bytes, max_shown }
    }
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.bytes.utf8_chunks().flat_map(|chunk| {
            let valid = chunk.valid().chars().map(Ok);
            valid.chain(chunk.invalid().iter().map(Err))
        });
        for (place, shown) in shown.enumerate() {
            if place == self.max_shown {
                return write!(f, "… ({} bytes in all)", self.bytes.len());
            }
            match shown {
                Ok('\\') => write!(f, "\\\\")?,
                Ok(c) if is_shown(c) => write!(f, "{c}")?,
                Ok(c) => write!(f, "{}", c.escape_debug())?,
                Err(byte) => write!(f, "\\x{byte:02x}")?,
            }
        }
        Ok(())
    }
}

/// Whether a terminal shows this character, and is not controlled by it.
fn is_shown(c: char) -> bool {
    matches!(c, '"' | '\'' | '\\') || c.escape_debug().len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        Printable::new(bytes).to_string()
    }

    #[test]
    fn printable_text_of_any_language_is_unchanged() {
        assert_eq!(shown("it's \"Ação\" 日本".as_bytes()), "it's \"Ação\" 日本");
    }

    #[test]
    fn no_terminal_escape_gets_through() {
        assert_eq!(
            shown(b"\x1b]0;title\x07\r\n\t\x9b2J"),
            r"\u{1b}]0;title\u{7}\r\n\t\x9b2J"
        );
        assert_eq!(
            shown("\u{9b}2J\u{202e}\u{2066}\u{200b}\u{2028}".as_bytes()),
            r"\u{9b}2J\u{202e}\u{2066}\u{200b}\u{2028}"
        );
        let all: String = ('\0'..=char::MAX).collect();
        assert!(!shown(all.as_bytes()).contains(char::is_control));
    }

    #[test]
    fn a_backslash_is_doubled_so_that_it_cannot_fake_an_escape() {
        assert_eq!(shown(br"\x1b"), r"\\x1b");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(
            shown(&[b'a'; 65_507]),
            format!("{}… (65507 bytes in all)", "a".repeat(200))
        );
        assert_eq!(shown(&[b'a'; 200]), "a".repeat(200));
        assert!(shown(&[0xff; 1000]).ends_with(r"\xff… (1000 bytes in all)"));
    }
}
