//! A second caller of the algorithm: a world of many members with virtual time,
//! a network that misbehaves as a seed has it, crashes and restarts.

mod seed_peer;

pub use seed_peer::{SeedEffect, SeedPeer};
