//! The lines of a trace as data: the format, version 1.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::view_record::ViewRecord;

/// The version of the format. A reader refuses any other.
pub const VERSION: u32 = 1;

/// The first line of a file: which member and which of its runs wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`VERSION`].
    pub turno_trace: u32,
    /// The member.
    pub id: u16,
    /// The number of members in the group.
    pub members: u16,
    /// The run, 16 hexadecimal digits.
    pub run: String,
    /// The member's name, for drawings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Any other line: an event of the member and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The time: microseconds since 1970, or since the simulation began.
    pub at: u64,
    /// The event.
    pub event: EventKind,
    /// The message of [`EventKind::Received`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MessageRecord>,
    /// Why the event changed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
    /// The comparison of two requests that decided, as in `(3,2) < (5,1)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// The lock; `None` for the original's one lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The Lamport clock after the event.
    pub clock: u64,
    /// FREE, WAIT or HELD after the event.
    pub state: Phase,
    /// In WAIT, the clock of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// In HELD, the fencing token of the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<u64>,
    /// In WAIT and HELD: the request or the entry is shared.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub shared: bool,
    /// The requests whose replies are deferred after the event, as (clock, id).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queue: Vec<(u64, u16)>,
    /// The messages that were sent, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<MessageRecord>,
    /// With failover: the view and the lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<ViewRecord>,
}

impl Record {
    /// The clock of the request in WAIT, the token in HELD.
    pub fn number(&self) -> Option<u64> {
        match self.state {
            Phase::Free => None,
            Phase::Wait => self.request,
            Phase::Held => self.token,
        }
    }
}

/// What can happen to a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The run begins.
    Start,
    /// A local caller wants the critical section.
    Acquire,
    /// The local caller cancels its request.
    Cancel,
    /// The local holder leaves the critical section.
    Release,
    /// The local holder stays: tries that wait for it are refused.
    Deny,
    /// The holder's process gets tokens for further entries.
    #[serde(rename = "lend")]
    Delegate,
    /// An entry of an earlier run continues.
    Resume,
    /// The clock ticks, with no further meaning.
    Tick,
    /// A message arrives.
    Received,
    /// A timer is due: to send again, or to stop waiting.
    Timer,
    /// A message about views arrives, or its timer is due.
    View,
    /// The run is about to end.
    End,
}

/// FREE, WAIT or HELD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Phase {
    /// The member does not want the critical section.
    Free,
    /// The member has sent its request and waits for replies.
    Wait,
    /// The member is in the critical section.
    Held,
}

/// A message, sent or received.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageRecord {
    /// The sender of a received message, the receiver of a sent one.
    pub peer: u16,
    /// Its kind.
    pub kind: MessageKind,
    /// The clock in its head.
    pub clock: u64,
    /// In an answer, the clock of the request that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<u64>,
    /// The lock; `None` for the original's one lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The sender's run; `None` for a process of the original.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// The kinds of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// Asks for the critical section.
    Request,
    /// Permission.
    Reply,
    /// Refuses a try.
    Note,
    /// The request is void: the sender of it must request again.
    #[serde(rename = "overtaken")]
    Superseded,
    /// Asks for the receiver's clock.
    Hello,
    /// The answer to a hello.
    Welcome,
}

impl MessageKind {
    /// Whether it concerns no lock: a hello or a welcome.
    pub fn is_clock_sync(self) -> bool {
        matches!(self, MessageKind::Hello | MessageKind::Welcome)
    }

    /// Whether it asks for an answer.
    pub fn is_question(self) -> bool {
        matches!(self, MessageKind::Request | MessageKind::Hello)
    }

    /// The part of the datagram that a process of the original reads: `req<5,3>`.
    pub fn head(self, clock: u64, from: u16) -> String {
        let word = match self {
            MessageKind::Note => "note",
            kind if kind.is_question() => "req",
            _ => "reply",
        };
        format!("{word}<{clock},{from}>")
    }
}

impl MessageRecord {
    /// The head of this message that was received.
    pub(crate) fn received_head(&self) -> String {
        self.kind.head(self.clock, self.peer)
    }
}

impl Header {
    /// The name of the run's file.
    pub fn file_name(&self) -> String {
        format!("node-{}-{}.jsonl", self.id, self.run)
    }
}
