//! turno: take turns across machines.
//!
//! A distributed mutual-exclusion lock that needs no server: every machine of a
//! group runs one node, and the nodes agree among themselves by the algorithm
//! of Ricart and Agrawala, over UDP. Whoever holds a lock gets a fencing token,
//! larger than any before it.
//!
//! ```
//! use turno::{Node, Settings};
//!
//! # let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
//! # let (alpha, id) = (format!(":{port}"), 1);
//! // On every machine, with its own id: ["alpha:7001", "beta:7001"].
//! let node = Node::start(&Settings::new(id, [alpha]))?;
//! let guard = node.lock("nightly")?;
//! println!("our turn, with token {}", guard.token());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it is built
//!
//! ```text
//! keyboard ─────────┐                                                        ┌─ UDP datagrams
//! UDP ──────────────┤                                                        ├─ critical section
//! critical section ─┼─ drain ─> Envelope ─ open ─> Event ─ handle ─> Effect ─┼─ timers
//! timers ───────────┤           one queue        pure algorithm    perform   └─ observer
//! signals ──────────┘
//! ```
//!
//! # Layout
//!
//! In the order in which data flows:
//!
//! - [`group`]: the member list, from text to addresses;
//! - [`mutex`]: the algorithm, pure: events in, effects out;
//! - [`wire`]: the text of the datagrams, and [`transport`]: whose are heard,
//!   and from which socket ours leave; pure too;
//! - [`node`]: what every node is, between its sources and the algorithm;
//! - [`process`]: a node with a user at a terminal: one loop that owns
//!   everything, no locks;
//! - [`narrate`]: what happened, in words; [`plain`] and [`screen`] show it;
//! - [`shared`]: the critical section as a server of its own;
//! - [`trace`]: what happened, written down, merged, judged and drawn;
//! - `locks`: the library, of which [`Node`], [`Handle`] and [`Guard`] are the
//!   beginning;
//! - `agent`: a node for the programs of a machine, which ask it on a Unix socket;
//! - `run`: a client of an agent: a command that runs while its lock is held;
//! - [`simulation`]: a whole world on the same code, in virtual time; and for the
//!   tests `model_check`: every interleaving of small groups, and `proofs`: the
//!   mistakes that these must find;
//! - [`cli`]: the command line.
//!
//! Beside the way of the data: `system`, what is needed of the operating system,
//! and [`Printable`], text that no terminal obeys.

// Standard output is what the user asked for, and a closed pipe is no panic:
// write with `writeln!` and look at the error.
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

extern crate alloc;

mod group;
mod mutex;
mod protocol;
mod transport;
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
mod lock_command;
#[cfg(feature = "cli")]
mod process;
#[cfg(feature = "cli")]
mod section_server;
#[cfg(feature = "cli")]
mod simulation;
#[cfg(feature = "cli")]
mod ui;

#[cfg(all(test, feature = "cli"))]
mod model_check;
#[cfg(all(test, feature = "cli"))]
mod mutation_tests;

pub use engine::MissingPeer;
pub use group::{Address, AddressError};
pub use mutex::{LamportClock, LockName, LockNameError, Token};
pub use node::{
    Blocked, Guard, Handle, LocalNode, LockError, LockState, LockStatus, Node, PeerStatus,
    Prepared, Request, ResumedEntry, Settings, StartError, Status,
};

/// For turno's own command, tests, benches and fuzz targets. No part of the public
/// interface: any version may change it.
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
    pub mod simulation {
        pub use crate::simulation::*;
    }
    #[cfg(feature = "cli")]
    pub use crate::cli::main;
}
