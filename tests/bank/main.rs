//! The bank of `examples/bank` as real processes: the session of the original to the
//! letter, misbehaving clients and disks, servers that share their accounts, and
//! servers that are killed.

mod database;
mod dialogue;
mod example;
mod failures;
mod fixture;
mod fixtures;
mod group;
mod hostile;
mod kills;
mod paused;
mod rules;
mod session;
mod wire;
mod workload;
