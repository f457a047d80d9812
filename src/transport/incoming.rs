//! What is accepted.

use std::net::SocketAddr;

use crate::mutex::{Incarnation, Message, NodeId};
use crate::views::ViewMessage;
use crate::wire::{Heard, Piece, Query};

/// A message that is accepted.
#[derive(Clone, Debug, PartialEq)]
pub enum Incoming {
    /// A message about a lock, or a greeting.
    Lock {
        /// The message.
        message: Message,
        /// Where an answer goes, if not to the sender's address in the member list.
        reply_to: Option<SocketAddr>,
    },
    /// The sender is up, or is about to end.
    Up {
        /// The sender.
        from: NodeId,
        /// Whether it is about to end.
        leaves: bool,
        /// When it last heard this member. `None`: it does not say so.
        heard: Option<Heard>,
    },
    /// A message about views.
    View {
        /// The sender.
        from: NodeId,
        /// The message.
        message: ViewMessage,
    },
    /// The sender asks what happens with the locks.
    Query {
        /// The sender.
        from: NodeId,
        /// The run of the sender.
        incarnation: Incarnation,
        /// What it asks.
        query: Query,
    },
    /// A part of what the sender tells of its locks.
    Report {
        /// The sender.
        from: NodeId,
        /// The part.
        piece: Piece,
    },
    /// The sender asks, where it believes this member to be, for a response with this nonce.
    Challenge {
        /// The sender.
        from: NodeId,
        /// The nonce.
        nonce: u64,
    },
    /// The response to a challenge with this nonce.
    Response {
        /// The sender.
        from: NodeId,
        /// The nonce.
        nonce: u64,
    },
}
