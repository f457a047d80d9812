//! Whether the host of a member that does not answer says that its port is closed. The
//! system tells that only to a socket that is connected.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::mutex::NodeId;

/// How long a closed port is remembered. A host says it once a second at most, and the member
/// may have been started since.
const MAX_AGE: Duration = Duration::from_secs(30);

/// How long the answer of a host is waited for.
const MAX_ANSWER: Duration = Duration::from_millis(500);

/// The members whose ports are probed.
#[derive(Debug, Default)]
pub(crate) struct PortProbes {
    /// Since when each is.
    sockets: BTreeMap<NodeId, (UdpSocket, Instant)>,
    /// When the host of a member has said so last.
    closed: BTreeMap<NodeId, Instant>,
}

impl PortProbes {
    /// Probes the port of a member from this address, unless that is under way. The datagram
    /// is empty: a member that gets it drops it.
    pub(super) fn send(&mut self, to: NodeId, from: IpAddr, address: SocketAddr) {
        if self.sockets.contains_key(&to) {
            return;
        }
        let send = || -> io::Result<UdpSocket> {
            let socket = UdpSocket::bind((from, 0))?;
            socket.set_nonblocking(true)?;
            socket.connect(address)?;
            socket.send(&[])?;
            Ok(socket)
        };
        match send() {
            Ok(socket) => drop(self.sockets.insert(to, (socket, Instant::now()))),
            Err(error) => log::debug!("no probe of {address}: {error}"),
        }
    }

    /// Reads what the hosts have said, and closes the sockets that are no longer needed.
    pub(super) fn read(&mut self) {
        let closed = &mut self.closed;
        self.sockets.retain(|id, (socket, at)| {
            let refused = socket.take_error().ok().flatten();
            let is_closed = refused.is_some_and(|it| it.kind() == ErrorKind::ConnectionRefused);
            if is_closed {
                closed.insert(*id, Instant::now());
            }
            !is_closed && at.elapsed() < MAX_ANSWER
        });
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
    use std::net::Ipv4Addr;
    use std::thread;

    use super::*;

    #[test]
    fn a_closed_port_is_told_from_one_at_which_nobody_answers() {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let open = UdpSocket::bind((host, 0)).unwrap();
        let closed = UdpSocket::bind((host, 0)).unwrap().local_addr().unwrap();
        let (one, other) = (NodeId(1), NodeId(2));
        let mut probes = PortProbes::default();
        let limit = Instant::now() + Duration::from_secs(10);
        while !probes.is_closed(other) && Instant::now() < limit {
            probes.send(one, host, open.local_addr().unwrap());
            probes.send(other, host, closed);
            thread::sleep(Duration::from_millis(5));
            probes.read();
        }
        assert!(probes.is_closed(other));
        assert!(!probes.is_closed(one));
        probes.heard(other);
        assert!(!probes.is_closed(other));
    }
}
