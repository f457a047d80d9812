//! What follows the head of a datagram that says that its sender is up.

use std::time::Duration;

use super::tail;
use super::{Datagram, GroupDigest, Malformed};
use crate::mutex::{Incarnation, NodeId, Timestamp};

/// When the sender of a datagram last heard its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Not in its run.
    Never,
    /// So many milliseconds ago.
    MillisAgo(u64),
}

impl Heard {
    /// How long ago. `None`: never.
    #[must_use]
    pub fn ago(self) -> Option<Duration> {
        match self {
            Heard::Never => None,
            Heard::MillisAgo(ms) => Some(Duration::from_millis(ms)),
        }
    }
}

pub(super) fn decode(stamp: Timestamp, rest: &[u8]) -> Result<Datagram, Malformed> {
    let tail = tail::decode_plain(rest)?;
    let heard = |ms: Option<u64>| ms.map_or(Heard::Never, Heard::MillisAgo);
    Ok(Datagram::Up {
        from: stamp.id,
        incarnation: Incarnation(tail.incarnation.0),
        count: stamp.clock,
        leaves: tail.leaves.unwrap_or(false),
        heard: tail.heard.map(heard),
        group: GroupDigest(tail.group.0),
    })
}

/// The text of a datagram that says that the sender is up, without a signature. `count`
/// counts them in the sender's run.
#[must_use]
pub fn encode_up(
    from: NodeId,
    incarnation: Incarnation,
    count: u64,
    leaves: bool,
    heard: Option<Heard>,
    group: GroupDigest,
) -> String {
    let mut text = tail::begun(("up", count, from), incarnation, group);
    if leaves {
        text.push_str(",\"leaves\":true");
    }
    match heard {
        Some(Heard::MillisAgo(ms)) => {
            text.push_str(",\"heard?\":");
            text.push_str(&ms.to_string());
        }
        Some(Heard::Never) => text.push_str(",\"heard?\":null"),
        None => {}
    }
    text.push('}');
    text
}
