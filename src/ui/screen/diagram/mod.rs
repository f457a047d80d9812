//! What happened lately as a space-time diagram, in plain data and no ink yet: a
//! line a member, downwards; a row an event of this node, or a datagram that it
//! sent. It is drawn from what this node alone knows: of the others there is
//! only what they say.

mod rows;
#[cfg(test)]
pub(super) mod staged;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use crate::engine::NodeEvent;
use crate::group::Group;
use crate::mutex::{Incarnation, LockName, NodeId, State};
use crate::narrate::Tone;
use crate::printable::Printable;
use crate::protocol::Member;
use crate::trace::Phase;

/// How many rows are kept: more than a screen shows.
const MOST_ROWS: usize = 200;

/// How many rows of no effect are kept in a row: enough for every peer of an
/// ordinary group to ask again.
const MOST_IDLE: usize = 12;

/// The last events of a node.
#[derive(Debug)]
pub(super) struct LiveDiagram {
    /// Whose.
    pub(super) own: NodeId,
    /// Where each member listens: the first is member 1.
    addresses: Vec<SocketAddr>,
    /// The run of each peer, as far as it is known.
    runs: BTreeMap<NodeId, Incarnation>,
    /// The oldest first.
    pub(super) rows: VecDeque<Row>,
    /// After the last row.
    pub(super) now: LineState,
}

/// One line of the diagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The clock after it; none of what belongs to the event of the row above,
    /// and of what is no event for the clock.
    pub(super) clock: Option<u64>,
    /// What was sent or arrived.
    pub(super) arrow: Option<Arrow>,
    /// What else is to be said: safe to show.
    pub(super) note: String,
    /// How it is meant.
    pub(super) tone: Tone,
    /// How often it happened, with nothing of any effect in between.
    pub(super) times: u32,
    /// The peer of which another run begins.
    pub(super) begins: Option<NodeId>,
    /// How the lines go on from here.
    pub(super) standing: LineState,
}

/// Where a node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineState {
    pub(super) clock: u64,
    /// FREE, WAIT or HELD.
    pub(super) phase: Phase,
    /// Who waits for our reply.
    pub(super) deferred: BTreeSet<NodeId>,
}

/// A datagram; or the same to several members, sent in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrow {
    /// Away from us, or to us.
    pub(super) is_sent: bool,
    /// To whom, or from whom; nobody, of one from outside.
    pub(super) peers: BTreeSet<NodeId>,
    pub(super) kind: ArrowKind,
    /// What it is, and its clock: `req 5`.
    pub(super) label: String,
    /// It was sent before.
    pub(super) is_repeated: bool,
    /// It was dropped, or could not be sent.
    pub(super) is_lost: bool,
}

/// What an arrow asks for or gives.
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
    /// Something has happened, and comes after all that was told before.
    pub(super) fn happened(&mut self, what: &NodeEvent<'_>) {
        match what {
            NodeEvent::Began { group, .. } => self.began(group),
            NodeEvent::Handled {
                event,
                outcome,
                member,
            } => {
                let before = std::mem::replace(&mut self.now, LineState::of(member));
                let rows = match outcome {
                    Ok(effects) => self.handled(event, effects, member, before.clock),
                    Err(rejected) => self.rejected(event, *rejected).into_iter().collect(),
                };
                for mut row in rows {
                    // A repetition is no event for the clock.
                    if !row.has_effect() && self.now.clock == before.clock {
                        row.clock = None;
                    }
                    self.push(row);
                }
            }
            NodeEvent::Dropped { source, reason, .. } => {
                let note = format!("dropped: {}", reason.cause());
                self.lost(false, *source, Tone::Trouble, note);
            }
            NodeEvent::NotSent { address, error } => {
                let note = format!("not sent: {}", Printable::new(error.to_string().as_bytes()));
                self.lost(true, *address, Tone::Trouble, note);
            }
            NodeEvent::DroppedMore(more) => {
                self.push(Row {
                    times: u32::try_from(*more).unwrap_or(u32::MAX),
                    ..self.row(Tone::Trouble, "dropped more")
                });
            }
            NodeEvent::SectionUnreachable { .. } => {
                self.push(self.row(Tone::Trouble, "nobody at the section"));
            }
            NodeEvent::Drops(_) | NodeEvent::StillWaiting(_) | NodeEvent::TraceEnds { .. } => {}
        }
    }

    /// How many members there are.
    pub(super) fn members(&self) -> u16 {
        u16::try_from(self.addresses.len()).unwrap_or(u16::MAX)
    }

    fn began(&mut self, group: &Group) {
        self.own = group.id;
        self.addresses.clone_from(&group.members);
    }

    /// The oldest gives way. What has no effect, and has happened since
    /// something had one, is only counted, or repetitions would drive out the
    /// rest. What follows the start of another run is told behind that.
    fn push(&mut self, row: Row) {
        let latest = self.rows.iter_mut().rev();
        let is_open = |other: &&mut Row| {
            !other.has_effect() && (other.begins.is_none() || row.begins.is_some())
        };
        if !row.has_effect()
            && let Some(same) = latest.take_while(is_open).find(|other| other.is_like(&row))
        {
            same.times = same.times.saturating_add(row.times);
            return;
        }
        let latest = self.rows.iter().rev();
        let idle = latest.take_while(|other| !other.has_effect()).count();
        if !row.has_effect() && idle == MOST_IDLE {
            self.rows.remove(self.rows.len() - idle);
        }
        if self.rows.len() == MOST_ROWS {
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

    fn event(&self, note: impl Into<String>) -> Row {
        Row {
            clock: Some(self.now.clock),
            ..self.row(Tone::Ordinary, note)
        }
    }

    fn lost(&mut self, is_sent: bool, address: SocketAddr, tone: Tone, note: String) {
        let place = self.addresses.iter().position(|member| *member == address);
        let id = place.and_then(|place| u16::try_from(place + 1).ok());
        let peer = id.map(NodeId).filter(|id| *id != self.own);
        let arrow = Arrow {
            is_sent,
            peers: peer.into_iter().collect(),
            kind: ArrowKind::Request,
            label: String::new(),
            is_repeated: false,
            is_lost: true,
        };
        self.push(Row {
            arrow: Some(arrow),
            ..self.row(tone, note)
        });
    }
}

impl Row {
    /// Whether anything is different after it.
    fn has_effect(&self) -> bool {
        !matches!(self.tone, Tone::Ignored | Tone::Trouble)
    }

    /// Whether it tells the same, however often.
    fn is_like(&self, other: &Row) -> bool {
        (self.clock, self.tone, self.begins) == (other.clock, other.tone, other.begins)
            && self.arrow == other.arrow
            && self.note == other.note
            && self.standing == other.standing
    }
}

impl LineState {
    /// Of the seed's lock, which is the one that a process takes part in.
    fn of(member: &Member) -> Self {
        let lock = LockName::default();
        LineState {
            clock: member.clock(),
            phase: match member.state(&lock) {
                State::Free => Phase::Free,
                State::Wait { .. } => Phase::Wait,
                State::Held { .. } => Phase::Held,
            },
            deferred: member
                .reply_queue(&lock)
                .iter()
                .map(|deferred| deferred.request.id)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
