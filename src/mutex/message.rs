//! What the nodes say to each other, as data. Its text is in [`crate::wire`].

use std::fmt;

use super::clock::Timestamp;

/// One run of one turno node: a nonce drawn when it starts. Two runs of the
/// same member differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What kind of program a datagram comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// One that speaks the seed's datagrams alone: a head with nothing after
    /// it. It echoes nothing and sends nothing twice.
    Seed,
    /// A turno node.
    Turno(Incarnation),
}

/// A request or a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// The head's clock and id: who sends it, and for a request the request's
    /// own timestamp, for a reply the replier's clock as it replies.
    pub stamp: Timestamp,
    /// Request or reply.
    pub body: Body,
    /// The program that sent it.
    pub origin: Origin,
}

/// What a [`Message`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// Asks for the critical section.
    Request,
    /// Permission to enter.
    Reply {
        /// The clock of the request that it answers; a seed peer says none.
        echo: Option<u64>,
    },
}

/// The head alone, as a seed peer would send it.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.body {
            Body::Request => "req",
            Body::Reply { .. } => "reply",
        };
        write!(f, "{kind}<{},{}>", self.stamp.clock, self.stamp.id)
    }
}
