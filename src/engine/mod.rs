//! What every node is, whoever its user: its sockets, its timers, the algorithm,
//! and what was dropped.
//!
//! ```text
//! user ───┐                                                                  ┌─ UDP datagrams
//! UDP ────┼─ drain ─> Envelope ─ open ─> Event ─ handle ─> Effect ─ perform ─┼─ user
//! timers ─┘           one queue        pure algorithm                        ├─ timers
//!                                                                            ├─ state file
//!                                                                            └─ observer
//! ```
//!
//! The [`Engine`] waits for nothing. Its owner has the poll and the queue, puts
//! the words of its own user into the same queue, and hands the engine what comes
//! out of it: [`crate::process`] for somebody at a terminal.

mod config;
mod drops;
mod engine;
mod envelope;
pub(crate) mod key_file;
mod observer;
mod peer_stats;
mod stall_report;
pub(crate) mod state_file;
mod timers;
mod udp;

pub(crate) use config::bind_hint;
pub use config::{Config, StartError};
pub(crate) use engine::{Engine, User};
pub(crate) use envelope::{Envelope, Source};
pub use key_file::KeyFileError;
pub use observer::{Missing, NodeEvent, Observer, Stall, Status, Why};
pub(crate) use stall_report::{StallReports, WaitTimer, claimed, missing};
pub use state_file::StateError;
