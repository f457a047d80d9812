//! All that can happen to a node.

use std::net::SocketAddr;

use super::message::Message;

/// Something that happened: the input of the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Somebody here wants the critical section (the seed's `x`).
    Want,
    /// Whoever waited here waits no longer: the request is given up.
    GiveUp,
    /// Whoever was in the critical section has left it.
    Left,
    /// An event of no further meaning: the clock ticks (the seed's own id).
    Tick,
    /// A datagram arrived.
    Received {
        /// What it says.
        message: Message,
        /// Which of our sockets it arrived at.
        socket: Socket,
        /// Where it came from; a reply to a request goes back there.
        source: SocketAddr,
    },
    /// A timer that was set has come due.
    Expired(Timer),
}

/// A socket of ours, on both ends of a datagram: sent from, or arrived at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Socket {
    /// The one whose address stands in the member list.
    Listening,
    /// One that was opened for the request of this clock and serves no other.
    /// A seed peer's reply does not say which request it answers; that it
    /// arrives here says it.
    OfRequest(u64),
}

/// What a timer was set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timer {
    /// To send a request again to whoever has not replied.
    Resend {
        /// The clock of that request. Once another is current, or none, the
        /// timer means nothing.
        request: u64,
    },
}
