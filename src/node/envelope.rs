//! What arrived, and from where; not yet interpreted.

use std::net::SocketAddr;

use crate::mutex::{Socket, Timer};

/// One thing that arrived at a node. Every source puts these into the node's
/// one queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) source: Source,
    /// What it says, as it came.
    pub(super) text: Vec<u8>,
    /// Where an answer goes, if one can be sent.
    pub(super) return_address: Option<SocketAddr>,
}

/// Where an [`Envelope`] comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The user: a key, or a line of standard input.
    Keyboard,
    /// A datagram that arrived at one of our sockets.
    Udp(Socket),
    /// The critical section that we use.
    CriticalSection,
    /// A timer that has come due.
    Timer(Timer),
    /// The operating system's signal of this number.
    Signal(i32),
}

impl Envelope {
    /// One that nobody waits for an answer to.
    pub(super) fn new(source: Source, text: impl Into<Vec<u8>>) -> Self {
        Envelope {
            source,
            text: text.into(),
            return_address: None,
        }
    }
}
