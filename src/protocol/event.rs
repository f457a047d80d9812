//! All that can happen to a member.

use core::net::SocketAddr;

use crate::mutex::{LockName, Message, Timer, Token};

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
    Delegate {
        /// Of which lock.
        lock: LockName,
        /// For how many entries: at least one, and no more than a quarter of
        /// [`crate::mutex::Config::ahead`] to be sure of it.
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
