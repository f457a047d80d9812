//! The messages between members, as data. [`crate::wire`] has their text.

use core::fmt;

use super::clock::NodeId;
use super::lock_name::LockName;
use super::mode::Mode;
use super::view_number::ViewNumber;

/// One run of one turno node: a nonce drawn when it starts, so that two runs of the
/// same member differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The kind of program that sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// A process of the original, the Go program that turno grew from: it echoes nothing
    /// and sends nothing twice.
    Original,
    /// A turno node.
    Turno(Incarnation),
}

/// A message from one member to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    /// The sender.
    pub from: NodeId,
    /// The sender's program.
    pub origin: Origin,
    /// The view that a request or an answer to it belongs to; `None` in a group without
    /// failover, and in greetings.
    pub view: Option<ViewNumber>,
    /// The content.
    pub body: Body,
}

/// The content of a [`Message`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Body {
    /// Asks for permission to enter the critical section of a lock.
    Request {
        /// The lock.
        lock: LockName,
        /// The request's own clock; with the sender's id its place in the order.
        clock: u64,
        /// Whether it is a try: the sender wants it refused rather than deferred.
        is_try: bool,
        /// The mode. A shared request is an exclusive one to a reader that does not know
        /// of modes: that is safe.
        mode: Mode,
    },
    /// Permission to enter.
    Reply {
        /// The lock.
        lock: LockName,
        /// The replier's clock as it replies.
        clock: u64,
        /// The request that it answers.
        echo: RequestId,
    },
    /// Final refusal of a try. It grants nothing.
    Note {
        /// The lock.
        lock: LockName,
        /// The sender's clock.
        clock: u64,
        /// The request.
        echo: RequestId,
        /// What comes before the request.
        first: First,
    },
    /// Final refusal: a request of another run of the receiver has superseded this
    /// one. The receiver must make a new request, with a clock past the sender's.
    Superseded {
        /// The lock.
        lock: LockName,
        /// The sender's clock.
        clock: u64,
        /// The request.
        echo: RequestId,
    },
    /// The sender has started, and asks for the receiver's clock.
    Hello,
    /// The answer to a hello: the sender's clock, and proof that it is up. It grants
    /// nothing.
    Welcome {
        /// The sender's clock.
        clock: u64,
        /// The run of the receiver that sent the hello.
        to: Incarnation,
        /// Whether the sender has received a message of an earlier run.
        again: bool,
    },
}

/// What comes before a try at another member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum First {
    /// That member is in the critical section.
    Held,
    /// That member waits, and its request is older.
    Ahead,
}

/// The identity of a request, which a reply echoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The request's clock.
    pub clock: u64,
    /// The run of the member that made it.
    pub incarnation: Incarnation,
}

impl Message {
    /// The run of a turno node that waits for an answer to this message.
    #[must_use]
    pub fn asks(&self) -> Option<Incarnation> {
        match (&self.body, self.origin) {
            (Body::Request { .. } | Body::Hello, Origin::Turno(run)) => Some(run),
            _ => None,
        }
    }
}

impl Body {
    /// The clock in the head of the datagram. A hello's is 0, which no event has: a
    /// original peer takes it for a request older than any, and its reply carries its
    /// clock.
    #[must_use]
    pub fn clock(&self) -> u64 {
        match self {
            Body::Request { clock, .. }
            | Body::Reply { clock, .. }
            | Body::Note { clock, .. }
            | Body::Superseded { clock, .. }
            | Body::Welcome { clock, .. } => *clock,
            Body::Hello => 0,
        }
    }
}

/// The head of the datagram: all that an original peer reads of it. It gets no note.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.body {
            Body::Request { .. } | Body::Hello => "req",
            Body::Reply { .. } | Body::Superseded { .. } | Body::Welcome { .. } => "reply",
            Body::Note { .. } => "note",
        };
        write!(f, "{kind}<{},{}>", self.body.clock(), self.from)
    }
}
