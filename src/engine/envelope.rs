//! What arrived, and from where; not yet interpreted.

use std::net::SocketAddr;

use crate::mutex::Timer;
use crate::transport::Socket;

/// One thing that arrived at a node. Every source puts these into the node's
/// one queue; `S` are the sources that the node's user brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope<S> {
    pub(crate) source: Source<S>,
    /// What it says, as it came.
    pub(crate) text: Vec<u8>,
}

/// Where an [`Envelope`] comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source<S> {
    /// A datagram.
    Udp {
        /// Which of our sockets it arrived at.
        socket: Socket,
        /// Where it came from, and where an answer goes.
        return_address: SocketAddr,
    },
    /// A timer of the algorithm has come due.
    Timer(Timer),
    /// The node's user.
    User(S),
}

impl<S> Envelope<S> {
    /// One without words.
    pub(crate) fn empty(source: Source<S>) -> Self {
        let text = Vec::new();
        Envelope { source, text }
    }

    /// The user's, without words.
    pub(crate) fn of_user(source: S) -> Self {
        Self::empty(Source::User(source))
    }
}
