//! Fencing tokens: of an entry, and of those that happen within it.

use core::fmt;
use core::num::ParseIntError;
use core::ops::RangeInclusive;
use core::str::FromStr;

/// The fencing token of an entry: larger for every entry than for any earlier
/// entry of the whole group. A resource that remembers the largest token it has
/// seen can refuse a holder that was paused and comes too late.
///
/// Opaque and ordered: that it is the holder's clock as it entered is how turno
/// makes it today, not what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub(super) u64);

impl Token {
    /// A token that was stored as a number.
    #[must_use]
    pub fn new(number: u64) -> Self {
        Token(number)
    }

    /// The number to store, and to compare with the largest that a resource has seen.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }
}

impl From<Token> for u64 {
    fn from(token: Token) -> Self {
        token.get()
    }
}

/// A token, as it is displayed: a decimal number.
impl FromStr for Token {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Token)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Tokens that were delegated to the holder of a lock: for one further entry each,
/// within the stay in which they were delegated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tokens {
    first: Token,
    last: Token,
}

impl Tokens {
    /// Of these clocks; none if there are none.
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

    /// The one after so many others, counted from 0; none past the last.
    #[must_use]
    pub fn nth(&self, place: u64) -> Option<Token> {
        let token = Token(self.first.0.checked_add(place)?);
        (token <= self.last).then_some(token)
    }

    /// All of them, the smallest first.
    pub fn iter(&self) -> impl Iterator<Item = Token> + use<> {
        (self.first.0..=self.last.0).map(Token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lent_tokens_are_in_order_and_end() {
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
