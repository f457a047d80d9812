//! The critical section as a server of its own: prints what its holders say,
//! and refuses whoever is no holder any more.

mod resource;

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook_mio::v1_0::Signals;

use crate::Printable;
use crate::wire::{self, Datagram, LONGEST_DATAGRAM, Malformed, SectionMessage};
pub use resource::{Admitted, Refused, Resource};

const SOCKET: Token = Token(0);
const SIGNALS: Token = Token(1);

/// How many datagrams are dealt with before the signals have their turn.
const BATCH: usize = 256;

/// The server.
pub struct Shared<W> {
    poll: Poll,
    socket: UdpSocket,
    signals: Signals,
    resource: Resource,
    undecodable: u64,
    out: W,
}

impl<W: Write> Shared<W> {
    /// Binds the socket, and says on `out` where it is.
    ///
    /// # Errors
    /// The system's, when the address cannot be had.
    pub fn bind(listen: SocketAddr, mut out: W) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut socket = UdpSocket::bind(listen)?;
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
        let registry = poll.registry();
        registry.register(&mut socket, SOCKET, Interest::READABLE)?;
        registry.register(&mut signals, SIGNALS, Interest::READABLE)?;
        writeln!(out, "critical section at {}", socket.local_addr()?)?;
        out.flush()?;
        Ok(Shared {
            poll,
            socket,
            signals,
            resource: Resource::default(),
            undecodable: 0,
            out,
        })
    }

    /// Serves until a signal ends it, and prints the summary then.
    ///
    /// # Errors
    /// Those of waiting and of writing.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(4);
        let mut buffer = vec![0; LONGEST_DATAGRAM];
        let mut is_drained = false;
        loop {
            let timeout = (!is_drained).then_some(std::time::Duration::ZERO);
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => is_drained = self.receive(&mut buffer)?,
            }
            self.out.flush()?;
            if self.signals.pending().next().is_some() {
                while !self.receive(&mut buffer)? {}
                return self.summary();
            }
        }
    }

    /// Deals with what has arrived, a batch at most. Whether that was all.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        for _ in 0..BATCH {
            match self.socket.recv_from(buffer) {
                Ok((length, source)) => self.answer(&buffer[..length], source)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    log::warn!("cannot receive: {error}");
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn answer(&mut self, bytes: &[u8], source: SocketAddr) -> io::Result<()> {
        let why = match wire::decode(bytes) {
            Ok(Datagram::Section(message)) => return self.admit(&message),
            Ok(Datagram::Message(_)) => "it is for a process, not for the critical section".into(),
            Err(malformed) => Malformed::to_string(&malformed),
        };
        self.undecodable += 1;
        let shown = Printable(bytes);
        writeln!(self.out, "undecodable, {why}: \"{shown}\" from {source}")
    }

    fn admit(&mut self, message: &SectionMessage) -> io::Result<()> {
        let shown = format!(
            "[PID: {}, Clock: {}] {}",
            message.stamp.id,
            message.stamp.clock,
            Printable(&message.text)
        );
        match self.resource.admit(message) {
            Ok(Admitted { overlaps: None }) => writeln!(self.out, "{shown}"),
            Ok(Admitted {
                overlaps: Some(other),
            }) => writeln!(
                self.out,
                "{shown}\noverlap: process {other} has not said that it left"
            ),
            Err(refused) => {
                writeln!(self.out, "refused, {refused}: {shown}")?;
                if self.resource.refused() == 1 {
                    writeln!(
                        self.out,
                        "(if the whole group was started anew, start turno shared anew too)"
                    )?;
                }
                Ok(())
            }
        }
    }

    fn summary(mut self) -> io::Result<()> {
        let holders: Vec<String> = self
            .resource
            .holders()
            .map(|(id, entries)| format!("{id} ({entries})"))
            .collect();
        let holders = if holders.is_empty() {
            "none".to_owned()
        } else {
            holders.join(", ")
        };
        writeln!(
            self.out,
            "\nentries {}\nholders {holders}\nrefused {}\nundecodable {}\noverlaps {}",
            self.resource.entries(),
            self.resource.refused(),
            self.undecodable,
            self.resource.overlaps()
        )?;
        self.out.flush()
    }
}
