//! What a program does with an event.

use std::net::SocketAddr;
use std::time::Duration;

use crate::mutex::{Effect, Mode, NodeId, Rejected, Timer, ViewNumber};
use crate::protocol::Event;
use crate::transport::DropReason;

/// A datagram under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The address of the socket that sent it.
    pub source: SocketAddr,
    /// The address that it goes to.
    pub destination: SocketAddr,
    /// Its text.
    pub text: Vec<u8>,
}

/// Something that a program did, for the caller to carry out, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It persisted that its clock stays below this.
    Reserved(u64),
    /// It persisted that it votes for later views only.
    Promised(ViewNumber),
    /// It joined a view.
    Joined,
    /// The lease ended, and with it the entry.
    Lost,
    /// It sent a datagram.
    Sent(Parcel),
    /// It entered the critical section, with this token.
    Entered(u64, Mode),
    /// In the section, it delegated tokens: the first and the last.
    Delegated(u64, u64),
    /// A peer waits for its reply.
    Contended,
    /// Its try has ended.
    Refused,
    /// It left the critical section.
    Left,
    /// It expects an [`Event::Expired`] after about this time.
    Timer(Timer, Duration),
}

/// What a turno node made of an event or a datagram.
#[derive(Debug)]
pub enum Handled {
    /// The algorithm took this event, and returned these effects or rejected it.
    Handled(Event, Result<Vec<Effect>, Rejected>),
    /// The transport dropped the datagram.
    Dropped(DropReason),
}

/// A step of a program.
#[derive(Debug)]
pub struct ProgramStep {
    /// The member whose program it is.
    pub id: NodeId,
    /// What a turno node made of it; `None` for a process of the original.
    pub handled: Option<Handled>,
    /// What the program did.
    pub done: Vec<Done>,
}
