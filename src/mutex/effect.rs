//! All that a member can ask for.

use core::net::SocketAddr;
use core::time::Duration;

use super::clock::NodeId;
use super::lock_name::LockName;
use super::message::Message;
use super::timer::Timer;
use super::token::{Token, Tokens};

/// Something to be done: the output of the algorithm. Effects are performed in
/// the order in which they were pushed, and if one cannot be, those behind it
/// are not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Write down, so that it survives everything: from now on this member's
    /// clock may be anything below this. Only then may be sent what follows.
    Reserve {
        /// The bound.
        below: u64,
    },
    /// Send a message.
    Send {
        /// Which member it is for.
        to: NodeId,
        /// Where it goes, if not to the address in the member list.
        reply_to: Option<SocketAddr>,
        /// What it says.
        message: Message,
        /// How often the same has been sent to the same member before.
        repetition: u32,
    },
    /// The critical section is ours: use it, and say
    /// [`crate::protocol::Event::Release`].
    Enter {
        /// Of which lock.
        lock: LockName,
        /// The fencing token of this entry.
        token: Token,
    },
    /// Tokens for further entries, as long as the critical section is ours: each
    /// is larger than that of the entry, and than those that were lent before.
    Delegated {
        /// Of which lock.
        lock: LockName,
        /// The tokens, for one entry each, in their order.
        tokens: Tokens,
    },
    /// The request of a peer is deferred: it waits until this member leaves.
    Contended {
        /// Of which lock.
        lock: LockName,
    },
    /// The critical section is no longer ours. Whatever is still to be said to
    /// the resource is said now: the replies that follow let the next one in.
    Leave {
        /// Of which lock.
        lock: LockName,
        /// The clock as the section is left.
        clock: u64,
    },
    /// Hand in [`crate::protocol::Event::Expired`] after about this time, and forget the
    /// timer that this one [replaces](Timer::replaces).
    SetTimer {
        /// What for.
        timer: Timer,
        /// After how long. Whoever performs it may vary it a little, so that
        /// nodes that began together do not go on together.
        after: Duration,
    },
}
