//! The input of the algorithm.

use core::net::SocketAddr;

use crate::mutex::{LockName, Message, Mode, NodeId, Timer, Token};
use crate::views::ViewMessage;

/// Something that happened to a member.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// The member starts. This comes first, and once.
    Start,
    /// Before [`Event::Start`]: an earlier run of this member entered the critical
    /// section, and what it started there goes on. So requests are deferred until
    /// [`Event::Release`].
    Resume {
        /// The lock.
        lock: LockName,
        /// The fencing token of that entry.
        token: Token,
        /// Its mode.
        mode: Mode,
    },
    /// The user requests the critical section (the original's `x`).
    Acquire(LockName),
    /// As [`Event::Acquire`], but the request is a try: it asks every peer, and ends when
    /// another member is in the section or its request is older.
    Try(LockName),
    /// As [`Event::Acquire`], in shared mode.
    AcquireShared(LockName),
    /// As [`Event::Try`], in shared mode.
    TryShared(LockName),
    /// The user is in the critical section and stays there: deferred tries are refused.
    Deny(LockName),
    /// The user cancels its request.
    Cancel(LockName),
    /// The user has left the critical section.
    Release(LockName),
    /// As [`Event::Release`], but no user is in the section: tries that wait are granted.
    Return(LockName),
    /// The user asks for tokens for further entries before it leaves. The member does not
    /// learn of these entries.
    Delegate {
        /// The lock.
        lock: LockName,
        /// How many entries: at least one. A quarter of
        /// [`crate::mutex::Config::ahead`] is possible after each entry.
        entries: u64,
    },
    /// The clock ticks, with no further meaning (the original's own id).
    Tick,
    /// A message arrived.
    Received {
        /// The message.
        message: Message,
        /// The destination of an answer, if it is not the sender's address in the member
        /// list: an original peer sends each request from a new socket, and waits there.
        reply_to: Option<SocketAddr>,
    },
    /// A message about views arrived.
    ReceivedView {
        /// The sender.
        from: NodeId,
        /// The message.
        message: ViewMessage,
    },
    /// A timer expired.
    Expired(Timer),
    /// The member is about to end, with no lock held or requested: it says so.
    End,
}
