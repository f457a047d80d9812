//! `cs<clock,id>(text)`: what the holder writes to the critical section.

use super::Malformed;
use crate::mutex::Timestamp;

/// The original's text on entering.
pub const BEGINS: &str = "interaction with cs begins";

/// The original's text on leaving.
pub const ENDS: &str = "interaction with cs ends";

/// A message of the holder to the critical section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionMessage {
    /// The holder and its clock at that moment. The clock of an entry's first message is
    /// the entry's fencing token.
    pub stamp: Timestamp,
    /// The text. It comes from the network, so it is escaped before it is shown.
    pub text: Vec<u8>,
}

impl SectionMessage {
    /// The datagram.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut datagram = format!("cs<{},{}>(", self.stamp.clock, self.stamp.id).into_bytes();
        datagram.extend_from_slice(&self.text);
        datagram.push(b')');
        datagram
    }
}

/// The text between the first parenthesis and the last: it may contain others. A line
/// end after it is skipped.
pub(super) fn decode_text(rest: &[u8]) -> Result<Vec<u8>, Malformed> {
    rest.trim_ascii_end()
        .strip_prefix(b"(")
        .and_then(|rest| rest.strip_suffix(b")"))
        .map(<[u8]>::to_vec)
        .ok_or(Malformed("what follows its head is not (text)"))
}
