//! The timers of the algorithm.

use super::lock_name::LockName;

/// A timer, with what to do when it expires.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Send a request again to the peers that have not replied.
    Resend {
        /// The lock.
        lock: LockName,
        /// The request's clock. The timer is stale once another request, or none, is
        /// current.
        request: u64,
        /// How often the request has been sent so far.
        sent: u32,
    },
    /// Send a hello again to the peers whose clock is not known.
    Hello {
        /// How often it has been sent so far.
        sent: u32,
    },
    /// Forget that another node has our id, unless it was seen again since.
    ForgetDuplicate {
        /// How often it had been seen when the timer was set.
        sightings: u64,
    },
    /// Enter: a lock has all permissions and waited for a lease.
    Enter {
        /// The lock.
        lock: LockName,
    },
    /// Look at the views: a beat, a ballot or the end of the lease is due.
    View,
}

impl Timer {
    /// Whether setting this timer cancels the other one: both have one purpose.
    #[must_use]
    pub fn replaces(&self, other: &Timer) -> bool {
        self.purpose() == other.purpose()
    }

    /// Whether it may be varied a little, so that nodes that started together do not stay
    /// in step. Otherwise it must not expire early.
    #[must_use]
    pub fn is_jittered(&self) -> bool {
        !matches!(self, Timer::Enter { .. } | Timer::View)
    }

    /// The purpose: of the timers with one purpose, the last that was set counts.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        match self {
            Timer::Resend { lock, .. } => Purpose::Resend(lock.clone()),
            Timer::Hello { .. } => Purpose::Hello,
            Timer::ForgetDuplicate { .. } => Purpose::ForgetDuplicate,
            Timer::Enter { lock } => Purpose::Enter(lock.clone()),
            Timer::View => Purpose::View,
        }
    }
}

/// The purpose of a timer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// To send the request for this lock again.
    Resend(LockName),
    /// To send a hello again.
    Hello,
    /// To forget another node with our id.
    ForgetDuplicate,
    /// To enter this lock.
    Enter(LockName),
    /// To look at the views.
    View,
}
