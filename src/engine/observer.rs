//! What a node tells whoever watches it.

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

/// Watches a node. It is told everything that happens, in order, and may draw
/// between two rounds of the loop. It must not wait for anything: the whole group
/// would.
pub trait Observer {
    /// Something has happened.
    ///
    /// # Errors
    /// Those of writing it down; they end the node.
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()>;

    /// All that had arrived is dealt with, and the node is about to wait.
    ///
    /// # Errors
    /// Those of drawing; they end the node.
    fn refresh(&mut self, status: &Status<'_>) -> io::Result<()>;

    /// When it wants to refresh although nothing happens.
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

    /// The process goes on after it was stopped, or was brought to the
    /// foreground, and cannot know what became of the terminal.
    ///
    /// # Errors
    /// Those of taking the terminal again.
    fn resume(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The user wants to see the node in another way, if there is one.
    fn change_view(&mut self) {}

    /// The node has ended, and these were its last words.
    fn part(&mut self) {}
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
        /// What it asked for, or why it changed nothing.
        outcome: Result<&'a [Effect], Rejected>,
        /// The algorithm, after it.
        member: &'a Member,
    },
    /// A datagram was dropped.
    Dropped {
        /// Where it came from.
        source: SocketAddr,
        /// What was in it.
        bytes: &'a [u8],
        /// What is wrong with it.
        reason: DropReason,
        /// The algorithm, unchanged.
        member: &'a Member,
    },
    /// So many more were dropped than were told of.
    DroppedMore(u64),
    /// Somebody wants to know what was dropped so far.
    Drops(&'a BTreeMap<&'static str, u64>),
    /// A datagram could not be sent.
    NotSent {
        /// Where to.
        address: SocketAddr,
        /// The system's reason.
        error: &'a io::Error,
    },
    /// What is wanted here has been waited for for longer than a moment.
    StillWaiting(&'a Stall),
    /// Nothing more is written into the trace.
    TraceEnds {
        /// Its file, or its folder if no file could be made there.
        path: &'a Path,
        /// Why.
        error: &'a io::Error,
    },
    /// What was said to the critical section reached nobody.
    SectionUnreachable {
        /// The section's address.
        address: SocketAddr,
    },
}

/// How a node stands, between two rounds of its loop.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
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
