//! The library: nodes of one group in one process over real sockets, and the laws
//! of its parts. Needs no feature of the crate.

mod delegations;
mod failover;
mod fixtures;
mod group;
mod local_node;
mod node;
mod properties;
mod purity;
mod shared;
