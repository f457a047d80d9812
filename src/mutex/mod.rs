//! The algorithm: Ricart and Agrawala's distributed mutual exclusion, pure.
//!
//! Events in, effects out. No code here opens a socket, reads a clock or a file, starts
//! a thread or writes to a terminal: it uses `core` and `alloc` alone, and
//! `tests/purity.rs` compiles it without the standard library. So the node, the
//! simulator and the model checker run the same code.
//!
//! Sources: G. Ricart and A. K. Agrawala, "An Optimal Algorithm for Mutual
//! Exclusion in Computer Networks", Communications of the ACM 24(1), 1981;
//! L. Lamport, "Time, Clocks, and the Ordering of Events in a Distributed
//! System", Communications of the ACM 21(7), 1978; O. S. F. Carvalho and
//! G. Roucairol, "On Mutual Exclusion in Computer Networks", Communications of the
//! ACM 26(2), 1983.

mod clock;
mod config;
mod effect;
mod lock_name;
mod message;
mod mode;
pub(crate) mod planted;
mod rejected;
mod ricart_agrawala;
pub(crate) mod rules;
mod timer;
mod token;
mod view_number;

pub use clock::{ClockError, LamportClock, MAX_CLOCK, MAX_JUMP, NodeId, Timestamp};
pub use config::{Config, Durability, Pace};
pub use effect::Effect;
pub use lock_name::{LockName, LockNameError};
pub use message::{Body, First, Incarnation, Message, Origin, RequestId};
pub use mode::Mode;
pub use rejected::Rejected;
pub(crate) use ricart_agrawala::{Context, Gate, Memory};
pub use ricart_agrawala::{Kept, PeerRequest, RicartAgrawala, State};
pub use timer::{Purpose, Timer};
pub use token::{Token, Tokens};
pub use view_number::ViewNumber;
