//! Fencing tokens: of an entry, and of the delegated entries within it.

use core::fmt;
use core::ops::RangeInclusive;

/// The fencing token of an entry: larger for every entry than for any earlier
/// entry of the whole group. A resource that remembers the largest token it has
/// seen can refuse a holder that was paused and comes too late.
///
/// Opaque and ordered. Today it is the holder's clock on entry, which is no part of its
/// meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub(super) u64);

impl Token {
    /// The number that a resource compares with the largest that it has seen. (It is the
    /// clock on entry, which the holder sends to the seed's critical section.)
    #[must_use]
    pub fn clock(self) -> u64 {
        self.0
    }

    /// The token of a recorded entry, which may still go on.
    pub(crate) fn recorded(clock: u64) -> Self {
        Token(clock)
    }

    #[cfg(test)]
    pub(crate) fn of(clock: u64) -> Self {
        Token(clock)
    }

    #[cfg(test)]
    pub(crate) fn earlier(self, by: u64) -> Self {
        Token(self.0 - by)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tokens that were delegated to the holder of a lock: one for each further entry until
/// it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tokens {
    first: Token,
    last: Token,
}

impl Tokens {
    /// The tokens of these clocks, or `None` if the range is empty.
    pub(super) fn of(clocks: RangeInclusive<u64>) -> Option<Self> {
        let (first, last) = (Token(*clocks.start()), Token(*clocks.end()));
        (!clocks.is_empty()).then_some(Tokens { first, last })
    }

    /// The smallest.
    #[must_use]
    pub fn first(&self) -> Token {
        self.first
    }

    /// The largest.
    #[must_use]
    pub fn last(&self) -> Token {
        self.last
    }

    /// The token at this place, counted from 0, or `None` past the last.
    #[must_use]
    pub fn nth(&self, place: u64) -> Option<Token> {
        let token = Token(self.first.0.checked_add(place)?);
        (token <= self.last).then_some(token)
    }

    /// All tokens, the smallest first.
    pub fn iter(&self) -> impl Iterator<Item = Token> + use<> {
        (self.first.0..=self.last.0).map(Token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delegated_tokens_are_in_order_and_end() {
        let tokens = Tokens::of(6..=8).unwrap();
        assert_eq!((tokens.first(), tokens.last()), (Token(6), Token(8)));
        assert_eq!(tokens.nth(0), Some(Token(6)));
        assert_eq!(tokens.nth(2), Some(Token(8)));
        assert_eq!(tokens.nth(3), None);
        assert_eq!(tokens.nth(u64::MAX), None);
        assert!(tokens.iter().eq([Token(6), Token(7), Token(8)]));
        let none = RangeInclusive::new(6, 5);
        assert_eq!(Tokens::of(none), None, "there is no token to delegate");
    }
}
