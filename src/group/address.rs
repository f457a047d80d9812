//! An address, from text to what the resolver knows of it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use thiserror::Error;

use super::GroupError;

/// An address as the user gives it: `:PORT` is a port of this host (loopback),
/// `HOST:PORT` one of any machine, `[::1]:PORT` in IPv6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: Option<String>,
    port: u16,
}

/// Why a text is not an [`Address`], or an address cannot be resolved: a sentence.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct AddressError(String);

impl AddressError {
    pub(super) fn new(why: String) -> Self {
        AddressError(why)
    }
}

/// The error's message.
impl fmt::Debug for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<AddressError> for GroupError {
    fn from(error: AddressError) -> Self {
        GroupError(error.0)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let error = |why: &str| AddressError(why.to_owned());
        let no_port = "no port in it; write :PORT or HOST:PORT";
        let (host, port) = text.rsplit_once(':').ok_or_else(|| error(no_port))?;
        // `parse` accepts a sign, too.
        let is_number = port.bytes().all(|b| b.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number);
        let no_number = "the port after the last colon must be a number from 0 to 65535";
        let port = port.ok_or_else(|| error(no_number))?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        if bracketed.is_none() && host.contains(':') {
            return Err(error("an IPv6 address goes in brackets, as in [::1]:10001"));
        }
        let host = bracketed.unwrap_or(host);
        Ok(Address {
            host: (!host.is_empty()).then(|| host.to_owned()),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            None => write!(f, ":{}", self.port),
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
        }
    }
}

impl Address {
    /// Asks the resolver for its addresses, at least one. This takes as long as the
    /// resolver does.
    ///
    /// # Errors
    /// [`AddressError`] if the host is not known.
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, AddressError> {
        // IPv4 first: that is what a group takes if all of it can.
        let Some(host) = &self.host else {
            let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(loopback.map(|ip| SocketAddr::new(ip, self.port)).to_vec());
        };
        // An IPv4 address that is written as an IPv6 address is an IPv4 address.
        let canonical = |mut found: SocketAddr| {
            found.set_ip(found.ip().to_canonical());
            found
        };
        let unresolved = |why: &str| AddressError(format!("cannot find host {host}: {why}"));
        let found = (host.as_str(), self.port).to_socket_addrs();
        let found = found.map_err(|error| unresolved(&error.to_string()))?;
        let mut found: Vec<SocketAddr> = found.map(canonical).collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        if found.is_empty() {
            return Err(unresolved("it has no address"));
        }
        Ok(found)
    }

    /// A port of this host.
    pub(super) fn of_port(port: u16) -> Self {
        Address { host: None, port }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The host as it is written; `None` for this one.
    pub(super) fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Whether it is an IP address and not the name of a host.
    pub(super) fn is_literal(&self) -> bool {
        self.host
            .as_ref()
            .is_some_and(|host| host.parse::<IpAddr>().is_ok())
    }

    /// Whether it is the name of a host, which may have any address.
    pub(crate) fn is_by_name(&self) -> bool {
        let is_of_its_own = self.host.as_ref().is_some_and(|host| host != "localhost");
        is_of_its_own && !self.is_literal()
    }
}
