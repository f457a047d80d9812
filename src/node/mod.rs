//! What the library's user calls a node: named locks for the threads of a process.
//!
//! ```text
//! Handle ── Command ─┐
//! UDP ───────────────┼─ drain ─> Envelope ─> LockTable, Engine ─ settle ─┬─> Waiter, Delegation
//! timers ────────────┘           one queue                               └─> UDP datagrams
//! ```
//!
//! [`Node`] has a thread of its own; [`LocalNode`] is driven by its caller's loop.
//! The callers of one process are queued at their node ([`lock_table`]); the node asks
//! the group once, for the first of them. While no other caller or peer wants a lock,
//! the node delegates it to its process ([`delegation`]).

mod delegation;
mod error;
mod guard;
mod handle;
mod lease;
mod local_node;
mod lock_table;
mod log_observer;
mod mailbox;
mod prepared;
mod request;
mod settings;
mod settle;
mod status;
pub(crate) mod survey;
#[cfg(test)]
mod tests;
mod thread;
mod tries;
mod waiter;

pub use error::{Blocked, LockError};
pub use guard::Guard;
pub use handle::Handle;
pub use local_node::LocalNode;
#[cfg(feature = "cli")]
pub(crate) use log_observer::MOVED;
pub use prepared::{Prepared, ResumedEntry};
pub use request::Request;
#[cfg(feature = "cli")]
pub(crate) use request::SURVEY;
pub use settings::{Settings, StartError};
pub use status::{LockState, LockStatus, OutStatus, PeerStatus, Status, ViewChange, ViewStatus};
pub use thread::Node;
