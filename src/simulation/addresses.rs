//! The addresses of a simulated group.

use std::net::{IpAddr, SocketAddr};

use crate::group::{Group, Listed};
use crate::mutex::NodeId;

/// The addresses of all groups, parsed once.
pub struct Addresses(Vec<Listed>);

impl Default for Addresses {
    fn default() -> Self {
        let address = |id: u8| format!("10.0.0.{id}:7000").parse();
        let all = (1..=u8::MAX).map(|id| address(id).expect("an address"));
        Addresses(all.collect())
    }
}

impl Addresses {
    /// The group of this many members, as one of them sees it.
    pub(super) fn group(&self, id: NodeId, members: usize) -> Group {
        let resolved = Group::resolve(id.0, &self.0[..members], None);
        resolved.expect("a valid member list")
    }
}

/// The member at an address.
pub(super) fn member_at(address: SocketAddr) -> NodeId {
    match address.ip() {
        IpAddr::V4(ip) => NodeId(u16::from(ip.octets()[3])),
        IpAddr::V6(_) => NodeId(0),
    }
}
