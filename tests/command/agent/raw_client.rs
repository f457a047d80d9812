//! A client of an agent whose every word the test sends itself.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;

use super::machines::Machines;
use crate::fixtures::wait::TIMEOUT;

/// A connection to an agent. It runs no command.
pub struct RawClient(pub BufReader<UnixStream>);

impl RawClient {
    pub fn connect(machines: &Machines, id: usize) -> Self {
        let stream = UnixStream::connect(machines.socket(id)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        RawClient(BufReader::new(stream))
    }

    pub fn send(&mut self, line: &str) {
        writeln!(self.0.get_mut(), "{line}").unwrap();
    }

    /// Returns the next line, or an empty one if the agent has gone.
    pub fn receive(&mut self) -> String {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => String::new(),
            read => read.map(|_| line).unwrap(),
        }
    }

    /// Waits until the lock is granted, and returns its token.
    pub fn token(&mut self) -> u64 {
        loop {
            let line = self.receive();
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            if let Some(token) = value["granted"]["token"].as_u64() {
                return token;
            }
            assert!(line.contains("waiting"), "{line}");
        }
    }
}
