//! The bank of `examples/bank`, as real processes: the original's session to the
//! letter, clients that behave badly, disks that do, servers that share their
//! accounts, and servers that are killed.

#[path = "../support/mod.rs"]
mod support;

mod dialogue;
mod example;
mod group;
mod hostile;
mod house;
mod kills;
mod players;
mod rules;
mod session;
mod trouble;
mod wire;
