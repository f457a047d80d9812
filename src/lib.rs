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

pub mod group;
pub mod mutex;
pub mod transport;
pub mod wire;

pub mod node;
pub mod process;

pub mod narrate;
pub mod plain;
pub mod screen;

pub mod shared;
pub mod trace;

mod locks;

pub(crate) mod agent;
mod run;

pub mod simulation;

#[cfg(test)]
mod model_check;
#[cfg(test)]
mod proofs;

pub mod cli;

mod printable;
mod system;

pub use locks::{
    Blocked, Guard, Handle, LocalNode, LockError, LockStatus, Node, PeerStatus, Request, Settings,
    StartError, Status,
};
pub use mutex::{LockName, LockNameError, Token};
pub use printable::Printable;
