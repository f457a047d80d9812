//! What the members say to each other, as data. Its text is in [`crate::wire`].

use core::fmt;

use super::clock::NodeId;
use super::lock_name::LockName;

/// One run of one turno node: a nonce drawn when it starts. Two runs of the
/// same member differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The kind of program that a message comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// One that speaks the datagrams of the Go program that turno grew from, the
    /// seed: it echoes nothing and sends nothing twice.
    Seed,
    /// A turno node.
    Turno(Incarnation),
}

/// Something that one member says to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    /// Who says it.
    pub from: NodeId,
    /// The program that says it.
    pub origin: Origin,
    /// What it says.
    pub body: Body,
}

/// What a [`Message`] says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Body {
    /// Asks for the critical section of a lock.
    Request {
        /// Which lock.
        lock: LockName,
        /// The request's own clock; with the sender's id its place in the order.
        clock: u64,
    },
    /// Permission to enter.
    Reply {
        /// Which lock.
        lock: LockName,
        /// The replier's clock as it replies.
        clock: u64,
        /// The request that it answers.
        echo: RequestId,
    },
    /// No permission, ever: a request of another run of the receiver has overtaken
    /// this one. It must be made anew, with a clock past the sender's.
    Superseded {
        /// Which lock.
        lock: LockName,
        /// The sender's clock.
        clock: u64,
        /// The request.
        echo: RequestId,
    },
    /// Says that the sender has started, and asks for the clock.
    Hello,
    /// Tells the clock, and that the sender is there. It grants nothing.
    Welcome {
        /// The sender's clock.
        clock: u64,
        /// The run of the receiver that asked.
        to: Incarnation,
        /// Whether the sender has heard an earlier run.
        again: bool,
    },
}

/// Which request a reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The request's clock.
    pub clock: u64,
    /// The run of the member that made it.
    pub incarnation: Incarnation,
}

impl Message {
    /// The run of a turno node that waits for an answer to this.
    #[must_use]
    pub fn asks(&self) -> Option<Incarnation> {
        match (&self.body, self.origin) {
            (Body::Request { .. } | Body::Hello, Origin::Turno(run)) => Some(run),
            _ => None,
        }
    }
}

impl Body {
    /// The clock in the head of the datagram. A hello's is 0, which no event
    /// has: to a seed peer it is a request older than any, and the reply tells
    /// its clock.
    #[must_use]
    pub fn clock(&self) -> u64 {
        match self {
            Body::Request { clock, .. }
            | Body::Reply { clock, .. }
            | Body::Superseded { clock, .. }
            | Body::Welcome { clock, .. } => *clock,
            Body::Hello => 0,
        }
    }
}

/// The head of the datagram, which is all that a seed peer reads of it.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.body {
            Body::Request { .. } | Body::Hello => "req",
            Body::Reply { .. } | Body::Superseded { .. } | Body::Welcome { .. } => "reply",
        };
        write!(f, "{kind}<{},{}>", self.body.clock(), self.from)
    }
}
