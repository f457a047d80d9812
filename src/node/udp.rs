//! UDP as a source of envelopes, and the way out for datagrams.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use super::envelope::{Envelope, Source};
use crate::mutex::Socket;
use crate::wire::LONGEST_DATAGRAM;

/// How many datagrams are taken from a socket before the other sources have
/// their turn: a flood must not keep the user out.
const BATCH: usize = 256;

/// How many ports of past requests are not used again.
const RETIRED_PORTS: usize = 1024;

/// The sockets of a node.
pub(super) struct Udp {
    registry: Registry,
    listening: Drained,
    /// The socket of the latest request that was sent from one of its own, and
    /// that request's clock. It stays open until the next one, so that what
    /// comes late is seen and named.
    of_request: Option<(u64, Drained)>,
    of_request_token: Token,
    /// The ports of earlier ones. The system could hand out such a port again,
    /// and a late reply of a seed peer would then arrive at a later request's
    /// socket and be taken for its own.
    retired_ports: VecDeque<u16>,
    buffer: Vec<u8>,
}

/// A socket that is read until it is empty, a batch at a time.
struct Drained {
    socket: UdpSocket,
    /// The poll has said that there is something to read, and it is not all
    /// read yet. (It says so once only.)
    is_readable: bool,
}

impl Udp {
    /// Binds the listening socket.
    ///
    /// # Errors
    /// The system's, when the address cannot be had.
    pub(super) fn bind(
        listen: SocketAddr,
        registry: &Registry,
        [listening_token, of_request_token]: [Token; 2],
    ) -> io::Result<Self> {
        let registry = registry.try_clone()?;
        Ok(Udp {
            listening: Drained::bind(listen, &registry, listening_token)?,
            of_request: None,
            of_request_token,
            retired_ports: VecDeque::new(),
            buffer: vec![0; LONGEST_DATAGRAM],
            registry,
        })
    }

    /// The address of the listening socket.
    pub(super) fn local_address(&self) -> io::Result<SocketAddr> {
        self.listening.socket.local_addr()
    }

    /// The poll says that the socket of this token can be read.
    pub(super) fn readable(&mut self, token: Token) {
        if token != self.of_request_token {
            self.listening.is_readable = true;
        } else if let Some((_, socket)) = &mut self.of_request {
            socket.is_readable = true;
        }
    }

    /// Puts what has arrived into the queue, up to a batch of each socket.
    pub(super) fn drain(&mut self, queue: &mut VecDeque<Envelope>) {
        self.listening
            .drain(Socket::Listening, &mut self.buffer, queue);
        if let Some((clock, socket)) = &mut self.of_request {
            socket.drain(Socket::OfRequest(*clock), &mut self.buffer, queue);
        }
    }

    /// Whether a batch ended before its socket was empty.
    pub(super) fn has_more(&self) -> bool {
        let of_request = self.of_request.as_ref();
        self.listening.is_readable || of_request.is_some_and(|(_, socket)| socket.is_readable)
    }

    /// Sends one datagram. One that cannot be sent is lost, like one that the
    /// network loses: requests are sent again, and so asked for again are
    /// replies.
    ///
    /// # Errors
    /// The system's, for the diagnostics.
    pub(super) fn send(&mut self, from: Socket, to: SocketAddr, text: &[u8]) -> io::Result<()> {
        let socket = match from {
            Socket::Listening => &self.listening.socket,
            Socket::OfRequest(clock) => self.of_request(clock)?,
        };
        retry_interrupted(|| socket.send_to(text, to)).map(drop)
    }

    /// The socket of the request of this clock, opened if it is not yet.
    fn of_request(&mut self, clock: u64) -> io::Result<&UdpSocket> {
        if self.of_request.as_ref().is_none_or(|(of, _)| *of != clock) {
            let mut any_port = self.local_address()?;
            any_port.set_port(0);
            let mut fresh = Drained::bind(any_port, &self.registry, self.of_request_token)?;
            while self
                .retired_ports
                .contains(&fresh.socket.local_addr()?.port())
            {
                fresh = Drained::bind(any_port, &self.registry, self.of_request_token)?;
            }
            if self.retired_ports.len() == RETIRED_PORTS {
                self.retired_ports.pop_front();
            }
            self.retired_ports
                .push_back(fresh.socket.local_addr()?.port());
            self.of_request = Some((clock, fresh));
        }
        let (_, open) = self.of_request.as_ref().expect("it was opened just now");
        Ok(&open.socket)
    }
}

impl Drained {
    fn bind(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut socket = UdpSocket::bind(address)?;
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Drained {
            socket,
            is_readable: false,
        })
    }

    fn drain(&mut self, socket: Socket, buffer: &mut [u8], queue: &mut VecDeque<Envelope>) {
        if !self.is_readable {
            return;
        }
        for _ in 0..BATCH {
            match retry_interrupted(|| self.socket.recv_from(buffer)) {
                Ok((length, source)) => queue.push_back(Envelope {
                    source: Source::Udp(socket),
                    text: buffer[..length].to_vec(),
                    return_address: Some(source),
                }),
                Err(error) => {
                    if error.kind() != ErrorKind::WouldBlock {
                        log::warn!("cannot receive: {error}");
                    }
                    self.is_readable = false;
                    return;
                }
            }
        }
    }
}

/// A system call, again for as long as a signal interrupts it.
pub(super) fn retry_interrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
