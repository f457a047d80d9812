//! A second caller of the algorithm: a world of many members with virtual time,
//! a network that misbehaves as a seed has it, crashes and restarts.

mod cluster;
mod seed_peer;

pub use cluster::{Cluster, Deed, Made, Parcel, Program, Step};
pub use seed_peer::{SeedEffect, SeedPeer};
