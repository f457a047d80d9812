//! What makes a list a group: its names, ports and addresses.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Address, GroupError, Listed};

/// `gamma:7001 (3)`.
pub(super) fn labelled(names: &[String], place: usize) -> String {
    format!("{} ({})", names[place], place + 1)
}

/// Refuses two members of one name, and a name that another member has by its host.
pub(super) fn check_names(list: &[Listed], called: &[String]) -> Result<(), GroupError> {
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

/// One address for each member that has any, all IPv4 if that is possible, else all IPv6.
pub(super) fn one_family(
    names: &[String],
    candidates: &[Vec<SocketAddr>],
) -> Result<Vec<Option<SocketAddr>>, GroupError> {
    let all = |wanted: fn(&SocketAddr) -> bool| -> Result<Vec<Option<SocketAddr>>, usize> {
        let found = candidates.iter().enumerate();
        found
            .map(|(place, found)| {
                let first = found.iter().copied().find(wanted);
                (first.is_some() || found.is_empty())
                    .then_some(first)
                    .ok_or(place)
            })
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

pub(super) fn check_ports(
    names: &[String],
    listed: &[Address],
    members: &[Option<SocketAddr>],
) -> Result<(), GroupError> {
    let mut taken = BTreeMap::new();
    for (place, address) in members.iter().enumerate() {
        let label = || labelled(names, place);
        if listed[place].port() == 0 {
            let text = "has port 0; give the port that it listens on";
            return Err(GroupError(format!("{} {text}", label())));
        }
        let Some(address) = *address else { continue };
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
pub(super) fn check_reachable(
    addresses: &[Address],
    members: &[Option<SocketAddr>],
) -> Result<(), GroupError> {
    let place = |wanted: &dyn Fn(&Address, &SocketAddr) -> bool| {
        let mut both = addresses.iter().zip(members);
        both.position(|(address, member)| member.is_some_and(|member| wanted(address, &member)))
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
pub(super) fn bind_address(
    address: &Address,
    bind: SocketAddr,
    members: &[Option<SocketAddr>],
) -> SocketAddr {
    // One whose name is not known may be anywhere.
    let is_remote = |other: &Option<SocketAddr>| other.is_none_or(|it| !it.ip().is_loopback());
    let others_are_remote = members.iter().any(is_remote);
    if !address.is_by_name() || !bind.ip().is_loopback() || !others_are_remote {
        return bind;
    }
    let all_interfaces: IpAddr = match bind.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(all_interfaces, bind.port())
}
