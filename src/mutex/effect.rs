//! The output of the algorithm.

use core::net::SocketAddr;
use core::time::Duration;

use super::clock::NodeId;
use super::lock_name::LockName;
use super::message::{First, Message};
use super::mode::Mode;
use super::timer::Timer;
use super::token::{Token, Tokens};
use super::view_number::ViewNumber;

/// Something to do. Effects are performed in the order in which they were pushed, and
/// if one fails, those behind it are not performed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Persist an upper bound on this member's clock, before any later effect.
    Reserve {
        /// The clock stays below this.
        below: u64,
    },
    /// Persist that this member votes for later views only, before any later effect.
    Promise {
        /// The number that it votes for.
        number: ViewNumber,
    },
    /// Persist, before any later effect, that this member must hear all others before it
    /// promises anything again.
    Forget,
    /// A view was joined: permissions of older ones are void. There is nothing to do.
    Join,
    /// Send a message.
    Send {
        /// The receiver.
        to: NodeId,
        /// The destination, if it is not the receiver's address in the member list.
        reply_to: Option<SocketAddr>,
        /// The message.
        message: Message,
        /// How often the same message has been sent to the receiver before.
        repetition: u32,
    },
    /// This member is in the critical section until
    /// [`crate::protocol::Event::Release`].
    Enter {
        /// The lock.
        lock: LockName,
        /// The fencing token of this entry.
        token: Token,
        /// Whether other members may be in the section at the same time.
        mode: Mode,
    },
    /// Tokens for further entries until this member leaves: each is larger than that of
    /// the entry, and than those that were delegated before.
    Delegated {
        /// The lock.
        lock: LockName,
        /// One token for each entry, in order.
        tokens: Tokens,
    },
    /// The request of a peer is deferred: the peer waits until this member leaves. If
    /// the user stays in the section, [`crate::protocol::Event::Deny`] follows.
    Contended {
        /// The lock.
        lock: LockName,
    },
    /// The try of this member has ended: another member comes first, or may have entered in
    /// the view before the present one.
    Refused {
        /// The lock.
        lock: LockName,
        /// The other member, and why it comes first. `None`: the view has changed.
        first: Option<(NodeId, First)>,
    },
    /// The lease is over, and with it the entry: what was started in the critical section
    /// must have ended. The peers' requests stay deferred until
    /// [`crate::protocol::Event::Release`].
    Lost {
        /// The lock.
        lock: LockName,
    },
    /// This member has left the critical section. Finish with the resource before any
    /// later effect: the replies that follow let the next member in.
    Leave {
        /// The lock.
        lock: LockName,
        /// The clock on leaving.
        clock: u64,
    },
    /// Hand in [`crate::protocol::Event::Expired`] after about this time, and cancel the
    /// timer that this one [replaces](Timer::replaces).
    SetTimer {
        /// The timer.
        timer: Timer,
        /// The delay. It may be varied a little, so that nodes that started together do
        /// not stay in step.
        after: Duration,
    },
}
