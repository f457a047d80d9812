//! What a process must be told to start, and why it may not.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use thiserror::Error;

use super::keyboard::Input;
use crate::engine;

/// What a process must be told to start.
#[derive(Debug)]
pub struct Config {
    /// What every node must be told.
    pub node: engine::Config,
    /// Where the critical section is.
    pub section: SocketAddr,
    /// How long an entry lasts.
    pub hold: Duration,
    /// Where the user's words come from.
    pub input: Input,
}

/// Why a process did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Its node did not.
    #[error(transparent)]
    Node(io::Error),
    /// There is no way to the critical section.
    #[error("cannot reach the critical section at {address}: {source}")]
    Section {
        /// Its address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard input cannot be waited for.
    #[error("cannot read the keyboard: {0}; --plain reads lines instead")]
    Keyboard(io::Error),
    /// Anything else that the system refuses.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}
