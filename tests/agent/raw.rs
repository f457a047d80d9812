//! What an agent is told and tells, by hand.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;

use super::machines::Machines;
use super::support::PATIENCE;

/// A client that speaks for itself, and starts nothing.
pub struct Raw(pub BufReader<UnixStream>);

impl Raw {
    pub fn connect(machines: &Machines, id: usize) -> Self {
        let stream = UnixStream::connect(machines.socket(id)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Raw(BufReader::new(stream))
    }

    pub fn say(&mut self, line: &str) {
        writeln!(self.0.get_mut(), "{line}").unwrap();
    }

    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Err(error) if error.kind() == ErrorKind::ConnectionReset => String::new(),
            read => read.map(|_| line).unwrap(),
        }
    }

    /// The token with which its turn comes.
    pub fn token(&mut self) -> u64 {
        loop {
            let line = self.hear();
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            if let Some(token) = value["granted"]["token"].as_u64() {
                return token;
            }
            assert!(line.contains("waiting"), "{line}");
        }
    }
}
