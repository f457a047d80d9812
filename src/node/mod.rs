//! The library: named locks for the threads of a process, from a node of its own.
//!
//! ```text
//! Handle ── Wish ─┐
//! UDP ────────────┼─ drain ─> Envelope ─ open ─> Desk, Engine ─ settle ─┬─> Call, Lease
//! timers ─────────┘           one queue                                 └─> UDP datagrams
//! ```
//!
//! [`Node`] has a thread of its own; [`LocalNode`] is driven by its caller's loop.
//! Callers of one process stand in line at their node (`LockTable`); the node asks the
//! group once for whoever is first. While nobody else wants a lock, the node lends
//! it to its process (`Delegation`): a handle enters again without a word to the node.
//!
//! # What happens when
//!
//! - A [`Guard`] is dropped: the lock is released, by a panic too.
//! - A [`Request`] is dropped: it waits no longer.
//! - A [`Handle`] is cloned: both are ways to the same node.
//! - The [`Node`] is dropped: see there.
//! - The process dies: its node with it, and nobody else enters before the node
//!   is started anew. Whatever the holder was doing has ended too, or must be
//!   fenced by its token.
//! - The process forks: the child has no node. Its copies of guards hold nothing
//!   and release nothing, and its handles say so.

mod delegation;
mod error;
mod guard;
mod handle;
mod local_node;
mod lock_table;
mod log_observer;
mod mailbox;
mod request;
mod settings;
mod status;
mod thread;
mod waiter;

pub use error::{Blocked, LockError};
pub use guard::Guard;
pub(crate) use handle::A_MOMENT;
pub use handle::Handle;
pub use local_node::LocalNode;
pub use request::Request;
pub use settings::{Settings, StartError};
pub use status::{LockStatus, PeerStatus, Status};
pub use thread::Node;
