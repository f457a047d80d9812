//! The member list, from text to addresses.

mod address;
mod checks;
mod listed;
#[cfg(feature = "cli")]
mod own_id;
mod resolver;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use thiserror::Error;

use crate::mutex::NodeId;
use crate::views::Lease;
use crate::wire::GroupDigest;
pub use address::{Address, AddressError};
use checks::{bind_address, check_names, check_ports, check_reachable, labelled, one_family};
pub use listed::Listed;
#[cfg(feature = "cli")]
pub(crate) use own_id::{OwnId, own_id};
pub use resolver::{Found, Resolver};

/// How many addresses of a name are tried.
const MAX_ADDRESSES: usize = 8;

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
    /// The same, to look it up again.
    pub addresses: Vec<Address>,
    /// Where each member is sent to; the first is member 1. `None` while its name is not
    /// known.
    pub members: Vec<Option<SocketAddr>>,
    /// All addresses of each member, of both kinds, as they were found last.
    pub found: Vec<Vec<SocketAddr>>,
    /// Why the latest look-up of a member's name found no address, if it found none.
    pub unknown: Vec<Option<String>>,
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
    /// address to bind. A peer whose name is not known is a member without an address.
    ///
    /// # Errors
    /// [`GroupError`] names the member at fault and the way out.
    pub fn resolve(
        id: u16,
        list: &[Listed],
        listen: Option<&Address>,
    ) -> Result<Group, GroupError> {
        Self::resolve_with(id, list, listen, &Resolver::default())
    }

    /// As [`Group::resolve`], with this resolver.
    ///
    /// # Errors
    /// As there.
    pub fn resolve_with(
        id: u16,
        list: &[Listed],
        listen: Option<&Address>,
        resolver: &Resolver,
    ) -> Result<Group, GroupError> {
        let addresses: Vec<Address> = list.iter().map(|member| member.address.clone()).collect();
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
        let own = usize::from(id) - 1;
        let answers = resolver.resolve_all(&addresses, Some(own));
        if let Err(error) = &answers[own] {
            let label = labelled(&names, own);
            let text = format!("{error}; it is the host of {label}, this member itself");
            return Err(GroupError(text));
        }
        let unknown = answers.iter().map(|found| found.as_ref().err());
        let unknown = unknown.map(|why| why.map(ToString::to_string)).collect();
        let found = answers.into_iter().map(Result::unwrap_or_default);
        let found: Vec<Vec<SocketAddr>> = found.collect();
        let members = one_family(&names, &found)?;
        let own_address = members[own].expect("its own name is known");
        let is_ours = |address: &&SocketAddr| address.is_ipv4() == own_address.is_ipv4();
        check_ports(&names, &addresses, &members)?;
        check_reachable(&addresses, &members)?;
        let listen = match listen {
            None => bind_address(&addresses[own], own_address, &members),
            Some(listen) => *listen.resolve()?.iter().find(is_ours).ok_or_else(|| {
                let kind = "is of the other kind, IPv4 or IPv6, than the members' addresses";
                GroupError(format!("--listen {listen} {kind}"))
            })?,
        };
        Ok(Group {
            id: NodeId(id),
            listen,
            digest: GroupDigest::of(&listed),
            lease: None,
            names,
            listed,
            called,
            addresses,
            members,
            found,
            unknown,
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
        for (place, member) in self.members.iter().enumerate() {
            if let Some(member) = member.filter(|member| found.contains(member)) {
                return Err(GroupError(format!(
                    "{} has the address of the critical section, {member}; give it another port, \
                     or move the section with --shared",
                    labelled(&self.names, place)
                )));
            }
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
        let members = ports.iter().map(|port| (Ipv4Addr::LOCALHOST, *port).into());
        let members: Vec<SocketAddr> = members.collect();
        let addresses = ports.iter().map(|port| Address::of_port(*port));
        let addresses: Vec<Address> = addresses.collect();
        let names: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        Group {
            id: NodeId(id),
            listen: members[usize::from(id) - 1],
            digest: GroupDigest::of(&names),
            lease: None,
            listed: names.clone(),
            called: names.clone(),
            names,
            addresses,
            found: members.iter().map(|member| vec![*member]).collect(),
            unknown: vec![None; members.len()],
            members: members.into_iter().map(Some).collect(),
        }
    }

    /// Whether a datagram from this address can be from a member's host. All of
    /// loopback is one host.
    #[must_use]
    pub fn is_at(&self, id: NodeId, source: IpAddr) -> bool {
        let mut found = of_member(&self.found, id).into_iter().flatten();
        found.any(|found| is_same_host(found.ip(), source))
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

    /// Where a member is sent to, if there is such a member and its name is known.
    #[must_use]
    pub fn address(&self, id: NodeId) -> Option<SocketAddr> {
        of_member(&self.members, id).copied().flatten()
    }

    /// Whether the list has this member.
    #[must_use]
    pub fn has(&self, id: NodeId) -> bool {
        of_member(&self.members, id).is_some()
    }

    /// Why this member's name is not known, if the latest look-up of it found no address.
    #[must_use]
    pub fn unknown(&self, id: NodeId) -> Option<&str> {
        of_member(&self.unknown, id)?.as_deref()
    }

    /// A member's address in the list, if it is the name of a host, which may have another
    /// address tomorrow.
    #[must_use]
    pub fn host_name(&self, id: NodeId) -> Option<&Address> {
        of_member(&self.addresses, id).filter(|address| address.is_by_name())
    }

    /// The addresses at which a member may be, as they were found last.
    #[must_use]
    pub fn candidates(&self, id: NodeId) -> Vec<SocketAddr> {
        let found = of_member(&self.found, id).into_iter().flatten().copied();
        let is_of_a_host = |ip: IpAddr| !ip.is_unspecified() && !ip.is_multicast();
        // What is sent to the own address arrives here.
        let own = (id != self.id).then(|| self.address(self.id)).flatten();
        let mut candidates: Vec<SocketAddr> = Vec::new();
        for address in found {
            let is_ours = address.is_ipv4() == self.listen.is_ipv4() && is_of_a_host(address.ip());
            if is_ours && Some(address) != own && !candidates.contains(&address) {
                candidates.push(address);
            }
        }
        candidates.truncate(MAX_ADDRESSES);
        candidates
    }

    /// Notes what a look-up of a member's name has found. If that is nothing of use, the
    /// addresses of before remain. Returns whether they are replaced.
    pub(crate) fn set_found(&mut self, id: NodeId, found: Found) -> bool {
        let place = usize::from(id.0) - 1;
        let why = match found {
            Err(error) => error.to_string(),
            Ok(found) => {
                let before = std::mem::replace(&mut self.found[place], found);
                if !self.candidates(id).is_empty() {
                    self.unknown[place] = None;
                    return true;
                }
                self.found[place] = before;
                let kind = if self.listen.is_ipv4() {
                    "IPv4"
                } else {
                    "IPv6"
                };
                format!(
                    "{} has no {kind} address of another host, of which this group is",
                    self.listed[place]
                )
            }
        };
        self.unknown[place] = Some(why);
        false
    }

    /// From now on this member is sent to there.
    pub(crate) fn set_address(&mut self, id: NodeId, address: SocketAddr) {
        self.members[usize::from(id.0) - 1] = Some(address);
    }
}

/// Whether two addresses are of one host. All of loopback is one host.
pub(crate) fn is_same_host(one: IpAddr, other: IpAddr) -> bool {
    let (one, other) = (one.to_canonical(), other.to_canonical());
    one == other || (one.is_loopback() && other.is_loopback())
}

/// A member's part of a list whose first part is of member 1.
fn of_member<T>(list: &[T], id: NodeId) -> Option<&T> {
    list.get(usize::from(id.0).checked_sub(1)?)
}

#[cfg(test)]
mod tests;
