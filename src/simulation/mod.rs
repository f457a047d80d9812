//! A simulation of many nodes in virtual time, in which the network, the machines and
//! the users misbehave as a seed determines. It runs the same algorithm and transport
//! as a node does.
//!
//! ```text
//! seed ─> Plan ─> World ─> Cluster ─> Member, Transport, OriginalPeer: the programs
//!                   ├────> Links: what becomes of datagrams
//!                   └────> Oracle ─> Violation
//! ```
//!
//! A [`World`](world::World) is the state of a run; on it stand [`crash`], then
//! [`failover`], [`perform`], [`lifecycle`], [`faults`] and [`run`].

mod addresses;
mod changed_list;
mod cluster;
mod crash;
mod event_queue;
mod failover;
mod faults;
mod figures;
mod lifecycle;
mod member_clock;
mod network;
mod oracle;
mod original_peer;
mod perform;
mod plan;
mod recording;
mod run;
mod rush;
mod seeds;
mod shrink;
mod takeovers;
mod transcript;
mod world;

pub(crate) use addresses::Addresses;
pub use cluster::{Cluster, Done, Handled, Parcel, Program, ProgramStep};
pub(crate) use plan::{Failover, Plan};
pub(crate) use recording::Recording;
pub(crate) use run::run_plan;
pub(crate) use seeds::run_seeds;
pub(crate) use shrink::shrink;
pub use transcript::step_lines;

#[cfg(test)]
pub(crate) mod changed_list_tests;
#[cfg(test)]
pub(crate) mod failover_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use {figures::Figures, oracle::Violation, plan::ProgramKind};
