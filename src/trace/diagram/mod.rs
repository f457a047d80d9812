//! A history as a space-time diagram in plain data: a horizontal line a node, an arrow
//! a datagram, bars for WAIT, HELD and deferred replies.
//!
//! ```text
//! History, View ─ layout ─> lanes, arrows ─> Diagram
//! ```

mod arrows;
mod axis;
mod lanes;
mod layout;
mod views;

use std::collections::{BTreeSet, HashMap};

use super::history::{EventId, EventLabel};
use super::record::{MessageKind, Phase};
use super::view_record::Number;

/// Which part of a history is drawn, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Place events by the clocks of the machines, not by happened-before.
    pub by_time: bool,
    /// Nothing earlier: microseconds after the first event.
    pub from: Option<u64>,
    /// Nothing later: microseconds after the first event.
    pub to: Option<u64>,
    /// The nodes; empty for all.
    pub nodes: BTreeSet<u16>,
    /// The locks, each with lanes of its own; the empty name is the original's one lock,
    /// and an empty list means that one.
    pub locks: Vec<String>,
}

impl View {
    fn locks(&self) -> &[String] {
        const NAMELESS: &[String] = &[String::new()];
        if self.locks.is_empty() {
            NAMELESS
        } else {
            &self.locks
        }
    }

    fn has(&self, id: u16) -> bool {
        self.nodes.is_empty() || self.nodes.contains(&id)
    }
}

/// The position of each event that is drawn.
type Positions = HashMap<EventId, f64>;

/// A diagram. Its unit of length is the distance from one event to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagram {
    /// The nodes, from top to bottom, once for each lock.
    pub lanes: Vec<Lane>,
    /// The datagrams.
    pub arrows: Vec<Arrow>,
    /// The entries in a view without the node of the entry before.
    pub takeovers: Vec<Takeover>,
    /// Its length.
    pub length: f64,
    /// The locks, in the order of their lanes; the empty name is the original's one lock.
    pub locks: Vec<String>,
    /// The marks of the time axis, if events are placed by time.
    pub axis: Vec<Tick>,
}

/// A mark of the time axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub at: f64,
    /// The time after the first event of the trace: `1.5 s`.
    pub text: String,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane {
    /// The index of its lock in [`Diagram::locks`].
    pub lock: usize,
    /// The member.
    pub id: u16,
    /// Its name, if its trace has one.
    pub name: Option<String>,
    /// Where each of its runs begins and ends, and whether it crashed then.
    pub runs: Vec<(f64, f64, bool)>,
    /// WAIT and HELD.
    pub states: Vec<StateSpan>,
    /// Its events.
    pub dots: Vec<Dot>,
    /// The replies that it deferred.
    pub deferrals: Vec<Deferral>,
    /// With failover: the views that it was in.
    pub bands: Vec<Band>,
    /// With failover: its votes, joins and lapses.
    pub marks: Vec<Mark>,
}

/// A span in which a node was in one view, with or without a lease.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    pub from: f64,
    pub to: f64,
    pub view: Number,
    /// The members of the view.
    pub members: Vec<u16>,
    pub is_leased: bool,
    /// The event that it begins with.
    pub event: EventLabel,
}

/// What a node did about views at an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MarkKind {
    Vote,
    Join,
    /// Its lease ended.
    Lapse,
}

/// A vote, a join or a lapse.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub at: f64,
    pub kind: MarkKind,
    /// The view's number.
    pub number: String,
    pub event: EventLabel,
}

/// An entry in a view without the node of the entry before: the lanes and positions of the
/// end and of the beginning.
#[derive(Clone, Debug, PartialEq)]
pub struct Takeover {
    pub from: (usize, f64),
    pub to: (usize, f64),
    /// The event that it begins with.
    pub event: EventLabel,
}

/// A span in which a node was in one state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSpan {
    pub from: f64,
    pub to: f64,
    /// WAIT or HELD.
    pub phase: Phase,
    /// Whether the request or the entry is shared.
    pub is_shared: bool,
    /// The request's clock, or the token.
    pub number: Option<u64>,
    /// What is written into its bar: the token.
    pub label: String,
    /// The event that it begins with.
    pub event: EventLabel,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    pub at: f64,
    pub event: EventLabel,
    /// What is written above it: the clock after it.
    pub label: String,
    /// The event in words, without its clock.
    pub text: String,
}

/// A deferred reply, from the arrival of the request to the reply.
#[derive(Clone, Debug, PartialEq)]
pub struct Deferral {
    pub from: f64,
    /// Its end; the end of the run if no reply was sent.
    pub to: f64,
    /// Its row among those that overlap, from 0.
    pub row: usize,
    /// The sender of the request.
    pub peer: u16,
    /// The comparison that decided.
    pub because: String,
    /// The arrival of the request.
    pub event: EventLabel,
}

/// A datagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrow {
    /// The index of the sender's lane.
    pub from: usize,
    /// The index of the receiver's lane.
    pub to: usize,
    /// Whether it did not arrive.
    pub is_lost: bool,
    /// Request, reply, or another kind.
    pub kind: MessageKind,
    /// Whether it had arrived there before.
    pub is_repeated: bool,
    /// Its text: `req<5,3>`.
    pub text: String,
    /// Where it was sent and by which event, if that is drawn.
    pub sent: Option<(f64, EventLabel)>,
    /// Where it arrived and by which event, if that is drawn.
    pub received: Option<(f64, EventLabel)>,
}
