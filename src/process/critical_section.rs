//! The use of the critical section: messages to the `shared` server, and the end of an
//! entry as a source of envelopes.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use super::{Envelope, UserInput};
use crate::engine::User;
use crate::mutex::{self, LockName, NodeId, Timestamp};
use crate::system::retry_interrupted;
use crate::wire::{BEGINS, ENDS, GroupDigest, Key, SectionMessage};

/// How many reads are tried when the socket is ready: only errors should arrive.
const MAX_READS: usize = 64;

/// The critical section, as its user sees it.
pub(super) struct CriticalSection {
    /// Connected, so that the system reports when nothing listens there.
    socket: UdpSocket,
    pub(super) address: SocketAddr,
    /// Our id.
    own: NodeId,
    key: Option<Key>,
    /// How long one entry lasts.
    hold: Duration,
    /// When the present entry ends.
    pub(super) ends: Option<Instant>,
    /// How often it was entered.
    pub(super) entries: u64,
    is_unreachable: bool,
    /// A peer has begun to wait for this member.
    pub(super) is_contended: bool,
}

impl CriticalSection {
    /// Opens a socket to the section's server, and registers it with this poll.
    ///
    /// # Errors
    /// Those of the system, which may have no route to the address.
    pub(super) fn connect(
        address: SocketAddr,
        own: NodeId,
        key: Option<Key>,
        hold: Duration,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let any_port = match address {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        let mut socket = UdpSocket::bind(any_port)?;
        socket.connect(address)?;
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(CriticalSection {
            socket,
            address,
            own,
            key,
            hold,
            ends: None,
            is_contended: false,
            entries: 0,
            is_unreachable: false,
        })
    }

    /// Handles the poll's report that the socket can be read. The server sends nothing,
    /// so the report is about an error.
    pub(super) fn ready(&mut self) {
        for _ in 0..MAX_READS {
            match retry_interrupted(|| self.socket.recv(&mut [0; 64])) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    self.is_unreachable = true;
                }
                Err(error) => log::warn!("the critical section at {}: {error}", self.address),
            }
        }
    }

    /// Puts the end of the entry into the queue once it is due, and the report that
    /// nothing listens.
    pub(super) fn drain(&mut self, queue: &mut VecDeque<Envelope>) {
        if std::mem::take(&mut self.is_unreachable) {
            queue.push_back(Envelope::User(UserInput::SectionUnreachable));
        }
        if self.ends.is_some_and(|ends| ends <= Instant::now()) {
            self.ends = None;
            queue.push_back(Envelope::User(UserInput::EntryOver));
        }
    }

    fn send(&mut self, clock: u64, text: &str) {
        let (id, text) = (self.own, text.into());
        let stamp = Timestamp { clock, id };
        let mut datagram = SectionMessage { stamp, text }.encode();
        if let Some(key) = &self.key {
            // The section has no id and no member list.
            key.sign(GroupDigest(0), stamp.id, NodeId(0), &mut datagram);
        }
        let mut sent = retry_interrupted(|| self.socket.send(&datagram));
        if let Err(error) = &sent
            && error.kind() == ErrorKind::ConnectionRefused
        {
            // The error is about an earlier datagram; this one is not sent yet.
            self.is_unreachable = true;
            sent = retry_interrupted(|| self.socket.send(&datagram));
        }
        if let Err(error) = sent {
            log::warn!("the critical section at {}: {error}", self.address);
        }
    }
}

impl User for CriticalSection {
    fn entered(&mut self, _lock: &LockName, token: mutex::Token) {
        self.entries += 1;
        self.send(token.get(), BEGINS);
        // `None` if it is later than an `Instant` can be.
        self.ends = Instant::now().checked_add(self.hold);
    }

    fn contended(&mut self, _lock: &LockName) {
        self.is_contended = true;
    }

    /// The entry ends at once.
    fn lost(&mut self, _lock: &LockName) {
        self.ends = Some(Instant::now());
    }

    fn left(&mut self, _lock: &LockName, clock: u64) {
        self.send(clock, ENDS);
        self.ends = None;
    }
}
