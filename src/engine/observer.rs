//! What a node reports to its observer.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Stall;
use crate::group::Group;
use crate::mutex::{Effect, NodeId, Rejected};
use crate::protocol::{Event, Member};
use crate::transport::DropReason;

/// Observes a node: every event, in order, and a chance to draw between two rounds of
/// the loop. It must not wait, because the whole group would wait with it.
pub trait Observer {
    /// Something has happened.
    ///
    /// # Errors
    /// Those of recording it; they end the node.
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()>;

    /// Everything that had arrived is handled, and the node is about to wait.
    ///
    /// # Errors
    /// Those of drawing; they end the node.
    fn refresh(&mut self, snapshot: &Snapshot<'_>) -> io::Result<()>;

    /// Does what is due although nothing happened. Every owner of a node has it called; not
    /// every one draws.
    ///
    /// # Errors
    /// Those of recording it; they end the node.
    fn check(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// When to check, and to refresh, although nothing happens.
    fn next_refresh(&self) -> Option<Instant> {
        None
    }

    /// The user suspends the process (Ctrl-Z). Returns when it is resumed.
    ///
    /// # Errors
    /// Those of giving the terminal back and taking it again.
    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The process continues after a stop, or came to the foreground. The state of the
    /// terminal is unknown.
    ///
    /// # Errors
    /// Those of taking the terminal again.
    fn resume(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The user asks for the other view, if there is one.
    fn change_view(&mut self) {}

    /// The user asks what the keys and the signs mean, or has read it.
    fn explain(&mut self) {}

    /// The node has ended: writes what is left.
    fn close(&mut self) {}
}

/// One thing that happened to a node.
#[derive(Debug)]
pub enum NodeEvent<'a> {
    /// The node has begun to take part.
    Began {
        /// Who belongs.
        group: &'a Group,
        /// Where the critical section is, if it is at one place.
        section: Option<SocketAddr>,
        /// Whether the group has a key.
        has_key: bool,
    },
    /// The algorithm was handed an event.
    Handled {
        /// The event.
        event: &'a Event,
        /// Its effects, or why it changed nothing.
        outcome: Result<&'a [Effect], Rejected>,
        /// The algorithm, after it.
        member: &'a Member,
    },
    /// A datagram was dropped.
    Dropped {
        /// Where it came from.
        source: SocketAddr,
        /// Its text.
        bytes: &'a [u8],
        /// What is wrong with it.
        reason: DropReason,
        /// The algorithm, unchanged.
        member: &'a Member,
    },
    /// This many more datagrams were dropped than reported.
    DroppedMore(u64),
    /// The user asks what was dropped so far.
    Drops(&'a BTreeMap<&'static str, u64>),
    /// A datagram could not be sent.
    NotSent {
        /// Where to.
        address: SocketAddr,
        /// The system's reason.
        error: &'a io::Error,
    },
    /// A member is sent to at another address from now on.
    Moved {
        /// Who belongs, and where they are now.
        group: &'a Group,
        /// The member.
        id: NodeId,
        /// Where it was sent to before; `None` if its name was not known.
        before: Option<SocketAddr>,
    },
    /// The user has waited for the lock for a while.
    StillWaiting(&'a Stall),
    /// The trace ends here.
    TraceEnds {
        /// Its file, or its folder if no file could be made there.
        path: &'a Path,
        /// Why.
        error: &'a io::Error,
    },
    /// Nothing listens at the address of the critical section.
    SectionUnreachable {
        /// The section's address.
        address: SocketAddr,
    },
}

/// The state of a node between two rounds of its loop.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Who belongs.
    pub group: &'a Group,
    /// The algorithm.
    pub member: &'a Member,
    /// When each peer was heard last.
    pub heard: &'a BTreeMap<NodeId, Instant>,
    /// Where the critical section is.
    pub section: SocketAddr,
    /// When the present entry ends; none outside the section.
    pub entry_ends: Option<Instant>,
    /// How long the state is what it is.
    pub in_state: Duration,
    /// How often the section was entered.
    pub entries: u64,
    /// How many datagrams were dropped, by cause.
    pub drops: &'a BTreeMap<&'static str, u64>,
}
