//! What a node needs to start, and what to say if the system refuses.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::state_file::StateFile;
use crate::group::{Group, Resolver};
use crate::mutex::Pace;
use crate::views::{Lease, MAX_LEASE, MIN_LEASE};
use crate::wire::Key;

/// What a node needs to start.
#[derive(Debug)]
pub struct Config {
    /// Who belongs, and which member this is.
    pub group: Group,
    /// What knows the addresses of its members' names.
    pub resolver: Resolver,
    /// Whether permissions are kept from entry to entry; otherwise every peer is
    /// asked for every entry.
    pub keeps_permissions: bool,
    /// How often an idle member says that it is up; `None`: never. With failover its beats
    /// serve.
    pub beat: Option<Duration>,
    /// When requests are sent again.
    pub pace: Pace,
    /// The group's key, if it has one.
    pub key: Option<Key>,
    /// The membership lease, if the group has failover.
    pub(crate) lease: Option<Lease>,
    /// Where the clock survives a restart, if anywhere.
    pub(crate) state: Option<StateFile>,
}

/// The lease of a group of this many members.
///
/// # Errors
/// A sentence that says why there is none, and the way out.
pub(crate) fn lease(length: Duration, members: usize) -> Result<Lease, String> {
    if members < 3 {
        return Err(format!(
            "failover needs three members or more, and the list has {members}: of two members \
             that do not hear each other, neither is a majority, so neither may go on alone; add \
             a third machine, which may do nothing but vote"
        ));
    }
    Lease::new(length).ok_or_else(|| {
        format!(
            "a lease of {length:?} is no lease for failover: give one from {MIN_LEASE:?} to \
             {MAX_LEASE:?}"
        )
    })
}

/// The same error, with what could not be done.
pub(crate) fn in_context(what: impl fmt::Display, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// An address that cannot be bound, and the way out.
pub(crate) fn cannot_listen(address: SocketAddr, error: &io::Error) -> io::Error {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use, perhaps by a turno that is still running".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "it is no address of this host; is the id right? --listen names another to bind"
                .to_owned()
        }
        _ => error.to_string(),
    };
    io::Error::new(error.kind(), format!("cannot listen at {address}: {why}"))
}
