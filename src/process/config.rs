//! The configuration of a process, and the reasons why it may not start.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

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

/// Why a process did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The node did not start.
    #[error(transparent)]
    Node(io::Error),
    /// The system has no route to the critical section.
    #[error("cannot reach the critical section at {address}: {source}")]
    Section {
        /// Its address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard input cannot be polled.
    #[error("cannot read the keyboard: {0}; --plain reads lines instead")]
    Keyboard(io::Error),
    /// The system refuses something else.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}
