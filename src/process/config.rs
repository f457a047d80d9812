//! The configuration of a process.

use std::net::SocketAddr;
use std::time::Duration;

use super::keyboard::Input;
use crate::engine;

/// The configuration of a process.
#[derive(Debug)]
pub struct Config {
    /// The configuration of its node.
    pub node: engine::Config,
    /// Where the critical section is.
    pub section: SocketAddr,
    /// How long an entry lasts.
    pub hold: Duration,
    /// The source of the user's input.
    pub input: Input,
}
