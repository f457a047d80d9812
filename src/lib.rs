//! turno: take turns across machines.
//!
//! A distributed mutual-exclusion lock that needs no server. Every machine of a group
//! runs one node; the nodes agree by the algorithm of Ricart and Agrawala, over UDP. A
//! holder gets a fencing token, larger than every token before it.
//!
//! ```
//! use turno::{Node, Settings};
//!
//! # let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
//! # let (alpha, id) = (format!(":{port}"), 1);
//! // On every machine, with its own id: ["alpha:7001", "beta:7001", "gamma:7001"].
//! let node = Node::start(&Settings::new(id, [alpha]))?;
//! let guard = node.lock("nightly")?;
//! println!("our turn, with token {}", guard.token());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! At most one member of the group holds a lock, whatever the network loses, repeats,
//! delays or reorders, and however long a process pauses; no clock of a machine is
//! involved. Tokens rise from entry to entry across the whole group. Every request is
//! granted in the end, if all members are up. The conditions: all members have the same
//! list, written the same; each id runs once; each node keeps its state directory
//! ([`Settings::state`]); and the group has a key ([`Settings::key`]) or a network on
//! which no datagram is forged.
//!
//! # Shared entries
//!
//! Several callers, on all members, may have a lock at the same time with
//! [`Handle::lock_shared`], and none meanwhile that has it with [`Handle::lock`]:
//! [`Guard::token`] says what a resource may check then.
//!
//! # When not to use it
//!
//! While a member is down or cut off, no other member newly enters a lock that it may
//! hold: turno is for a handful of machines that are meant to be up. Between the threads
//! of one process use a mutex, between the processes of one machine flock(2).
//!
//! A lock cannot stop a holder that was paused and continues late. The resource can:
//! send it [`Guard::token`] with every write, and let it refuse a token smaller than the
//! largest that it has seen.
//!
//! # Node, LocalNode, or a future
//!
//! | you have | use |
//! |---|---|
//! | threads | [`Node`] runs in a thread of its own; its [`Handle`]s block |
//! | an async runtime | a [`Node`], and [`Handle::request`]: a [`Request`] is a future for any runtime |
//! | an event loop of your own | [`LocalNode`]: a file descriptor and a [`poll`](LocalNode::poll), no thread |
//!
//! The callers of one process are queued at their node. While no other caller or member
//! wants a lock, a [`Node`] delegates it to its process: the next entry then takes a
//! fraction of a microsecond, no datagram and no system call.
//!
//! # Dropping, panicking, forking
//!
//! - Dropping a [`Guard`] releases the lock. A panic drops it too: the next holder finds
//!   the resource as the panic left it.
//! - Dropping a [`Request`] withdraws it.
//! - Cloning a [`Handle`] gives access to the same node.
//! - Dropping a [`Node`] ends it: see there.
//! - When the process dies, its node dies with it, and no other member enters a lock
//!   that it held before the node is started again. Whatever the holder was doing has
//!   ended too, or its token is refused.
//! - After a fork the child has no node. Its copies of guards hold nothing and release
//!   nothing, and its handles return [`LockError::Forked`].

// Standard output is what the user asked for, and a closed pipe is no panic:
// write with `writeln!` and look at the error.
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

extern crate alloc;

mod group;
mod mutex;
mod protocol;
mod transport;
mod views;
mod wire;

mod engine;
mod narrate;
mod node;
mod trace;

mod printable;
mod system;

#[cfg(feature = "cli")]
mod agent;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod exercise;
#[cfg(feature = "cli")]
mod lock_command;
#[cfg(feature = "cli")]
mod play;
#[cfg(feature = "cli")]
mod process;
#[cfg(feature = "cli")]
mod section_server;
#[cfg(feature = "cli")]
mod simulation;
#[cfg(feature = "cli")]
mod ui;

#[cfg(test)]
#[cfg(feature = "cli")]
mod model_check;
#[cfg(test)]
#[cfg(feature = "cli")]
mod mutation_tests;

pub use engine::MissingPeer;
pub use group::{Address, AddressError};
pub use mutex::{LamportClock, LockName, LockNameError, Mode, Token};
pub use node::{
    Blocked, Guard, Handle, LocalNode, LockError, LockState, LockStatus, Node, OutStatus,
    PeerStatus, Prepared, Request, ResumedEntry, Settings, StartError, Status, ViewChange,
    ViewStatus,
};

/// For turno's own command, tests, benches and fuzz targets. It is not part of the
/// public interface: any version may change it.
#[doc(hidden)]
pub mod internals {
    pub use crate::printable::Printable;

    pub mod group {
        pub use crate::group::*;
    }
    pub mod mutex {
        pub use crate::mutex::*;
    }
    pub mod protocol {
        pub use crate::protocol::*;
    }
    pub mod transport {
        pub use crate::transport::*;
    }
    pub mod wire {
        pub use crate::wire::*;
    }
    pub mod engine {
        pub use crate::engine::*;
    }
    pub mod trace {
        pub use crate::trace::*;
    }
    #[cfg(feature = "cli")]
    pub mod play {
        pub use crate::play::*;
    }
    #[cfg(feature = "cli")]
    pub mod simulation {
        pub use crate::simulation::*;
    }
    #[cfg(feature = "cli")]
    pub use crate::cli::main;
}
