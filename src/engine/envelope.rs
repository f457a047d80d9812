//! What arrived, and from where; not yet interpreted.

use std::net::SocketAddr;

use crate::group::Found;
use crate::mutex::{NodeId, Timer};
use crate::transport::Socket;

/// One thing that arrived at a node. Every source puts these into the node's one
/// queue; `U` is what the node's user brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Envelope<U> {
    /// For the engine.
    Engine(Input),
    /// For the engine's owner.
    User(U),
}

/// What arrives at every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A datagram.
    Datagram {
        /// The socket of ours that it arrived at.
        socket: Socket,
        /// Where it came from, and where an answer goes.
        source: SocketAddr,
        /// Its text.
        bytes: Vec<u8>,
    },
    /// The look-up of a member's name has ended.
    Found {
        /// The member.
        id: NodeId,
        /// Its addresses.
        found: Found,
    },
    /// A timer of the algorithm is due.
    Timer(Timer),
}
