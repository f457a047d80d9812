//! The modes in which a lock is entered.

use core::fmt;

/// The mode of a request, an entry and a permission. Two shared requests do not conflict:
/// any number of members may be in the section in shared mode, and one member alone in
/// exclusive mode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// No other member is in the section at the same time.
    #[default]
    Exclusive,
    /// Other members may be in the section at the same time, in shared mode.
    Shared,
}

impl Mode {
    /// Whether it is [`Mode::Shared`].
    #[must_use]
    pub fn is_shared(self) -> bool {
        self == Mode::Shared
    }

    /// Whether two entries in these modes must not overlap.
    #[must_use]
    pub fn conflicts(self, other: Mode) -> bool {
        !(self.is_shared() && other.is_shared())
    }
}

/// `exclusive` or `shared`.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Mode::Exclusive => "exclusive",
            Mode::Shared => "shared",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_shared_entries_may_overlap() {
        let (exclusive, shared) = (Mode::Exclusive, Mode::Shared);
        assert!(exclusive.conflicts(exclusive));
        assert!(exclusive.conflicts(shared) && shared.conflicts(exclusive));
        assert!(!shared.conflicts(shared));
    }
}
