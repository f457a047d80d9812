//! Fencing tokens: of an entry, and of those that happen within it.

use core::fmt;
use core::ops::RangeInclusive;

/// The fencing token of an entry: larger for every entry than for any earlier
/// entry of the whole group. A resource that remembers the largest token it has
/// seen can refuse a holder that was paused and comes too late.
///
/// Opaque and ordered: that it is the holder's clock as it entered is how turno
/// makes it today, not what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub(super) u64);

impl Token {
    /// The number to hand to a resource and to store there: what it compares with
    /// the largest that it has seen. (It is the clock at which the entry was made,
    /// and what the holder says to the seed's critical section.)
    #[must_use]
    pub fn clock(self) -> u64 {
        self.0
    }

    /// One that was written down with its clock, as long as its entry goes on.
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

/// Tokens that were lent to the holder of a lock: for one further entry each,
/// within the stay in which they were lent.
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
        assert_eq!(Tokens::of(none), None, "there is no token to lend");
    }
}
