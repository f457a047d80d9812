//! The algorithm: Ricart and Agrawala's distributed mutual exclusion, pure.
//!
//! Events in, effects out. Nothing below here opens a socket, reads a clock or
//! a file, starts a thread or knows a terminal; the lints below make the build
//! fail where something does (what they forbid stands in `clippy.toml`). So
//! the node, the tests, and whatever else drives the algorithm run the very
//! same code.
//!
//! Sources: G. Ricart and A. K. Agrawala, "An Optimal Algorithm for Mutual
//! Exclusion in Computer Networks", Communications of the ACM 24(1), 1981;
//! L. Lamport, "Time, Clocks, and the Ordering of Events in a Distributed
//! System", Communications of the ACM 21(7), 1978.
#![deny(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros
)]

pub mod clock;
mod effect;
mod event;
mod message;
mod ricart_agrawala;
mod state;

pub use clock::{ClockError, LamportClock, NodeId, Timestamp, Token};
pub use effect::Effect;
pub use event::{Event, Socket, Timer};
pub use message::{Body, Incarnation, Message, Origin};
pub use ricart_agrawala::RicartAgrawala;
pub use state::{Deferred, Rejected, State};
