//! Logical time: the clock of a member, and the order of requests.

use core::{error, fmt};

use super::token::{Token, Tokens};

/// The largest clock: 2^63 - 1, the largest that an original peer can read (its clock is
/// Go's `int`).
pub const MAX_CLOCK: u64 = i64::MAX as u64;

/// How far the clock of a request or a reply may be ahead of our own: 2^21.
///
/// This is more than the million clocks that a restart skips, and more than a member
/// gets ahead of another before it asks it ([`super::Config::ahead`]). A peer that is
/// further ahead is asked for its clock, and its answer to our nonce is believed. An
/// outsider who forges a million datagrams a second needs fifty days to take a clock to
/// its end.
pub const MAX_JUMP: u64 = 1 << 21;

/// The largest clock that a welcome may carry: half of all clocks.
const MAX_WELCOME: u64 = MAX_CLOCK / 2;

/// A member of the group: its place in the member list, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The clock and the member of a request. Timestamps are ordered as requests are
/// granted: the smaller clock first, and of equal clocks the smaller id (Ricart and
/// Agrawala 1981, section 2; Lamport 1978, the total order `⇒`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// The Lamport clock.
    pub clock: u64,
    /// The member, which breaks ties.
    pub id: NodeId,
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({},{})", self.clock, self.id)
    }
}

/// Why a clock did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockError {
    /// The received clock is further ahead than [`MAX_JUMP`] allows.
    TooFarAhead {
        /// The clock in the datagram.
        received: u64,
        /// Our clock.
        own: u64,
    },
    /// The clock is at [`MAX_CLOCK`].
    Exhausted,
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClockError::TooFarAhead { received, own } => {
                write!(f, "clock {received} is more than 2^21 ahead of ours, {own}")
            }
            ClockError::Exhausted => write!(
                f,
                "the clock has reached its end, 2^63 - 1: the group must be restarted"
            ),
        }
    }
}

impl error::Error for ClockError {}

/// The logical clock of a member (Lamport 1978, rules IR1 and IR2). It starts at 1, as
/// the original's does, and never goes back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LamportClock {
    now: u64,
}

impl Default for LamportClock {
    fn default() -> Self {
        LamportClock::at(1)
    }
}

impl LamportClock {
    /// A clock at `now`, at most [`MAX_CLOCK`].
    #[must_use]
    pub fn at(now: u64) -> Self {
        let now = now.min(MAX_CLOCK);
        LamportClock { now }
    }

    /// The time on the clock.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Goes one further, for an event of our own (IR1).
    ///
    /// # Errors
    /// [`ClockError::Exhausted`] at the end of the clock.
    pub fn tick(&mut self) -> Result<u64, ClockError> {
        if self.now >= MAX_CLOCK {
            return Err(ClockError::Exhausted);
        }
        self.now += 1;
        Ok(self.now)
    }

    /// Goes strictly past both clocks, for a message with the clock `received` (IR2).
    ///
    /// # Errors
    /// [`ClockError::TooFarAhead`] for a jump that no honest peer causes, and
    /// [`ClockError::Exhausted`] at the end of the clock.
    pub fn receive(&mut self, received: u64) -> Result<u64, ClockError> {
        plausible(received, self.now)?;
        let latest = self.now.max(received);
        if latest >= MAX_CLOCK {
            return Err(ClockError::Exhausted);
        }
        self.now = latest + 1;
        Ok(self.now)
    }

    /// Goes up to a clock that a member told us because we asked: no event of our own.
    ///
    /// # Errors
    /// [`ClockError::TooFarAhead`] beyond half of all clocks.
    pub fn catch_up(&mut self, received: u64) -> Result<u64, ClockError> {
        if received > MAX_WELCOME {
            let own = self.now;
            return Err(ClockError::TooFarAhead { received, own });
        }
        self.now = self.now.max(received);
        Ok(self.now)
    }

    /// Goes this many further, and returns the clocks as tokens for further entries:
    /// `None` for 0 entries.
    pub(crate) fn delegate(&mut self, entries: u64) -> Result<Option<Tokens>, ClockError> {
        let last = self.now.saturating_add(entries);
        if last > MAX_CLOCK {
            return Err(ClockError::Exhausted);
        }
        let tokens = Tokens::of(self.now + 1..=last);
        self.now = last;
        Ok(tokens)
    }

    /// The token of an entry at this moment.
    pub(crate) fn token(&self) -> Token {
        Token(self.now)
    }
}

fn plausible(received: u64, own: u64) -> Result<(), ClockError> {
    if received.saturating_sub(own) > MAX_JUMP {
        return Err(ClockError::TooFarAhead { received, own });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receiving_goes_strictly_past_both_clocks() {
        assert_eq!(LamportClock::at(3).receive(9), Ok(10));
        assert_eq!(LamportClock::at(9).receive(3), Ok(10));
        assert_eq!(LamportClock::at(9).receive(9), Ok(10));
    }

    #[test]
    fn the_smaller_clock_is_the_older_request_and_a_tie_goes_to_the_lower_id() {
        let in_order = [(3, 1), (3, 2), (5, 1)].map(|(clock, id)| {
            let id = NodeId(id);
            Timestamp { clock, id }
        });
        assert!(in_order.is_sorted_by(|older, younger| older < younger));
    }

    #[test]
    fn a_jump_is_bounded_and_leaves_the_clock_as_it_was() {
        let mut clock = LamportClock::at(5);
        let (received, own) = (5 + MAX_JUMP + 1, 5);
        let error = ClockError::TooFarAhead { received, own };
        assert_eq!(clock.receive(received), Err(error));
        assert!(clock.receive(u64::MAX).is_err());
        assert_eq!(clock.now(), 5);
        assert_eq!(clock.receive(5 + MAX_JUMP), Ok(6 + MAX_JUMP));
    }

    #[test]
    fn catching_up_does_not_tick() {
        let mut clock = LamportClock::at(5);
        assert_eq!(clock.catch_up(9), Ok(9));
        assert_eq!(clock.catch_up(3), Ok(9));
        assert!(clock.catch_up(MAX_WELCOME + 1).is_err());
        assert_eq!(clock.now(), 9);
        assert_eq!(clock.catch_up(MAX_WELCOME), Ok(MAX_WELCOME));
    }

    #[test]
    fn the_clock_ends_without_overflow() {
        let mut clock = LamportClock::at(MAX_CLOCK - 1);
        assert_eq!(clock.tick(), Ok(MAX_CLOCK));
        assert_eq!(clock.tick(), Err(ClockError::Exhausted));
        assert_eq!(clock.receive(3), Err(ClockError::Exhausted));
        assert_eq!(clock.now(), MAX_CLOCK);
        assert_eq!(LamportClock::at(u64::MAX), clock, "a peer cannot read more");
        assert_eq!(clock.delegate(1), Err(ClockError::Exhausted));
        assert_eq!(clock.delegate(u64::MAX), Err(ClockError::Exhausted));
    }

    #[test]
    fn delegated_tokens_are_past_the_clock_and_the_clock_goes_up_to_the_last() {
        let mut clock = LamportClock::at(5);
        let tokens = clock.delegate(3).unwrap().unwrap();
        assert_eq!((tokens.first().get(), tokens.last().get()), (6, 8));
        assert_eq!(clock.now(), 8);
        assert_eq!(clock.delegate(0), Ok(None));
    }
}
