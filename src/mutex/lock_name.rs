//! The names of locks.

use alloc::sync::Arc;
use core::{error, fmt};

/// The longest name, in bytes.
const MAX_LENGTH: usize = 128;

/// The name of a lock: UTF-8, at most 128 bytes, no control characters. The
/// empty name, the default, is the original's one lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockName(Option<Arc<str>>);

/// Why a text is not a [`LockName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockNameError {
    /// It has this many bytes.
    TooLong(usize),
    /// It contains this control character.
    Control(char),
}

impl LockName {
    /// Checks the name.
    ///
    /// # Errors
    /// [`LockNameError`] if the text is too long or has a control character.
    pub fn new(text: &str) -> Result<Self, LockNameError> {
        if text.len() > MAX_LENGTH {
            return Err(LockNameError::TooLong(text.len()));
        }
        if let Some(control) = text.chars().find(|c| c.is_control()) {
            return Err(LockNameError::Control(control));
        }
        Ok(LockName((!text.is_empty()).then(|| text.into())))
    }

    /// Whether this is the original's one lock.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        self.0.is_none()
    }

    /// The text, empty for the original's one lock.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for LockNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockNameError::TooLong(length) => {
                write!(
                    f,
                    "{length} bytes are too many for the name of a lock: it has at most 128"
                )
            }
            LockNameError::Control(control) => {
                write!(
                    f,
                    "the name of a lock has no control characters, such as U+{:04X}",
                    u32::from(*control)
                )
            }
        }
    }
}

impl error::Error for LockNameError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_and_free_of_control_characters() {
        assert_eq!(LockName::new("cópia 備份").unwrap().as_str(), "cópia 備份");
        assert_eq!(LockName::new(""), Ok(LockName::default()));
        assert!(LockName::new(&"é".repeat(64)).is_ok());
        let too_long = LockName::new(&"é".repeat(65));
        assert_eq!(too_long, Err(LockNameError::TooLong(130)));
        for control in ['\0', '\n', '\u{1b}', '\u{7f}', '\u{9b}'] {
            let name = LockName::new(&format!("a{control}b"));
            assert_eq!(name, Err(LockNameError::Control(control)));
        }
        // The number, since an escape would be escaped again when it is shown.
        let error = LockName::new("a\nb").unwrap_err();
        assert!(error.to_string().ends_with("such as U+000A"), "{error}");
    }
}
