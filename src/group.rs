//! Who belongs: the member list, from text to addresses.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use thiserror::Error;

use crate::mutex::NodeId;
use crate::wire::GroupDigest;

/// An address as the user gives it: `:PORT` is a port of this host (loopback),
/// `HOST:PORT` one of any machine, `[::1]:PORT` in IPv6.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: Option<String>,
    port: u16,
}

/// A text that is no [`Address`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// There is no port.
    #[error("no port in it; write :PORT or HOST:PORT")]
    NoPort,
    /// What follows the last colon is no port.
    #[error("the port after the last colon must be a number from 0 to 65535")]
    Port,
    /// An IPv6 address without brackets.
    #[error("an IPv6 address goes in brackets, as in [::1]:10001")]
    Brackets,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (host, port) = text.rsplit_once(':').ok_or(AddressError::NoPort)?;
        if !port.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AddressError::Port);
        }
        let port = port.parse().map_err(|_| AddressError::Port)?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        if bracketed.is_none() && host.contains(':') {
            return Err(AddressError::Brackets);
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
    /// Asks the resolver for the addresses behind it, at least one. May take
    /// as long as the resolver does.
    ///
    /// # Errors
    /// [`GroupError::Unresolved`] if the host is not known.
    pub fn resolve(&self) -> Result<Vec<SocketAddr>, GroupError> {
        // IPv4 first: that is what a group takes if all of it can.
        let Some(host) = &self.host else {
            let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(loopback.map(|ip| SocketAddr::new(ip, self.port)).to_vec());
        };
        // An IPv4 address in IPv6's clothes is an IPv4 address.
        let canonical = |mut found: SocketAddr| {
            found.set_ip(found.ip().to_canonical());
            found
        };
        let unresolved = |why: String| GroupError::Unresolved {
            host: host.clone(),
            why,
        };
        let mut found: Vec<SocketAddr> = (host.as_str(), self.port)
            .to_socket_addrs()
            .map_err(|error| unresolved(error.to_string()))?
            .map(canonical)
            .collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        if found.is_empty() {
            return Err(unresolved("it has no address".to_owned()));
        }
        Ok(found)
    }

    /// Whether it names an address outright, or a host that has one.
    fn is_literal(&self) -> bool {
        self.host
            .as_ref()
            .is_some_and(|host| host.parse::<IpAddr>().is_ok())
    }
}

/// A group, as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which member we are.
    pub id: NodeId,
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
        Ok(Group {
            id: NodeId(id),
            listen,
            hosts: found
                .iter()
                .map(|found| found.iter().map(SocketAddr::ip).collect())
                .collect(),
            digest: GroupDigest::of(addresses.iter().map(Address::to_string)),
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
        Group {
            id: NodeId(id),
            hosts: members.iter().map(|member| vec![member.ip()]).collect(),
            listen: members[usize::from(id) - 1],
            digest: GroupDigest::of(ports.iter().map(|port| format!(":{port}"))),
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
    let is_named = |id: NodeId| {
        let address = &addresses[usize::from(id.0) - 1];
        address
            .host
            .as_deref()
            .is_some_and(|host| host != "localhost")
            && !address.is_literal()
    };
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
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn group(id: u16, addresses: &[&str]) -> Result<Group, GroupError> {
        let addresses: Vec<Address> = addresses.iter().map(|text| address(text)).collect();
        let group = Group::resolve(id, &addresses, None)?;
        group.section(&address(":10000"))?;
        Ok(group)
    }

    #[test]
    fn an_address_is_read_and_shown_alike() {
        for text in [":10001", "alpha:7001", "10.0.0.7:1", "[::1]:65535"] {
            assert_eq!(address(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_says_how_to_write_it() {
        for (text, why) in [
            ("", AddressError::NoPort),
            ("10001", AddressError::NoPort),
            (":", AddressError::Port),
            (":x", AddressError::Port),
            (":+1", AddressError::Port),
            (":65536", AddressError::Port),
            ("alpha:-1", AddressError::Port),
            ("::1:10001", AddressError::Brackets),
        ] {
            assert_eq!(text.parse::<Address>(), Err(why), "{text}");
        }
    }

    #[test]
    fn a_port_alone_is_this_hosts_loopback() {
        let group = group(2, &[":10001", ":10002"]).unwrap();
        let members = ["127.0.0.1:10001", "127.0.0.1:10002"];
        assert_eq!(group.members, members.map(|text| text.parse().unwrap()));
        assert_eq!(group.listen, group.members[1]);
        assert_eq!(group.address(NodeId(2)), Some(group.members[1]));
        assert_eq!(group.address(NodeId(3)), None);
        assert_eq!(group.address(NodeId(0)), None);
    }

    #[test]
    fn a_port_alone_goes_with_ipv6_members() {
        let group = group(1, &[":10001", "[::1]:10002"]).unwrap();
        assert!(group.members.iter().all(SocketAddr::is_ipv6));
    }

    #[test]
    fn ipv4_and_ipv6_members_do_not_reach_each_other() {
        assert_eq!(
            group(1, &["127.0.0.1:10001", "[::1]:10002"]),
            Err(GroupError::Families {
                v4: NodeId(1),
                v6: NodeId(2)
            })
        );
    }

    #[test]
    fn the_id_counts_from_one_into_the_list() {
        for id in [0, 3] {
            let members = 2;
            assert_eq!(
                group(id, &[":10001", ":10002"]),
                Err(GroupError::NoSuchMember { id, members })
            );
        }
    }

    #[test]
    fn no_two_members_share_a_port() {
        let doubled = group(1, &[":10001", ":10002", "127.0.0.1:10001"]);
        assert_eq!(
            doubled,
            Err(GroupError::Doubled {
                first: NodeId(1),
                second: NodeId(3),
                address: "127.0.0.1:10001".parse().unwrap()
            })
        );
    }

    #[test]
    fn the_critical_sections_port_is_no_members() {
        assert_eq!(
            group(1, &[":10001", ":10000"]),
            Err(GroupError::IsSection {
                member: NodeId(2),
                address: "127.0.0.1:10000".parse().unwrap()
            })
        );
    }

    #[test]
    fn port_zero_is_nobodys() {
        assert_eq!(
            group(1, &[":10001", ":0"]),
            Err(GroupError::PortZero(NodeId(2)))
        );
    }

    #[test]
    fn an_address_that_is_nobodys_is_refused() {
        for nobodys in ["0.0.0.0:10002", "224.0.0.1:10002"] {
            let Address { host, .. } = address(nobodys);
            assert_eq!(
                group(1, &["192.0.2.7:10001", nobodys]),
                Err(GroupError::Unspecified(
                    NodeId(2),
                    host.unwrap().parse().unwrap()
                ))
            );
        }
    }

    #[test]
    fn the_section_is_looked_for_where_the_members_are() {
        let members = [address("[::1]:10001")];
        let group = Group::resolve(1, &members, None).unwrap();
        let section = group.section(&address(":10000"));
        assert_eq!(section, Ok("[::1]:10000".parse().unwrap()));
        let zero = group.section(&address(":0"));
        assert_eq!(zero, Err(GroupError::SectionPortZero));
    }

    #[test]
    fn what_is_bound_is_of_the_members_kind() {
        let resolve = |members: &str, listen: &str| {
            let (members, listen) = ([address(members)], address(listen));
            Group::resolve(1, &members, Some(&listen))
        };
        let group = resolve("192.0.2.7:7001", ":7001").unwrap();
        assert_eq!(group.listen, "127.0.0.1:7001".parse().unwrap());
        assert!(group.may_be_elsewhere());
        assert_eq!(
            resolve("192.0.2.7:7001", "[::1]:7001"),
            Err(GroupError::ListenFamily("[::1]:7001".into()))
        );
    }

    #[test]
    fn a_member_is_heard_from_its_own_host_alone_and_loopback_is_one_host() {
        let group = Group::on_loopback(1, &[10_001, 10_002]);
        let is_at = |source: &str| group.is_at(NodeId(2), source.parse().unwrap());
        assert!(is_at("127.0.0.1") && is_at("127.0.1.1") && is_at("::1"));
        assert!(is_at("::ffff:127.0.0.1"));
        assert!(!is_at("192.0.2.7"));
        assert!(!group.is_at(NodeId(3), "127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn the_digest_is_of_the_list_as_it_is_written() {
        let digest = |addresses: &[&str]| group(1, addresses).unwrap().digest;
        let one = digest(&[":10001", ":10002"]);
        assert_eq!(digest(&[":10001", ":10002"]), one);
        for other in [
            &[":10002", ":10001"][..],
            &[":10001"],
            &[":10001", ":10002", ":10003"],
            &["127.0.0.1:10001", ":10002"],
        ] {
            assert_ne!(digest(other), one, "{other:?}");
        }
        assert_eq!(
            digest(&["LocalHost:10001", ":10002"]),
            digest(&["localhost:10001", ":10002"])
        );
    }

    #[test]
    fn loopback_does_not_go_with_other_machines() {
        for local in [":10001", "127.0.0.1:10001", "localhost:10001"] {
            assert_eq!(
                group(1, &[local, "192.0.2.7:10002"]),
                Err(GroupError::Loopback {
                    local: NodeId(1),
                    remote: NodeId(2)
                })
            );
        }
    }
}
