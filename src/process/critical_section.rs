//! The use of the critical section: what is said to the `shared` server, and
//! the end of the entry as a source of envelopes.

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

/// How much is read from a socket at which nothing should arrive.
const MOST_ERRORS: usize = 64;

/// The critical section, as the one who uses it sees it.
pub(super) struct CriticalSection {
    /// Connected: so the system tells when nobody listens there.
    socket: UdpSocket,
    address: SocketAddr,
    /// Who we are to it.
    holder: NodeId,
    key: Option<Key>,
    /// How long one entry lasts.
    hold: Duration,
    /// When the present entry ends.
    ends: Option<Instant>,
    /// How often it was entered.
    entries: u64,
    nobody_listens: bool,
}

impl CriticalSection {
    /// # Errors
    /// The system's, when there is no way to the address.
    pub(super) fn connect(
        address: SocketAddr,
        holder: NodeId,
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
            holder,
            key,
            hold,
            ends: None,
            entries: 0,
            nobody_listens: false,
        })
    }

    /// Where the section is.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often it was entered.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// When the present entry ends.
    pub(super) fn ends(&self) -> Option<Instant> {
        self.ends
    }

    /// The poll says that the socket can be read. The server sends nothing:
    /// what can be read is an error.
    pub(super) fn ready(&mut self) {
        for _ in 0..MOST_ERRORS {
            match retry_interrupted(|| self.socket.recv(&mut [0; 64])) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    self.nobody_listens = true;
                }
                Err(error) => log::warn!("the critical section at {}: {error}", self.address),
            }
        }
    }

    /// Puts the end of the entry into the queue when it has come, and word that
    /// nobody listens.
    pub(super) fn drain(&mut self, queue: &mut VecDeque<Envelope>) {
        if std::mem::take(&mut self.nobody_listens) {
            queue.push_back(Envelope::User(UserInput::SectionUnreachable));
        }
        if self.ends.is_some_and(|ends| ends <= Instant::now()) {
            self.ends = None;
            queue.push_back(Envelope::User(UserInput::EntryOver));
        }
    }

    fn say(&mut self, clock: u64, text: &str) {
        let (id, text) = (self.holder, text.into());
        let stamp = Timestamp { clock, id };
        let mut datagram = SectionMessage { stamp, text }.encode();
        if let Some(key) = &self.key {
            // The section is nobody's id, and knows of no member list.
            key.sign(GroupDigest(0), stamp.id, NodeId(0), &mut datagram);
        }
        let mut sent = retry_interrupted(|| self.socket.send(&datagram));
        if let Err(error) = &sent
            && error.kind() == ErrorKind::ConnectionRefused
        {
            // It speaks of an earlier datagram; this one has not been sent.
            self.nobody_listens = true;
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
        self.say(token.get(), BEGINS);
        // An end beyond all measure is none.
        self.ends = Instant::now().checked_add(self.hold);
    }

    fn left(&mut self, _lock: &LockName, clock: u64) {
        self.say(clock, ENDS);
        self.ends = None;
    }
}
