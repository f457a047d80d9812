//! The connection to one client: lines in and out, without ever blocking.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::UnixStream;

use super::lines::{self, Lines};
use super::protocol::{Answer, ClientMessage, MAX_LINE};
use crate::system::retry_interrupted;

/// How many bytes are kept for a client that does not read. One answer may come on top.
const MAX_UNSENT: usize = 1 << 20;

/// The connection to one client.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    received: Lines,
    unsent: Vec<u8>,
}

/// Why the agent closes a connection.
#[derive(Debug)]
pub(super) enum Closing {
    /// The client has gone.
    Gone,
    /// The client sent something that the protocol does not allow.
    Malformed(String),
}

impl Connection {
    pub(super) fn new(stream: UnixStream) -> Self {
        Connection {
            stream,
            received: Lines::default(),
            unsent: Vec::new(),
        }
    }

    /// Receives the messages that have arrived, and why no more will follow, if so.
    pub(super) fn receive(&mut self) -> (Vec<ClientMessage>, Option<Closing>) {
        let mut messages = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match retry_interrupted(|| self.stream.read(&mut buffer)) {
                Ok(0) => return (messages, Some(Closing::Gone)),
                Ok(length) => self.received.push(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (messages, None),
                Err(_) => return (messages, Some(Closing::Gone)),
            }
            loop {
                match self.received.next(MAX_LINE) {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break,
                    Err(error) => {
                        let why = format!("malformed message: {error}");
                        return (messages, Some(Closing::Malformed(why)));
                    }
                }
            }
        }
    }

    /// Sends an answer, as soon as the client reads.
    ///
    /// # Errors
    /// The client has gone, or does not read.
    pub(super) fn send(&mut self, answer: &Answer) -> io::Result<()> {
        if self.unsent.len() > MAX_UNSENT {
            return Err(ErrorKind::WriteZero.into());
        }
        self.unsent.extend(lines::encode(answer)?);
        self.flush()
    }

    /// Sends what the client can receive now.
    ///
    /// # Errors
    /// The client has gone.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            match retry_interrupted(|| self.stream.write(&self.unsent)) {
                Ok(length) => drop(self.unsent.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
