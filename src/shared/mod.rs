//! The critical section as a server of its own: prints what its holders say,
//! and refuses whoever is no holder any more.

mod resource;

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use signal_hook_mio::v1_0::Signals;

use crate::Printable;
use crate::plain::labelled;
use crate::signals;
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
    label: Option<String>,
}

impl<W: Write> Shared<W> {
    /// Binds the socket, and says on `out` where it is: each line after `label|`
    /// if there is a label.
    ///
    /// # Errors
    /// The system's, when the address cannot be had.
    pub fn bind(listen: SocketAddr, out: W, label: Option<String>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut socket = UdpSocket::bind(listen)?;
        let registry = poll.registry();
        registry.register(&mut socket, SOCKET, Interest::READABLE)?;
        let signals = signals::register(&[], registry, SIGNALS)?;
        let address = socket.local_addr()?;
        let mut shared = Shared {
            poll,
            socket,
            signals,
            resource: Resource::default(),
            undecodable: 0,
            out,
            label,
        };
        shared.say(&format!("critical section at {address}"))?;
        Ok(shared)
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
        self.say(&format!("undecodable, {why}: \"{shown}\" from {source}"))
    }

    fn admit(&mut self, message: &SectionMessage) -> io::Result<()> {
        let shown = format!(
            "[PID: {}, Clock: {}] {}",
            message.stamp.id,
            message.stamp.clock,
            Printable(&message.text)
        );
        match self.resource.admit(message) {
            Ok(Admitted { overlaps: None }) => self.say(&shown),
            Ok(Admitted {
                overlaps: Some(other),
            }) => {
                self.say(&shown)?;
                self.say(&format!(
                    "overlap: process {other} has not said that it left"
                ))
            }
            Err(refused) => {
                self.say(&format!("refused, {refused}: {shown}"))?;
                if self.resource.refused() == 1 {
                    self.say("(if the whole group was started anew, start turno shared anew too)")?;
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
        for line in [
            String::new(),
            format!("entries {}", self.resource.entries()),
            format!("holders {holders}"),
            format!("refused {}", self.resource.refused()),
            format!("undecodable {}", self.undecodable),
            format!("overlaps {}", self.resource.overlaps()),
        ] {
            self.say(&line)?;
        }
        Ok(())
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        let line = labelled(self.label.as_deref(), line);
        self.out.write_all(line.as_bytes())?;
        self.out.flush()
    }
}
