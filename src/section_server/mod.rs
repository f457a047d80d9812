//! A server as the critical section: prints the messages of its holders, and refuses the
//! late messages of earlier ones.

mod resource;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use signal_hook::consts::SIGUSR1;
use signal_hook_mio::v1_0::Signals;

use crate::mutex::NodeId;
use crate::narrate::listed;
use crate::printable::Printable;
use crate::system::{Output, Quota, retry_interrupted, signals};
use crate::wire::{self, Datagram, GroupDigest, Key, MAX_DATAGRAM, SectionMessage, Signed};
use resource::{Refused, Resource};

const SOCKET: Token = Token(0);
const SIGNALS: Token = Token(1);

/// How many datagrams are handled before the signals are.
const BATCH: usize = 256;

/// How many refusals are printed per second: ordinarily, and in a flood, which must not
/// fill a disk. All of them are counted.
const REFUSALS: (u32, u32) = (100, 10);

/// The server.
pub struct Shared {
    poll: Poll,
    socket: UdpSocket,
    signals: Signals,
    key: Option<Key>,
    resource: Resource,
    undecodable: u64,
    output: Output,
    /// Limits the lines about refused datagrams.
    quota: Quota,
    /// There may be more to read.
    is_readable: bool,
}

impl Shared {
    /// Binds the socket. With a key, an unsigned message is refused.
    ///
    /// # Errors
    /// Those of the system: the address is not available.
    pub fn bind(listen: SocketAddr, key: Option<Key>, label: Option<String>) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut socket = UdpSocket::bind(listen)?;
        let registry = poll.registry();
        registry.register(&mut socket, SOCKET, Interest::READABLE)?;
        let signals = signals::register(&[SIGUSR1], registry, SIGNALS)?;
        Ok(Shared {
            poll,
            socket,
            signals,
            key,
            resource: Resource::default(),
            undecodable: 0,
            output: Output::standard(label),
            quota: Quota::new(REFUSALS.0, REFUSALS.1),
            is_readable: false,
        })
    }

    /// Serves until a signal ends it, then prints the summary.
    ///
    /// # Errors
    /// Those of the poll and of standard output.
    pub fn run(mut self) -> io::Result<()> {
        let address = self.socket.local_addr()?;
        let line = format!("critical section at {address}");
        self.output.write_line(&line)?;
        if self.key.is_none() && !address.ip().is_loopback() {
            self.output.write_line(&format!(
                "WARNING: no --key, so any program that can send to {address} can pretend to be a holder"
            ))?;
        }
        let mut events = Events::with_capacity(4);
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let timeout = if self.is_readable {
                Some(Duration::ZERO)
            } else {
                let due = [self.output.next_flush(), self.quota.next_timeout()];
                let next = due.into_iter().flatten().min();
                next.map(|at| at.saturating_duration_since(Instant::now()))
            };
            retry_interrupted(|| self.poll.poll(&mut events, timeout))?;
            self.is_readable |= events.iter().any(|event| event.token() == SOCKET);
            self.receive(&mut buffer)?;
            if let Some(unreported) = self.quota.unreported() {
                let line = format!("{unreported} more not admitted");
                self.output.write_line(&line)?;
            }
            self.output.flush()?;
            for signal in self.signals.pending().collect::<Vec<_>>() {
                if signal != SIGUSR1 {
                    return self.summary();
                }
                let counts = listed(self.counts());
                self.output.write_line(&format!("so far: {counts}"))?;
            }
        }
    }

    /// Handles the datagrams that have arrived, one batch at most.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        for _ in 0..BATCH {
            if !self.is_readable {
                break;
            }
            match retry_interrupted(|| self.socket.recv_from(buffer)) {
                Ok((length, source)) => self.handle(&buffer[..length], source)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
                Err(error) => log::info!("received an error: {error}"),
            }
        }
        Ok(())
    }

    fn handle(&mut self, bytes: &[u8], source: SocketAddr) -> io::Result<()> {
        match self.decode(bytes) {
            Ok(message) => self.admit(&message),
            Err(why) => {
                self.undecodable += 1;
                if !self.quota.take() {
                    return Ok(());
                }
                let shown = Printable::new(bytes);
                let line = format!("undecodable, {why}: \"{shown}\" from {source}");
                self.output.write_line(&line)
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<SectionMessage, String> {
        let signed = Signed::split(bytes);
        if self.key.is_some() && signed.is_none() {
            return Err("it is not signed".into());
        }
        let text = signed.as_ref().map_or(bytes, |signed| signed.text);
        let message = match wire::decode(text) {
            Ok(Datagram::Section(message)) => message,
            Ok(_) => return Err("it is for a process, not for the critical section".into()),
            Err(malformed) => return Err(malformed.to_string()),
        };
        if let (Some(key), Some(signed)) = (&self.key, &signed)
            && !key.verifies(GroupDigest(0), message.stamp.id, NodeId(0), signed)
        {
            return Err("its signature is wrong".into());
        }
        Ok(message)
    }

    fn admit(&mut self, message: &SectionMessage) -> io::Result<()> {
        let shown = format!(
            "[PID: {}, Clock: {}] {}",
            message.stamp.id,
            message.stamp.clock,
            Printable::new(&message.text)
        );
        match self.resource.admit(message) {
            Ok(None) => self.output.write_line(&shown),
            Ok(Some(other)) => {
                self.output.write_line(&shown)?;
                let line = format!("overlap: process {other} has not said that it left");
                self.output.write_line(&line)
            }
            Err(_) if !self.quota.take() => Ok(()),
            Err(refused) => {
                let line = format!("refused, {refused}: {shown}");
                self.output.write_line(&line)?;
                if self.resource.refused == 1 && matches!(refused, Refused::Stale(_)) {
                    let hint = "(if the whole group was restarted, restart turno shared too)";
                    self.output.write_line(hint)?;
                }
                Ok(())
            }
        }
    }

    fn counts(&self) -> [String; 5] {
        let holders = self.resource.holders.iter();
        let holders = listed(holders.map(|(id, entries)| format!("{id} ({entries})")));
        let holders = if holders.is_empty() { "none" } else { &holders };
        [
            format!("entries {}", self.resource.entries()),
            format!("holders {holders}"),
            format!("refused {}", self.resource.refused),
            format!("undecodable {}", self.undecodable),
            format!("overlaps {}", self.resource.overlaps),
        ]
    }

    fn summary(mut self) -> io::Result<()> {
        self.output.write_line("")?;
        for line in self.counts() {
            self.output.write_line(&line)?;
        }
        self.output.close();
        Ok(())
    }
}
