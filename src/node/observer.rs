//! What a node tells whoever watches it.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::group::Group;
use crate::mutex::{Effect, Event, Rejected, RicartAgrawala};
use crate::wire::Malformed;

/// Watches a node. It is told everything that happens, in order, and may draw
/// between two rounds of the loop.
pub trait Observer {
    /// Something has happened.
    ///
    /// # Errors
    /// Those of writing it down; they end the node.
    fn happened(&mut self, what: &Happening<'_>) -> io::Result<()>;

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

    /// The process goes on after it was stopped from outside, and cannot know
    /// what became of the terminal.
    ///
    /// # Errors
    /// Those of taking the terminal again.
    fn resume(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One thing that happened to a node.
#[derive(Debug)]
pub enum Happening<'a> {
    /// The node has begun to take part.
    Began {
        /// Who belongs.
        group: &'a Group,
        /// Where the critical section is.
        section: SocketAddr,
    },
    /// The algorithm was handed an event.
    Handled {
        /// The event.
        event: &'a Event,
        /// What it asked for, or why it changed nothing.
        outcome: Result<&'a [Effect], Rejected>,
        /// The algorithm, after it.
        mutex: &'a RicartAgrawala,
    },
    /// A datagram never reached the algorithm.
    Dropped {
        /// Where it came from.
        source: SocketAddr,
        /// What was in it.
        bytes: &'a [u8],
        /// What is wrong with it.
        why: Unheard,
        /// The algorithm, unchanged.
        mutex: &'a RicartAgrawala,
    },
    /// What was said to the critical section reached nobody.
    NobodyAtSection {
        /// The section's address.
        address: SocketAddr,
    },
}

/// Why a datagram never reached the algorithm.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unheard {
    /// It could not be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It is meant for the critical section.
    #[error("it is for the critical section, not for a process")]
    ForSection,
    /// It says that it is from a member, and comes from another host.
    #[error("that member is at {expected}")]
    ForeignHost {
        /// Where the member is.
        expected: SocketAddr,
    },
}

/// How a node stands, between two rounds of its loop.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// Who belongs.
    pub group: &'a Group,
    /// The algorithm.
    pub mutex: &'a RicartAgrawala,
    /// Where the critical section is.
    pub section: SocketAddr,
    /// When the present entry ends; none outside the section.
    pub entry_ends: Option<Instant>,
    /// How long the state is what it is.
    pub in_state: Duration,
    /// How often the section was entered.
    pub entries: u64,
}
