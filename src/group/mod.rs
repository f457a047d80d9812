//! Who belongs: the member list, from text to addresses.

mod address;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use crate::mutex::NodeId;
use crate::wire::GroupDigest;
pub use address::{Address, AddressError};

/// A group, as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which member we are.
    pub id: NodeId,
    /// Each member's address as the list has it; the first is member 1.
    pub names: Vec<String>,
    /// Where each member listens; the first is member 1.
    pub members: Vec<SocketAddr>,
    /// All addresses that each member's host is known by.
    pub hosts: Vec<Vec<IpAddr>>,
    /// Where our own socket is bound.
    pub listen: SocketAddr,
    /// What the list says, so that all can see whether they have the same.
    pub digest: GroupDigest,
}

/// Why a member list makes no group.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GroupError {
    /// The own id has no place in the list.
    #[error("id {id} is out of range: ids count from 1, and the list has {members}")]
    NoSuchMember {
        /// The id.
        id: u16,
        /// How many members there are.
        members: usize,
    },
    /// The resolver does not know the host.
    #[error("cannot find host {host}: {why}")]
    Unresolved {
        /// The host.
        host: String,
        /// What the resolver said.
        why: String,
    },
    /// Port 0 is no port that others could send to.
    #[error("member {0} has port 0; give the port that it listens on")]
    PortZero(NodeId),
    /// An address that means all of a host's, or many hosts'.
    #[error("member {0} has the address {1}, which is no one's; give the host's own")]
    Unspecified(NodeId, IpAddr),
    /// Port 0 is no port of the critical section either.
    #[error("the critical section has port 0; give the port that it listens on")]
    SectionPortZero,
    /// The address to bind is of the other kind than the members'.
    #[error("--listen {0} is of the other kind, IPv4 or IPv6, than the members' addresses")]
    ListenFamily(String),
    /// Two members with one address.
    #[error(
        "members {first} and {second} have the same address, {address}; each needs a port of its own"
    )]
    Doubled {
        /// The earlier of the two.
        first: NodeId,
        /// The later one.
        second: NodeId,
        /// Their address.
        address: SocketAddr,
    },
    /// A member with the address of the critical section.
    #[error(
        "member {member} has the address of the critical section, {address}; give it another port, or move the section with --shared"
    )]
    IsSection {
        /// The member.
        member: NodeId,
        /// The address.
        address: SocketAddr,
    },
    /// IPv4 and IPv6 members in one list.
    #[error(
        "member {v4} has only an IPv4 address and member {v6} only an IPv6 one; give all of one kind"
    )]
    Families {
        /// A member without an IPv6 address.
        v4: NodeId,
        /// A member without an IPv4 address.
        v6: NodeId,
    },
    /// A loopback address beside another machine's.
    #[error(
        "member {local} is on this host's loopback, which member {remote} cannot reach; in a group of several machines give every member as HOST:PORT, the same list on each"
    )]
    Loopback {
        /// A member on loopback.
        local: NodeId,
        /// A member that is not.
        remote: NodeId,
    },
    /// More members than ids.
    #[error("{0} members are too many: there are ids for 65535")]
    TooMany(usize),
}

impl Group {
    /// The group of member `id` and these addresses. `listen` overrides the
    /// address to bind.
    ///
    /// # Errors
    /// [`GroupError`] names the member at fault and the way out.
    pub fn resolve(
        id: u16,
        addresses: &[Address],
        listen: Option<&Address>,
    ) -> Result<Group, GroupError> {
        let count = addresses.len();
        if u16::try_from(count).is_err() {
            return Err(GroupError::TooMany(count));
        }
        if !(1..=count).contains(&usize::from(id)) {
            return Err(GroupError::NoSuchMember { id, members: count });
        }
        let found = addresses
            .iter()
            .map(Address::resolve)
            .collect::<Result<Vec<_>, _>>()?;
        let members = one_family(&found)?;
        let is_ours = |address: &&SocketAddr| address.is_ipv4() == members[0].is_ipv4();
        check_ports(&members)?;
        check_reachable(addresses, &members)?;
        let own = usize::from(id) - 1;
        let listen = match listen {
            None => bind_address(&addresses[own], own, &members),
            Some(listen) => *listen
                .resolve()?
                .iter()
                .find(is_ours)
                .ok_or_else(|| GroupError::ListenFamily(listen.to_string()))?,
        };
        let names: Vec<String> = addresses.iter().map(Address::to_string).collect();
        Ok(Group {
            id: NodeId(id),
            listen,
            hosts: found
                .iter()
                .map(|found| found.iter().map(SocketAddr::ip).collect())
                .collect(),
            digest: GroupDigest::of(&names),
            names,
            members,
        })
    }

    /// Where the critical section is, which must be no member's address.
    ///
    /// # Errors
    /// [`GroupError`] says what is wrong with it.
    pub fn section(&self, section: &Address) -> Result<SocketAddr, GroupError> {
        let found = section.resolve()?;
        if let Some((member, address)) = numbered(&self.members).find(|(_, a)| found.contains(a)) {
            let address = *address;
            return Err(GroupError::IsSection { member, address });
        }
        let is_ours = |address: &&SocketAddr| address.is_ipv4() == self.listen.is_ipv4();
        let section = *found.iter().find(is_ours).unwrap_or(&found[0]);
        if section.port() == 0 {
            return Err(GroupError::SectionPortZero);
        }
        Ok(section)
    }

    /// A group of `members` on loopback at these ports, as member `id` sees it.
    #[must_use]
    pub fn on_loopback(id: u16, ports: &[u16]) -> Group {
        let members: Vec<SocketAddr> = ports
            .iter()
            .map(|port| (Ipv4Addr::LOCALHOST, *port).into())
            .collect();
        let names: Vec<String> = ports.iter().map(|port| format!(":{port}")).collect();
        Group {
            id: NodeId(id),
            hosts: members.iter().map(|member| vec![member.ip()]).collect(),
            listen: members[usize::from(id) - 1],
            digest: GroupDigest::of(&names),
            names,
            members,
        }
    }

    /// Whether a datagram from this address can be from a member's host. All of
    /// loopback is one host.
    #[must_use]
    pub fn is_at(&self, id: NodeId, source: IpAddr) -> bool {
        let source = source.to_canonical();
        let place = usize::from(id.0).checked_sub(1);
        let hosts = place.and_then(|place| self.hosts.get(place));
        hosts
            .into_iter()
            .flatten()
            .any(|host| *host == source || (host.is_loopback() && source.is_loopback()))
    }

    /// Whether our address in the list may lead to somebody else than us.
    #[must_use]
    pub fn may_be_elsewhere(&self) -> bool {
        self.address(self.id) != Some(self.listen)
    }

    /// A member's address as the list has it; empty if there is no such member.
    #[must_use]
    pub fn name(&self, id: NodeId) -> &str {
        let place = usize::from(id.0).checked_sub(1);
        place
            .and_then(|place| self.names.get(place))
            .map_or("", String::as_str)
    }

    /// Where a member listens, if there is such a member.
    #[must_use]
    pub fn address(&self, id: NodeId) -> Option<SocketAddr> {
        let place = usize::from(id.0).checked_sub(1)?;
        self.members.get(place).copied()
    }
}

/// One address a member, all IPv4 if that is possible, else all IPv6.
fn one_family(candidates: &[Vec<SocketAddr>]) -> Result<Vec<SocketAddr>, GroupError> {
    let all = |wanted: fn(&SocketAddr) -> bool| -> Result<Vec<SocketAddr>, NodeId> {
        numbered(candidates)
            .map(|(id, found)| found.iter().copied().find(wanted).ok_or(id))
            .collect()
    };
    all(SocketAddr::is_ipv4)
        .or_else(|v6| all(SocketAddr::is_ipv6).map_err(|v4| GroupError::Families { v4, v6 }))
}

fn check_ports(members: &[SocketAddr]) -> Result<(), GroupError> {
    let mut taken = BTreeMap::new();
    for (id, &address) in numbered(members) {
        if address.port() == 0 {
            return Err(GroupError::PortZero(id));
        }
        if address.ip().is_unspecified() || address.ip().is_multicast() {
            return Err(GroupError::Unspecified(id, address.ip()));
        }
        if let Some(first) = taken.insert(address, id) {
            return Err(GroupError::Doubled {
                first,
                second: id,
                address,
            });
        }
    }
    Ok(())
}

/// A loopback address means another machine on every machine, so it cannot
/// stand beside a real one. Only a name that we resolve to loopback may: Debian
/// gives a host's own name the address 127.0.1.1.
fn check_reachable(addresses: &[Address], members: &[SocketAddr]) -> Result<(), GroupError> {
    let is_named = |id: NodeId| addresses[usize::from(id.0) - 1].is_by_name();
    let local =
        numbered(members).find(|(id, address)| address.ip().is_loopback() && !is_named(*id));
    let remote = numbered(members).find(|(_, address)| !address.ip().is_loopback());
    match (local, remote) {
        (Some((local, _)), Some((remote, _))) => Err(GroupError::Loopback { local, remote }),
        _ => Ok(()),
    }
}

/// The own address; but all interfaces where our name leads us to loopback and
/// others are on other machines.
fn bind_address(address: &Address, own: usize, members: &[SocketAddr]) -> SocketAddr {
    let bind = members[own];
    let others_are_remote = members.iter().any(|other| !other.ip().is_loopback());
    if address.is_literal() || !bind.ip().is_loopback() || !others_are_remote {
        return bind;
    }
    let all_interfaces: IpAddr = match bind.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(all_interfaces, bind.port())
}

/// Each item with the id of its place.
fn numbered<T>(list: &[T]) -> impl Iterator<Item = (NodeId, &T)> {
    (1..=u16::MAX).map(NodeId).zip(list)
}

#[cfg(test)]
mod tests;
