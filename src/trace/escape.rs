//! Text of a trace in the languages of drawings.

/// Replaces characters by their codes, and characters that no drawing may contain by
/// their numbers. `code` is empty for a character that stays.
pub(super) fn escaped(text: &str, code: impl Fn(char) -> &'static str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match code(c) {
            "" if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                escaped.extend(c.escape_unicode());
            }
            "" => escaped.push(c),
            code => escaped.push_str(code),
        }
    }
    escaped
}
