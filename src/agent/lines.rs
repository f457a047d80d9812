//! The lines of the socket protocol: one JSON object each.

use std::io::{self, ErrorKind};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that were received, but not yet parsed.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// How many of the first bytes are known to contain no newline.
    scanned: usize,
}

impl Lines {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Whether a whole line is there.
    pub(crate) fn has_line(&self) -> bool {
        self.bytes[self.scanned..].contains(&b'\n')
    }

    /// Takes the first message. `None` if its line is not complete.
    ///
    /// # Errors
    /// The line is not such a message, or longer than `max_length`.
    pub(crate) fn next<T: DeserializeOwned>(&mut self, max_length: usize) -> io::Result<Option<T>> {
        let mut unscanned = self.bytes[self.scanned..].iter();
        let Some(end) = unscanned.position(|&byte| byte == b'\n') else {
            self.scanned = self.bytes.len();
            if self.scanned > max_length {
                let why = format!("a line is longer than {max_length} bytes");
                return Err(io::Error::new(ErrorKind::InvalidData, why));
            }
            return Ok(None);
        };
        let line: Vec<u8> = self.bytes.drain(..=self.scanned + end).collect();
        self.scanned = 0;
        Ok(Some(serde_json::from_slice(&line)?))
    }
}

/// A message as a line.
pub(crate) fn encode(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}
