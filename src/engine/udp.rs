//! The UDP sockets: a source of envelopes, and the way out for datagrams.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use super::envelope::{Envelope, Input};
use crate::system::retry_interrupted;
use crate::transport::{Outgoing, Socket};
use crate::wire::MAX_DATAGRAM;

/// How many datagrams are read from a socket before the other sources are: a flood
/// must not lock out the user.
const BATCH: usize = 256;

/// How many datagrams wait for a full socket. Beyond that the oldest are lost, as the
/// network may lose them.
const MAX_UNSENT: usize = 1024;

/// How many ports of past requests are not used again, and how many ports are tried
/// for one that is new.
const RETIRED_PORTS: usize = 1024;
const TRIES: usize = 16;

/// The poll tokens: this one for the listening socket, those above it for requests.
const LISTENING: usize = 1 << 16;

/// That of the look-ups of names.
pub(super) const LOOK_UPS: Token = Token(LISTENING - 1);

/// The sockets of a node.
pub(super) struct Udp {
    registry: Registry,
    listening: Open,
    /// The sockets of single requests, by the request's clock.
    of_requests: BTreeMap<u64, Open>,
    next_token: usize,
    /// Their ports, when they are closed. If the system handed out such a port again, a
    /// late reply of an original peer would arrive at a later request's socket and
    /// count for it.
    retired_ports: VecDeque<u16>,
    unsent: VecDeque<Outgoing>,
    buffer: Vec<u8>,
}

/// A socket that is read until it is empty, a batch at a time.
struct Open {
    socket: UdpSocket,
    token: Token,
    /// The poll reports when it is writable. Otherwise it must not: it would after
    /// every datagram.
    is_full: bool,
    /// The poll has reported it readable (which it does once), and it is not drained.
    is_readable: bool,
}

impl Udp {
    /// Binds the listening socket.
    ///
    /// # Errors
    /// The system's, if the address is not available.
    pub(super) fn bind(listen: SocketAddr, registry: &Registry) -> io::Result<Self> {
        let registry = registry.try_clone()?;
        Ok(Udp {
            listening: Open::bind(listen, &registry, Token(LISTENING))?,
            of_requests: BTreeMap::new(),
            next_token: LISTENING + 1,
            retired_ports: VecDeque::new(),
            unsent: VecDeque::new(),
            buffer: vec![0; MAX_DATAGRAM],
            registry,
        })
    }

    /// The poll reports the socket of this token, if it is of one, as readable or
    /// writable.
    pub(super) fn ready(&mut self, token: Token) {
        let mut sockets = std::iter::once(&mut self.listening).chain(self.of_requests.values_mut());
        if let Some(open) = sockets.find(|open| open.token == token) {
            open.is_readable = true;
        }
    }

    /// Puts what has arrived into the queue, at most a batch of each socket.
    pub(super) fn drain<S>(&mut self, queue: &mut VecDeque<Envelope<S>>) {
        self.send_unsent();
        let buffer = &mut self.buffer;
        self.listening.drain(Socket::Listening, buffer, queue);
        for (clock, open) in &mut self.of_requests {
            open.drain(Socket::OfRequest(*clock), buffer, queue);
        }
    }

    /// Whether a batch ended before its socket was empty.
    pub(super) fn has_more(&self) -> bool {
        self.listening.is_readable || self.of_requests.values().any(|open| open.is_readable)
    }

    /// Closes the sockets of requests that no longer wait.
    pub(super) fn retain(&mut self, mut is_asking: impl FnMut(u64) -> bool) {
        self.of_requests.retain(|clock, _| is_asking(*clock));
    }

    /// Sends one datagram, now or when its socket has room.
    ///
    /// # Errors
    /// The system's. The datagram is lost then, as the network may lose it.
    pub(super) fn send(&mut self, outgoing: Outgoing) -> io::Result<()> {
        if self.unsent.is_empty() {
            match self.try_send(&outgoing) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
        if self.unsent.len() == MAX_UNSENT {
            self.unsent.pop_front();
        }
        self.unsent.push_back(outgoing);
        Ok(())
    }

    fn send_unsent(&mut self) {
        while let Some(outgoing) = self.unsent.pop_front() {
            match self.try_send(&outgoing) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.unsent.push_front(outgoing);
                    return;
                }
                Err(error) => log::warn!("not sent to {}: {error}", outgoing.address),
                Ok(()) => {}
            }
        }
    }

    fn try_send(&mut self, outgoing: &Outgoing) -> io::Result<()> {
        let open = match outgoing.socket {
            Socket::Listening => &mut self.listening,
            Socket::OfRequest(clock) => {
                if !self.of_requests.contains_key(&clock) {
                    let open = self.open_fresh()?;
                    self.of_requests.insert(clock, open);
                }
                self.of_requests.get_mut(&clock).expect("it is open")
            }
        };
        open.send(outgoing, &self.registry)
    }

    fn open_fresh(&mut self) -> io::Result<Open> {
        let mut any_port = self.listening.socket.local_addr()?;
        any_port.set_port(0);
        let token = Token(self.next_token);
        self.next_token = self.next_token.checked_add(1).unwrap_or(LISTENING + 1);
        for _ in 0..TRIES {
            let open = Open::bind(any_port, &self.registry, token)?;
            let port = open.socket.local_addr()?.port();
            if !self.retired_ports.contains(&port) {
                self.retired_ports.truncate(RETIRED_PORTS - 1);
                self.retired_ports.push_front(port);
                return Ok(open);
            }
        }
        // The system has fewer free ports than are retired.
        self.retired_ports.truncate(self.retired_ports.len() / 2);
        Err(io::Error::new(ErrorKind::AddrInUse, "no fresh port"))
    }
}

impl Open {
    fn bind(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut socket = UdpSocket::bind(address)?;
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Open {
            socket,
            token,
            is_full: false,
            is_readable: false,
        })
    }

    /// Sends one datagram. If the socket is full, the poll reports when it has room.
    fn send(&mut self, outgoing: &Outgoing, registry: &Registry) -> io::Result<()> {
        let send = || self.socket.send_to(&outgoing.text, outgoing.address);
        let sent = retry_interrupted(send).map(drop);
        let is_full = matches!(&sent, Err(error) if error.kind() == ErrorKind::WouldBlock);
        if is_full != self.is_full {
            let writable = is_full.then_some(Interest::WRITABLE);
            let interest = writable.map_or(Interest::READABLE, |it| it | Interest::READABLE);
            registry.reregister(&mut self.socket, self.token, interest)?;
            self.is_full = is_full;
        }
        sent
    }

    fn drain<S>(&mut self, socket: Socket, buffer: &mut [u8], queue: &mut VecDeque<Envelope<S>>) {
        if !self.is_readable {
            return;
        }
        for _ in 0..BATCH {
            match retry_interrupted(|| self.socket.recv_from(buffer)) {
                Ok((length, source)) => {
                    let bytes = buffer[..length].to_vec();
                    queue.push_back(Envelope::Engine(Input::Datagram {
                        socket,
                        source,
                        bytes,
                    }));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_readable = false;
                    return;
                }
                // It is about an earlier datagram of this node; more may have arrived.
                Err(error) => log::info!("received an error: {error}"),
            }
        }
    }
}
