//! A simulation of many nodes in virtual time, in which the network, the machines and
//! the users misbehave as a seed determines. It runs the same algorithm and transport
//! as a node does.
//!
//! ```text
//! seed ─> Plan ─> World ─> Cluster ─> Member, Transport, SeedPeer: the programs
//!                   ├────> Links: what becomes of datagrams
//!                   └────> Oracle ─> Violation
//! ```
//!
//! A [`World`](world::World) is the state of a run; on it stand [`crash`], then
//! [`perform`], then [`lifecycle`], then [`run`]: each uses only those before it.

mod addresses;
mod cluster;
mod crash;
mod event_queue;
mod figures;
mod lifecycle;
mod network;
mod oracle;
mod perform;
mod plan;
mod recording;
mod run;
mod seed_peer;
mod seeds;
mod shrink;
mod transcript;
mod world;

pub use addresses::Addresses;
pub use cluster::{Cluster, Done, Handled, Parcel, Program, ProgramStep};
pub use figures::Figures;
pub use oracle::{Oracle, Violation};
pub use plan::{
    Fault, Micros, Moment, Network, Plan, PlanError, ProgramKind, UserAction, UserActionKind,
};
pub use recording::Recording;
pub use run::run_plan;
pub use seed_peer::{SeedEffect, SeedPeer};
pub use seeds::{Outcome, run_seeds};
pub use shrink::shrink;
pub use transcript::told;

#[cfg(test)]
mod tests;
