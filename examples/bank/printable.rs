//! Text from outside, made safe for a terminal.

/// Returns the text as one line that does not control a terminal: control characters,
/// marks that change the direction of the text, and other invisible characters are
/// escaped. A backslash is doubled, so that it cannot fake an escape.
pub fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' => line.push(c),
            c => line.extend(c.escape_debug()),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_any_language_is_unchanged() {
        let text = "it's \"Ação\" 日本";
        assert_eq!(printable(text), text);
    }

    #[test]
    fn no_terminal_escape_gets_through() {
        let escapes = "a\n\x1b[2J\u{9b}2J\u{202e}\u{200b}\\n";
        let shown = r"a\n\u{1b}[2J\u{9b}2J\u{202e}\u{200b}\\n";
        assert_eq!(printable(escapes), shown);
        let all: String = ('\0'..=char::MAX).collect();
        assert!(!printable(&all).contains(char::is_control));
    }
}
