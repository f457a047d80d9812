//! What is accepted.

use std::net::SocketAddr;

use crate::mutex::{Message, NodeId};
use crate::views::ViewMessage;

/// A message that is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    },
    /// A message about views.
    View {
        /// The sender.
        from: NodeId,
        /// The message.
        message: ViewMessage,
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
