//! The sockets of all programs: addresses, and what reads at each.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::mutex::NodeId;
use crate::transport::Socket;

/// The first port of the sockets that are opened for one request.
const FIRST_REQUEST_PORT: u16 = 20_000;

/// What reads the datagrams of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    Turno(Socket),
    OriginalPort,
    /// A process of the original waits here for one reply to the request of this clock.
    OriginalRequest(u64),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Sockets {
    readers: BTreeMap<SocketAddr, (NodeId, Reader)>,
    opened: u16,
}

impl Sockets {
    pub(super) fn bind(&mut self, address: SocketAddr, id: NodeId, reader: Reader) {
        self.readers.insert(address, (id, reader));
    }

    pub(super) fn reader(&self, address: SocketAddr) -> Option<(NodeId, Reader)> {
        self.readers.get(&address).copied()
    }

    pub(super) fn close(&mut self, address: SocketAddr) {
        self.readers.remove(&address);
    }

    /// Closes the sockets of a member, except those of which `keeps` is true.
    pub(super) fn retain(&mut self, id: NodeId, keeps: impl Fn(Reader) -> bool) {
        self.readers
            .retain(|_, (owner, reader)| *owner != id || keeps(*reader));
    }

    /// The address of this socket, which is opened on the same host if it does not exist.
    pub(super) fn find_or_open(
        &mut self,
        id: NodeId,
        near: SocketAddr,
        reader: Reader,
    ) -> SocketAddr {
        let mut readers = self.readers.iter();
        match readers.find(|(_, known)| **known == (id, reader)) {
            Some((address, _)) => *address,
            None => self.open(id, near, reader),
        }
    }

    /// Opens a socket at a free port of the same host.
    pub(super) fn open(&mut self, id: NodeId, near: SocketAddr, reader: Reader) -> SocketAddr {
        loop {
            let port = FIRST_REQUEST_PORT + self.opened % (u16::MAX - FIRST_REQUEST_PORT);
            self.opened = self.opened.wrapping_add(1);
            let address = SocketAddr::new(near.ip(), port);
            if !self.readers.contains_key(&address) {
                self.bind(address, id, reader);
                return address;
            }
        }
    }
}
