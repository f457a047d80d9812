//! All that a node can ask for.

use std::net::SocketAddr;
use std::time::Duration;

use super::clock::{NodeId, Token};
use super::event::{Socket, Timer};
use super::message::Message;

/// Something to be done: the output of the algorithm. Effects are performed in
/// the order in which they were pushed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Send a datagram.
    Send {
        /// Which member it is for.
        to: NodeId,
        /// The address it goes to; none: the one in the member list.
        address: Option<SocketAddr>,
        /// Which of our sockets it leaves from.
        socket: Socket,
        /// What it says.
        message: Message,
    },
    /// The critical section is ours: use it, and say [`super::Event::Left`].
    Enter {
        /// The fencing token of this entry.
        token: Token,
    },
    /// The critical section is no longer ours. Whatever is still to be said to
    /// the resource is said now: the replies that follow let the next one in.
    Leave {
        /// The clock as the section is left.
        clock: u64,
    },
    /// Hand in [`super::Event::Expired`] after about this time.
    SetTimer {
        /// What for.
        timer: Timer,
        /// After how long. Whoever performs it may vary it a little, so that
        /// nodes that began together do not go on together.
        after: Duration,
    },
}
