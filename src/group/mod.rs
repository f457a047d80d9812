//! The member list, from text to addresses.

mod address;
mod listed;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thiserror::Error;

use crate::mutex::NodeId;
use crate::views::Lease;
use crate::wire::GroupDigest;
pub use address::{Address, AddressError};
pub use listed::Listed;

/// A group, as one of its members sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which member this is.
    pub id: NodeId,
    /// What messages call each member: its name if the list gives one, else its address
    /// as the list has it. The first is member 1.
    pub names: Vec<String>,
    /// Each member's address as the list has it.
    pub listed: Vec<String>,
    /// Each member's name: the list's, else its host as the list has it.
    pub called: Vec<String>,
    /// Where each member listens; the first is member 1.
    pub members: Vec<SocketAddr>,
    /// All addresses of each member's host.
    pub hosts: Vec<Vec<IpAddr>>,
    /// Where this member's socket is bound.
    pub listen: SocketAddr,
    /// A digest of the list, so that all can see whether they have the same.
    pub digest: GroupDigest,
    /// The membership lease, if the group has failover.
    pub lease: Option<Lease>,
}

/// Why a member list makes no group: a sentence that names the member at fault and the
/// way out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct GroupError(String);

impl Group {
    /// The group of member `id` and this list. `listen` overrides the
    /// address to bind.
    ///
    /// # Errors
    /// [`GroupError`] names the member at fault and the way out.
    pub fn resolve(
        id: u16,
        list: &[Listed],
        listen: Option<&Address>,
    ) -> Result<Group, GroupError> {
        let addresses: Vec<&Address> = list.iter().map(|member| &member.address).collect();
        let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let called = listed::called(list);
        let name = |(member, address): (&Listed, &String)| match &member.name {
            Some(name) => name.clone(),
            None => address.clone(),
        };
        let names: Vec<String> = list.iter().zip(&listed).map(name).collect();
        let count = names.len();
        if u16::try_from(count).is_err() {
            return Err(GroupError(format!(
                "{count} members are too many: there are ids for 65535"
            )));
        }
        if !(1..=count).contains(&usize::from(id)) {
            return Err(GroupError(format!(
                "id {id} is out of range: ids count from 1, and the list has {count}"
            )));
        }
        check_names(list, &called)?;
        let found = addresses.iter().map(|address| address.resolve());
        let found = found.collect::<Result<Vec<_>, _>>()?;
        let members = one_family(&names, &found)?;
        let is_ours = |address: &&SocketAddr| address.is_ipv4() == members[0].is_ipv4();
        check_ports(&names, &members)?;
        check_reachable(&addresses, &members)?;
        let own = usize::from(id) - 1;
        let listen = match listen {
            None => bind_address(addresses[own], own, &members),
            Some(listen) => *listen.resolve()?.iter().find(is_ours).ok_or_else(|| {
                let kind = "is of the other kind, IPv4 or IPv6, than the members' addresses";
                GroupError(format!("--listen {listen} {kind}"))
            })?,
        };
        Ok(Group {
            id: NodeId(id),
            listen,
            hosts: found
                .iter()
                .map(|found| found.iter().map(SocketAddr::ip).collect())
                .collect(),
            digest: GroupDigest::of(&listed),
            lease: None,
            names,
            listed,
            called,
            members,
        })
    }

    /// The same group, with failover if there is a lease: its digest is another one.
    #[must_use]
    pub(crate) fn with_failover(mut self, lease: Option<Lease>) -> Group {
        if let Some(lease) = lease {
            self.digest = self.digest.with_lease(lease);
            self.lease = Some(lease);
        }
        self
    }

    /// Where the critical section is, which must be no member's address.
    ///
    /// # Errors
    /// [`GroupError`] says what is wrong with it.
    pub fn section(&self, section: &Address) -> Result<SocketAddr, GroupError> {
        let found = section.resolve()?;
        if let Some(place) = self.members.iter().position(|own| found.contains(own)) {
            return Err(GroupError(format!(
                "{} has the address of the critical section, {}; give it another port, or move \
                 the section with --shared",
                labelled(&self.names, place),
                self.members[place]
            )));
        }
        let is_ours = |address: &&SocketAddr| address.is_ipv4() == self.listen.is_ipv4();
        let section = *found.iter().find(is_ours).unwrap_or(&found[0]);
        if section.port() == 0 {
            let text = "the critical section has port 0; give the port that it listens on";
            return Err(GroupError(text.to_owned()));
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
            lease: None,
            listed: names.clone(),
            called: names.clone(),
            names,
            members,
        }
    }

    /// Whether a datagram from this address can be from a member's host. All of
    /// loopback is one host.
    #[must_use]
    pub fn is_at(&self, id: NodeId, source: IpAddr) -> bool {
        let source = source.to_canonical();
        let mut hosts = of_member(&self.hosts, id).into_iter().flatten();
        hosts.any(|host| *host == source || (host.is_loopback() && source.is_loopback()))
    }

    /// Whether this member's address in the list may lead to another node.
    #[must_use]
    pub fn may_be_elsewhere(&self) -> bool {
        self.address(self.id) != Some(self.listen)
    }

    /// The list as it was given: the address of each member, with its name if it has one.
    #[must_use]
    pub(crate) fn list(&self) -> Vec<String> {
        let members = self.names.iter().zip(&self.listed);
        let written = members.map(|(name, address)| match name == address {
            true => address.clone(),
            false => format!("{name}={address}"),
        });
        written.collect()
    }

    /// What messages call a member: its name if the list gives one, else its address as
    /// the list has it; empty if there is no such member.
    #[must_use]
    pub fn name(&self, id: NodeId) -> &str {
        of_member(&self.names, id).map_or("", String::as_str)
    }

    /// Whether the list gives this member a name.
    #[must_use]
    pub fn is_named(&self, id: NodeId) -> bool {
        of_member(&self.names, id) != of_member(&self.listed, id)
    }

    /// A member's name: the list's, else its host as the list has it.
    #[must_use]
    pub fn called(&self, id: NodeId) -> &str {
        of_member(&self.called, id).map_or("", String::as_str)
    }

    /// A member's address as the list has it.
    #[must_use]
    pub fn listed(&self, id: NodeId) -> &str {
        of_member(&self.listed, id).map_or("", String::as_str)
    }

    /// Where a member listens, if there is such a member.
    #[must_use]
    pub fn address(&self, id: NodeId) -> Option<SocketAddr> {
        of_member(&self.members, id).copied()
    }
}

/// A member's part of a list whose first part is of member 1.
fn of_member<T>(list: &[T], id: NodeId) -> Option<&T> {
    list.get(usize::from(id.0).checked_sub(1)?)
}

/// `gamma:7001 (3)`.
fn labelled(names: &[String], place: usize) -> String {
    format!("{} ({})", names[place], place + 1)
}

/// Refuses two members of one name, and a name that another member has by its host.
fn check_names(list: &[Listed], called: &[String]) -> Result<(), GroupError> {
    for (place, member) in list.iter().enumerate() {
        let Some(name) = &member.name else { continue };
        let is_other = |other: &usize| *other != place && called[*other] == *name;
        if let Some(other) = (0..list.len()).find(is_other) {
            return Err(GroupError(format!(
                "{} ({}) and {} ({}) have the same name, {name}; give each its own",
                list[place.min(other)],
                place.min(other) + 1,
                list[place.max(other)],
                place.max(other) + 1
            )));
        }
    }
    Ok(())
}

/// One address for each member, all IPv4 if that is possible, else all IPv6.
fn one_family(
    names: &[String],
    candidates: &[Vec<SocketAddr>],
) -> Result<Vec<SocketAddr>, GroupError> {
    let all = |wanted: fn(&SocketAddr) -> bool| -> Result<Vec<SocketAddr>, usize> {
        let found = candidates.iter().enumerate();
        found
            .map(|(place, found)| found.iter().copied().find(wanted).ok_or(place))
            .collect()
    };
    all(SocketAddr::is_ipv4).or_else(|v6| {
        all(SocketAddr::is_ipv6).map_err(|v4| {
            GroupError(format!(
                "{} has only an IPv4 address and {} only an IPv6 one; give all of one kind",
                labelled(names, v4),
                labelled(names, v6)
            ))
        })
    })
}

fn check_ports(names: &[String], members: &[SocketAddr]) -> Result<(), GroupError> {
    let mut taken = BTreeMap::new();
    for (place, &address) in members.iter().enumerate() {
        let label = || labelled(names, place);
        if address.port() == 0 {
            let text = "has port 0; give the port that it listens on";
            return Err(GroupError(format!("{} {text}", label())));
        }
        if address.ip().is_unspecified() || address.ip().is_multicast() {
            let text = "is not the address of one host; give the host's own";
            return Err(GroupError(format!("{} {text}", label())));
        }
        if let Some(first) = taken.insert(address, place) {
            return Err(GroupError(format!(
                "{} and {} have the same address, {address}; each needs a port of its own",
                labelled(names, first),
                label()
            )));
        }
    }
    Ok(())
}

/// A loopback address means another machine on every machine, so it cannot be listed
/// beside a real one. Only a name that resolves to loopback may be: Debian gives a
/// host's own name the address 127.0.1.1.
fn check_reachable(addresses: &[&Address], members: &[SocketAddr]) -> Result<(), GroupError> {
    let place = |wanted: &dyn Fn(&Address, &SocketAddr) -> bool| {
        let mut both = addresses.iter().zip(members);
        both.position(|(address, member)| wanted(address, member))
    };
    let local = place(&|address, member| member.ip().is_loopback() && !address.is_by_name());
    let remote = place(&|_, member| !member.ip().is_loopback());
    match (local, remote) {
        (Some(local), Some(remote)) => Err(GroupError(format!(
            "{} ({}) is on this host's loopback, which {} ({}) cannot reach; in a group of \
             several machines give every member as HOST:PORT, the same list on each",
            addresses[local],
            local + 1,
            addresses[remote],
            remote + 1
        ))),
        _ => Ok(()),
    }
}

/// The own address; all interfaces if the own name leads to loopback and other members
/// are on other machines.
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

#[cfg(test)]
mod tests;
