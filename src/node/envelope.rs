//! What arrived, and from where; not yet interpreted.

use std::net::SocketAddr;

use crate::mutex::Timer;
use crate::transport::Socket;

/// One thing that arrived at a node. Every source puts these into the node's
/// one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) source: Source,
    /// What it says, as it came.
    pub(super) text: Vec<u8>,
}

/// Where an [`Envelope`] comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The user: a line of standard input, or the keys that amount to one.
    Keyboard,
    /// The user, at a terminal: has had enough.
    Quit,
    /// The user, at a terminal: wants the shell for a while.
    Suspend,
    /// A datagram.
    Udp {
        /// Which of our sockets it arrived at.
        socket: Socket,
        /// Where it came from, and where an answer goes.
        return_address: SocketAddr,
    },
    /// The critical section: the time that an entry lasts is over.
    EntryOver,
    /// The critical section: what was said to it reached nobody.
    NobodyListens,
    /// A timer of the algorithm has come due.
    Timer(Timer),
    /// The operating system's signal of this number.
    Signal(i32),
}

impl Envelope {
    /// One without words.
    pub(super) fn empty(source: Source) -> Self {
        let text = Vec::new();
        Envelope { source, text }
    }
}
