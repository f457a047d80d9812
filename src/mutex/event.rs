//! All that can happen to a member.

use core::net::SocketAddr;

use super::lock_name::LockName;
use super::message::Message;
use super::token::Token;

/// Something that happened: the input of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The member begins to take part. Comes first, and once.
    Start,
    /// Before [`Event::Start`]: an earlier run of this member was in the critical
    /// section, and what it did there goes on. So whoever asks waits until it is
    /// released.
    Resume {
        /// Of which lock.
        lock: LockName,
        /// The fencing token of that entry.
        token: Token,
    },
    /// Somebody here wants the critical section (the seed's `x`).
    Acquire(LockName),
    /// Whoever waited here waits no longer: the request is given up.
    Cancel(LockName),
    /// Whoever was in the critical section here has left it.
    Release(LockName),
    /// Tokens are wanted for further entries within this stay in the critical
    /// section, of which the member is not told one by one.
    Lend {
        /// Of which lock.
        lock: LockName,
        /// For how many entries: at least one, and no more than a quarter of
        /// [`super::Config::ahead`] to be sure of it.
        entries: u64,
    },
    /// An event of no further meaning: the clock ticks (the seed's own id).
    Tick,
    /// A message arrived.
    Received {
        /// What it says.
        message: Message,
        /// Where an answer goes, if not to the sender's address in the member
        /// list: a seed peer asks from a fresh socket, and waits there.
        reply_to: Option<SocketAddr>,
    },
    /// A timer that was set has come due.
    Expired(Timer),
}

/// What a timer was set for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// To send a request again to whoever has not replied.
    Resend {
        /// Of which lock.
        lock: LockName,
        /// The request's clock. Once another is current, or none, the timer
        /// means nothing.
        request: u64,
        /// How often the request has been sent so far.
        sent: u32,
    },
    /// To greet again those whose clock was not heard.
    Greet {
        /// How often they have been greeted so far.
        sent: u32,
    },
    /// To forget that another node claimed our id, unless it did so again.
    Unclaim {
        /// Which claim.
        claim: u64,
    },
}

impl Timer {
    /// Whether setting this timer puts the other one out of force: they have the
    /// same purpose.
    #[must_use]
    pub fn replaces(&self, other: &Timer) -> bool {
        self.purpose() == other.purpose()
    }

    /// What it is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        match self {
            Timer::Resend { lock, .. } => Purpose::Resend(lock.clone()),
            Timer::Greet { .. } => Purpose::Greet,
            Timer::Unclaim { .. } => Purpose::Unclaim,
        }
    }
}

/// What a timer is for: of those with one purpose the last that was set counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// To send the request for this lock again.
    Resend(LockName),
    /// To greet again.
    Greet,
    /// To forget a claim.
    Unclaim,
}
