//! Logical time: the clock of a node, the order of requests, the token of an
//! entry.

use std::fmt;

use thiserror::Error;

/// The largest clock there is: 2^63 - 1, the largest whole number that a seed
/// peer can read (its clock is Go's `int`).
pub const MAX_CLOCK: u64 = i64::MAX as u64;

/// How far ahead of our own clock a received one may be: 2^32.
///
/// A clock moves by one or two an event, so an honest peer gets this far ahead
/// only with four billion events that we heard nothing of. A forged datagram,
/// on the other hand, cannot take the clock to its end: that would need two
/// billion of them.
pub const MAX_JUMP: u64 = 1 << 32;

/// A member of the group: its place in the member list, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When a request was made and by whom. Its order is the order in which the
/// section is granted: the smaller clock first, and of equal clocks the smaller
/// id (Ricart and Agrawala 1981, section 2; Lamport 1978, the total order `⇒`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// The Lamport clock.
    pub clock: u64,
    /// The member whose clock it is; breaks ties.
    pub id: NodeId,
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({},{})", self.clock, self.id)
    }
}

/// The fencing token of an entry: larger for every entry than for any earlier
/// entry of the whole group. A resource that remembers the largest token it has
/// seen can refuse a holder that was paused and comes too late.
///
/// Opaque and ordered: that it is the holder's clock at the moment it entered
/// is how turno makes it, not what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(u64);

#[cfg(test)]
impl Token {
    pub(crate) fn of(clock: u64) -> Self {
        Token(clock)
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a clock did not move. It is as it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ClockError {
    /// The received clock is further ahead than [`MAX_JUMP`] allows.
    #[error("clock {received} is more than {MAX_JUMP} ahead of ours, {own}")]
    TooFarAhead {
        /// The clock in the datagram.
        received: u64,
        /// Our clock, unchanged.
        own: u64,
    },
    /// The clock stands at [`MAX_CLOCK`].
    #[error("the clock has reached its end, {MAX_CLOCK}: the group must be started anew")]
    Exhausted,
}

/// The logical clock of a node (Lamport 1978, rules IR1 and IR2). It starts
/// at 1, as the seed's does, and never runs backwards.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LamportClock {
    now: u64,
}

impl Default for LamportClock {
    fn default() -> Self {
        LamportClock { now: 1 }
    }
}

impl LamportClock {
    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// An event of our own: one further.
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

    /// A message stamped `received` arrived: strictly past both clocks.
    ///
    /// # Errors
    /// [`ClockError::TooFarAhead`] for a jump that no honest peer makes, and
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

    /// The token of an entry made now.
    pub(crate) fn token(&self) -> Token {
        Token(self.now)
    }
}

/// Whether a clock of `received` can be believed by one who stands at `own`.
///
/// # Errors
/// [`ClockError::TooFarAhead`] if it is more than [`MAX_JUMP`] ahead.
pub fn plausible(received: u64, own: u64) -> Result<(), ClockError> {
    if received.saturating_sub(own) > MAX_JUMP {
        return Err(ClockError::TooFarAhead { received, own });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock_at(now: u64) -> LamportClock {
        LamportClock { now }
    }

    fn timestamp(clock: u64, id: u16) -> Timestamp {
        Timestamp {
            clock,
            id: NodeId(id),
        }
    }

    #[test]
    fn receiving_goes_strictly_past_both_clocks() {
        assert_eq!(clock_at(3).receive(9), Ok(10));
        assert_eq!(clock_at(9).receive(3), Ok(10));
        assert_eq!(clock_at(9).receive(9), Ok(10));
    }

    #[test]
    fn the_smaller_clock_is_the_older_request_and_a_tie_goes_to_the_lower_id() {
        assert!(timestamp(3, 2) < timestamp(5, 1));
        assert!(timestamp(3, 1) < timestamp(3, 2));
    }

    #[test]
    fn a_jump_is_bounded_and_leaves_the_clock_as_it_was() {
        let mut clock = clock_at(5);
        assert_eq!(
            clock.receive(5 + MAX_JUMP + 1),
            Err(ClockError::TooFarAhead {
                received: 5 + MAX_JUMP + 1,
                own: 5
            })
        );
        assert!(clock.receive(u64::MAX).is_err());
        assert_eq!(clock.now(), 5);
        assert_eq!(clock.receive(5 + MAX_JUMP), Ok(6 + MAX_JUMP));
    }

    #[test]
    fn the_clock_ends_without_overflow() {
        let mut clock = clock_at(MAX_CLOCK - 1);
        assert_eq!(clock.tick(), Ok(MAX_CLOCK));
        assert_eq!(clock.tick(), Err(ClockError::Exhausted));
        assert_eq!(clock.receive(3), Err(ClockError::Exhausted));
        assert_eq!(clock.now(), MAX_CLOCK);
    }
}
