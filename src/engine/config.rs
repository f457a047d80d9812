//! What a node must be told to start, and why it may not.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use super::state_file::StateFile;
use crate::group::Group;
use crate::mutex::Pace;
use crate::wire::Key;

/// What a node must be told to start.
#[derive(Debug)]
pub struct Config {
    /// Who belongs, and who we are.
    pub group: Group,
    /// Whether permissions are kept from entry to entry; otherwise every peer is
    /// asked for every entry.
    pub keeps_permissions: bool,
    /// When requests are sent again.
    pub pace: Pace,
    /// The group's key, if it has one.
    pub key: Option<Key>,
    /// Where the clock survives a restart, if anywhere.
    pub(crate) state: Option<StateFile>,
}

/// Why a node did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address that it listens at cannot be had.
    #[error("cannot listen at {address}: {}", bind_hint(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Anything else that the system refuses.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

/// Why an address cannot be bound, and the way out.
pub(crate) fn bind_hint(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use, perhaps by a turno that is still running".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "it is no address of this host; is the id right? --listen names another to bind"
                .to_owned()
        }
        _ => error.to_string(),
    }
}
