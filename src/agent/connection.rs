//! One client's connection: lines in and out, and never a wait.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::UnixStream;
use serde::Serialize;

use super::protocol::{self, ClientMessage, LONGEST_LINE};
use crate::system::retry_interrupted;

/// How much is kept for a client that does not read, and one answer more.
const MOST_UNREAD: usize = 1 << 20;

/// A connection of which neither end may be relied on.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: UnixStream,
    received: Vec<u8>,
    unsent: Vec<u8>,
}

/// Why nothing more comes from a client.
#[derive(Debug)]
pub(super) enum Closing {
    /// It has gone.
    Gone,
    /// It says what nobody understands.
    Malformed(String),
}

impl Connection {
    pub(super) fn new(stream: UnixStream) -> Self {
        Connection {
            stream,
            received: Vec::new(),
            unsent: Vec::new(),
        }
    }

    /// What it has said, and whether that is all.
    pub(super) fn read(&mut self) -> (Vec<ClientMessage>, Option<Closing>) {
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match retry_interrupted(|| self.stream.read(&mut buffer)) {
                Ok(0) => return (said, Some(Closing::Gone)),
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return (said, None),
                Err(_) => return (said, Some(Closing::Gone)),
            }
            while let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let rest = self.received.split_off(end + 1);
                let line = std::mem::replace(&mut self.received, rest);
                match serde_json::from_slice(&line) {
                    Ok(one) => said.push(one),
                    Err(error) => return (said, Some(Closing::Malformed(error.to_string()))),
                }
            }
            if self.received.len() > LONGEST_LINE {
                let why = format!("a line is longer than {LONGEST_LINE} bytes");
                return (said, Some(Closing::Malformed(why)));
            }
        }
    }

    /// Says something, as soon as the client reads it.
    ///
    /// # Errors
    /// It has gone, or does not read.
    pub(super) fn say(&mut self, answer: &impl Serialize) -> io::Result<()> {
        if self.unsent.len() > MOST_UNREAD {
            return Err(ErrorKind::WriteZero.into());
        }
        self.unsent.extend(protocol::line(answer)?);
        self.flush()
    }

    /// The client may read again.
    ///
    /// # Errors
    /// It has gone.
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
