//! A second caller of the algorithm: a world of many nodes with virtual time,
//! in which the network, the machines and the users misbehave as a seed has it.
//!
//! ```text
//! seed ─> Plan ─> World ─> Cluster ─> Member, Transport, SeedPeer: the programs
//!                   ├────> Traffic: what becomes of datagrams
//!                   └────> Judge ─> Violation
//! ```

mod addresses;
mod cluster;
mod event_queue;
mod figures;
mod lifecycle;
mod network;
mod oracle;
mod plan;
mod recording;
mod runs;
mod seed_peer;
mod shrink;
mod transcript;
mod world;

pub use addresses::Addresses;
pub use cluster::{Cluster, Done, Handled, Parcel, Program, ProgramStep};
pub use figures::Figures;
pub use oracle::{Oracle, Violation};
pub use plan::{Fault, Micros, Moment, Network, Plan, PlanError, ProgramKind, What, Wish};
pub use recording::Recording;
pub use runs::{Runs, run};
pub use seed_peer::{SeedEffect, SeedPeer};
pub use shrink::shrunk;
pub use transcript::step_lines;
pub use world::play;

#[cfg(test)]
mod tests;
