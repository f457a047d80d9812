//! A row of the diagram of a group: the state of every member, and what happened.

use crate::mutex::NodeId;
use crate::narrate::Tone;

/// One line of the diagram.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// The state of each member from this row on, member 1 first.
    pub(super) lanes: Vec<Lane>,
    /// What happened, in signs.
    pub(super) mark: Mark,
    /// What happened, in words; it begins with the member.
    pub(super) text: String,
    /// What it means.
    pub(super) tone: Tone,
}

/// The state of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Down,
    Free,
    Wait,
    Held,
}

/// What happened, in signs.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// Nothing: the row goes on with the one above.
    None,
    /// A member did something by itself.
    At(NodeId),
    Crash(NodeId),
    Start(NodeId),
    /// A datagram arrived, or was lost.
    Arrow {
        from: NodeId,
        to: NodeId,
        /// `req 2`.
        label: String,
        is_request: bool,
        is_lost: bool,
    },
}

/// The mark of a datagram with this head, `req<2,1>`.
pub(super) fn arrow(head: &str, from: NodeId, to: NodeId, is_lost: bool) -> Mark {
    let (kind, rest) = head.split_once('<').unwrap_or((head, ""));
    let clock = rest.split(',').next().unwrap_or("");
    Mark::Arrow {
        from,
        to,
        label: match (kind, clock) {
            ("req", "0") => "hello".to_owned(),
            _ => format!("{kind} {clock}"),
        },
        is_request: kind == "req",
        is_lost,
    }
}
