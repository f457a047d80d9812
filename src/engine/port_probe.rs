//! Whether the host of a member that does not answer says that its port is closed. The
//! system tells that only to a socket that is connected.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::mutex::NodeId;
use crate::transport::Outgoing;

/// How long it counts what a host has said, which says so once in a second at most: the
/// member may have been started since.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The members that were asked through a socket of their own.
#[derive(Debug, Default)]
pub(crate) struct PortProbes {
    sockets: BTreeMap<NodeId, UdpSocket>,
    /// When the host of a member has said so last.
    closed: BTreeMap<NodeId, Instant>,
}

impl PortProbes {
    /// Sends a datagram from this address to a member. It is lost if that fails.
    pub(super) fn send(&mut self, to: NodeId, from: IpAddr, outgoing: &Outgoing) {
        let send = || -> io::Result<UdpSocket> {
            let socket = UdpSocket::bind((from, 0))?;
            socket.set_nonblocking(true)?;
            socket.connect(outgoing.address)?;
            socket.send(&outgoing.text)?;
            Ok(socket)
        };
        match send() {
            Ok(socket) => drop(self.sockets.insert(to, socket)),
            Err(error) => log::debug!("no probe of {}: {error}", outgoing.address),
        }
    }

    /// Reads what the hosts have said, and closes the sockets.
    pub(super) fn read(&mut self) {
        for (id, socket) in std::mem::take(&mut self.sockets) {
            let refused = socket.take_error().ok().flatten();
            if refused.is_some_and(|error| error.kind() == ErrorKind::ConnectionRefused) {
                self.closed.insert(id, Instant::now());
            }
        }
    }

    /// This member was heard.
    pub(super) fn heard(&mut self, from: NodeId) {
        self.closed.remove(&from);
    }

    /// Whether the host of this member has said lately that the port is closed.
    pub(crate) fn is_closed(&self, id: NodeId) -> bool {
        let at = self.closed.get(&id);
        at.is_some_and(|at| at.elapsed() < MAX_AGE)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::thread;

    use super::*;
    use crate::transport::Socket;

    fn outgoing(address: SocketAddr) -> Outgoing {
        Outgoing {
            socket: Socket::Listening,
            address,
            text: b"up".to_vec(),
        }
    }

    #[test]
    fn a_closed_port_is_told_from_one_at_which_nobody_answers() {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let open = UdpSocket::bind((host, 0)).unwrap();
        let closed = UdpSocket::bind((host, 0)).unwrap().local_addr().unwrap();
        let (one, other) = (NodeId(1), NodeId(2));
        let mut probes = PortProbes::default();
        let limit = Instant::now() + Duration::from_secs(10);
        while !probes.is_closed(other) && Instant::now() < limit {
            probes.send(one, host, &outgoing(open.local_addr().unwrap()));
            probes.send(other, host, &outgoing(closed));
            thread::sleep(Duration::from_millis(5));
            probes.read();
        }
        assert!(probes.is_closed(other));
        assert!(!probes.is_closed(one));
        probes.heard(other);
        assert!(!probes.is_closed(other));
    }
}
