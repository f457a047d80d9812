//! The recent past as a space-time diagram in plain data: a vertical line a member; a
//! row an event of this node, or a datagram that it sent. It shows what this node
//! knows: of its peers, only their messages.

mod rows;
#[cfg(test)]
pub(super) mod staged;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use crate::engine::NodeEvent;
use crate::mutex::{LockName, NodeId, State};
use crate::narrate::{Account, Tone};
use crate::printable::Printable;
use crate::protocol::Member;
use crate::trace::Phase;

/// How many rows are kept: more than a screen shows.
const MAX_ROWS: usize = 200;

/// How many rows without effect are kept one after another: enough for every peer of an
/// ordinary group to ask again.
const MAX_IDLE: usize = 12;

/// The latest events of a node.
#[derive(Debug)]
pub(super) struct LiveDiagram {
    /// The node.
    pub(super) own: NodeId,
    /// Where each member is sent to, member 1 first.
    addresses: Vec<Option<SocketAddr>>,
    /// The known run of each peer.
    runs: BTreeMap<NodeId, String>,
    /// The oldest first.
    pub(super) rows: VecDeque<Row>,
    /// The state after the last row.
    pub(super) now: LineState,
}

/// One line of the diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The clock after the event; `None` if the row belongs to the event of the row
    /// above, or the event does not concern the clock.
    pub(super) clock: Option<u64>,
    /// The datagram that was sent or arrived.
    pub(super) arrow: Option<Arrow>,
    /// What the arrow does not show: safe to print.
    pub(super) note: String,
    /// What it means for the user.
    pub(super) tone: Tone,
    /// How often it happened without an event of any effect in between.
    pub(super) times: u32,
    /// The peer whose new run begins.
    pub(super) begins: Option<NodeId>,
    /// The state from this row on.
    pub(super) standing: LineState,
}

/// The state of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineState {
    pub(super) clock: u64,
    /// FREE, WAIT or HELD.
    pub(super) phase: Phase,
    /// The peers that wait for our reply.
    pub(super) deferred: BTreeSet<NodeId>,
}

/// A datagram, or the same datagram to several members, sent by one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    /// Whether this node sent it.
    pub(super) is_sent: bool,
    /// The receivers, or the sender; empty if that is no member.
    pub(super) peers: BTreeSet<NodeId>,
    pub(super) kind: ArrowKind,
    /// Its kind and its clock: `req 5`.
    pub(super) label: String,
    /// Whether it was sent before.
    pub(super) is_repeated: bool,
    /// Whether it was dropped, or could not be sent.
    pub(super) is_lost: bool,
}

/// Whether an arrow asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArrowKind {
    /// Asks for permission, or for a clock.
    Request,
    /// Answers that.
    Reply,
}

impl Default for LiveDiagram {
    fn default() -> Self {
        LiveDiagram {
            own: NodeId(1),
            addresses: Vec::new(),
            runs: BTreeMap::new(),
            rows: VecDeque::new(),
            now: LineState {
                clock: 1,
                phase: Phase::Free,
                deferred: BTreeSet::new(),
            },
        }
    }
}

impl LiveDiagram {
    /// Adds an event after all earlier ones.
    pub(super) fn happened(&mut self, what: &NodeEvent<'_>) {
        match what {
            NodeEvent::Began { group, .. } => {
                self.own = group.id;
                self.addresses.clone_from(&group.members);
            }
            NodeEvent::Handled {
                event,
                outcome,
                member,
            } => {
                let before = std::mem::replace(&mut self.now, LineState::of(member));
                let Some(account) = Account::new(event, *outcome, member) else {
                    return;
                };
                for mut row in self.rows_of(&account, before.clock) {
                    // A repetition does not concern the clock.
                    if !row.has_effect() && self.now.clock == before.clock {
                        row.clock = None;
                    }
                    self.push(row);
                }
            }
            NodeEvent::Dropped { source, reason, .. } => {
                let note = format!("dropped: {}", reason.cause());
                self.add_lost(false, *source, note);
            }
            NodeEvent::NotSent { address, error } => {
                let note = format!("not sent: {}", Printable::new(error.to_string().as_bytes()));
                self.add_lost(true, *address, note);
            }
            NodeEvent::Moved { group, .. } => self.addresses.clone_from(&group.members),
            NodeEvent::DroppedMore(more) => {
                let times = u32::try_from(*more).unwrap_or(u32::MAX);
                let row = self.row(Tone::Trouble, "dropped more");
                self.push(Row { times, ..row });
            }
            NodeEvent::SectionUnreachable { .. } => {
                self.push(self.row(Tone::Trouble, "section unreachable"));
            }
            NodeEvent::Drops(_) | NodeEvent::StillWaiting(_) | NodeEvent::TraceEnds { .. } => {}
        }
    }

    /// The number of members.
    pub(super) fn members(&self) -> u16 {
        u16::try_from(self.addresses.len()).unwrap_or(u16::MAX)
    }

    /// Adds a row and drops the oldest. A row without effect that is like one since the
    /// last effect is only counted: repetitions would drive out the rest. Rows after
    /// the restart of a peer stay behind it.
    fn push(&mut self, row: Row) {
        let latest = self.rows.iter_mut().rev();
        let is_open = |other: &&mut Row| {
            !other.has_effect() && (other.begins.is_none() || row.begins.is_some())
        };
        if !row.has_effect() {
            if let Some(same) = latest.take_while(is_open).find(|other| other.is_like(&row)) {
                same.times = same.times.saturating_add(row.times);
                return;
            }
            let latest = self.rows.iter().rev();
            let idle = latest.take_while(|other| !other.has_effect()).count();
            if idle == MAX_IDLE {
                self.rows.remove(self.rows.len() - idle);
            }
        }
        if self.rows.len() == MAX_ROWS {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
    }

    fn row(&self, tone: Tone, note: impl Into<String>) -> Row {
        Row {
            clock: None,
            arrow: None,
            note: note.into(),
            tone,
            times: 1,
            begins: None,
            standing: self.now.clone(),
        }
    }

    fn event(&self, tone: Tone, note: String) -> Row {
        let (clock, row) = (Some(self.now.clock), self.row(tone, note));
        Row { clock, ..row }
    }

    /// Adds a datagram that was dropped or could not be sent, to or from this address.
    fn add_lost(&mut self, is_sent: bool, address: SocketAddr, note: String) {
        let members = (1..).map(NodeId).zip(&self.addresses);
        let peers = members.filter(|(id, member)| **member == Some(address) && *id != self.own);
        let arrow = Some(Arrow {
            is_sent,
            peers: peers.map(|(id, _)| id).take(1).collect(),
            kind: ArrowKind::Request,
            label: String::new(),
            is_repeated: false,
            is_lost: true,
        });
        let row = self.row(Tone::Trouble, note);
        self.push(Row { arrow, ..row });
    }
}

impl Row {
    /// Whether it changed anything.
    fn has_effect(&self) -> bool {
        !matches!(self.tone, Tone::Ignored | Tone::Trouble)
    }

    /// Whether it shows the same, however often that happened.
    fn is_like(&self, other: &Row) -> bool {
        (self.clock, self.tone, self.begins) == (other.clock, other.tone, other.begins)
            && self.arrow == other.arrow
            && self.note == other.note
            && self.standing == other.standing
    }
}

impl LineState {
    /// The state for the original's lock, which is the one that a process takes.
    fn of(member: &Member) -> Self {
        let lock = LockName::default();
        let queue = member.reply_queue(&lock).iter();
        LineState {
            clock: member.clock(),
            phase: match member.state(&lock) {
                State::Free => Phase::Free,
                State::Wait { .. } => Phase::Wait,
                State::Held { .. } => Phase::Held,
            },
            deferred: queue.map(|deferred| deferred.request.id).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
