//! Timers of the algorithm, each with what it is for.

use super::lock_name::LockName;

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
