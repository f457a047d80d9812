//! A history as a space-time diagram, in plain data: where everything goes, and
//! no ink yet. A line a node, from left to right; an arrow a datagram; bars for
//! WAIT, HELD and what is deferred.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::event::{Event, EventId, EventLabel, NameId};
use super::history::History;
use super::reader::TraceError;
use super::record::{EventKind, MessageKind, Phase, Record};

/// Which part of a history is drawn, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// By the clocks of the machines, and not by what happened before what.
    pub by_time: bool,
    /// Nothing before this: microseconds after the first event.
    pub from: Option<u64>,
    /// Nothing after this.
    pub to: Option<u64>,
    /// Only these nodes; all, if there are none.
    pub nodes: BTreeSet<u16>,
    /// Only this lock; the original's one is the empty one.
    pub lock: String,
}

/// A diagram. Lengths are in units of its own: one from an event to the next.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagram {
    /// The nodes, from top to bottom.
    pub lanes: Vec<Lane>,
    /// The datagrams.
    pub arrows: Vec<Arrow>,
    /// How long it is.
    pub length: f64,
    /// The lock; empty for the original's one.
    pub lock: String,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lane {
    /// Which.
    pub id: u16,
    /// Its runs: from where to where it was there.
    pub runs: Vec<(f64, f64, Ending)>,
    /// WAIT and HELD.
    pub stays: Vec<StateSpan>,
    /// Its events.
    pub dots: Vec<Dot>,
    /// What it deferred.
    pub deferrals: Vec<Deferral>,
}

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It goes on beyond the diagram.
    GoesOn,
    /// Another run of the node follows.
    Crashed,
}

/// From where to where a node was in a state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateSpan {
    /// From.
    pub from: f64,
    /// To.
    pub to: f64,
    /// WAIT or HELD.
    pub phase: Phase,
    /// The request's clock, or the token.
    pub number: Option<u64>,
    /// The event that it begins with.
    pub event: EventLabel,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// Where.
    pub at: f64,
    /// Which it is.
    pub event: EventLabel,
    /// The clock after it.
    pub clock: u64,
    /// All of it, to be read.
    pub text: String,
}

/// A reply deferred: from the request's arrival to the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Deferral {
    /// From.
    pub from: f64,
    /// To; the end of the run, if it was never answered.
    pub to: f64,
    /// Which of those that overlap, from 0.
    pub row: usize,
    /// Whose request it is.
    pub peer: u16,
    /// Why.
    pub because: String,
    /// The arrival of the request.
    pub event: EventLabel,
}

/// A datagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrow {
    /// Which lane it leaves from, and where, if that is drawn.
    pub from: (usize, Option<f64>),
    /// Which lane it goes to, and where it arrives, if that is drawn.
    pub to: (usize, Option<f64>),
    /// It did not arrive.
    pub is_lost: bool,
    /// Its kind.
    pub kind: MessageKind,
    /// It had arrived there before.
    pub is_repeated: bool,
    /// Its text: `req<5,3>`.
    pub text: String,
    /// The event that sent it, if that is drawn.
    pub sent: Option<EventLabel>,
    /// The event that is its arrival.
    pub received: Option<EventLabel>,
}

impl Diagram {
    /// Lays out a part of a history. Only what is drawn is read again.
    ///
    /// # Errors
    /// [`TraceError`]: the files cannot be read any more.
    pub fn new(history: &History, view: &View) -> Result<Self, TraceError> {
        let shown = shown(history, view);
        let (positions, length) = positions(history, &shown, view);
        let all: BTreeSet<u16> = (1..=history.members()).collect();
        let ids = if view.nodes.is_empty() {
            &all
        } else {
            &view.nodes
        };
        let lane_of: BTreeMap<u16, usize> = ids.iter().copied().zip(0..).collect();
        let mut lanes: Vec<Lane> = ids
            .iter()
            .map(|id| Lane {
                id: *id,
                ..Lane::default()
            })
            .collect();
        let mut of_run: BTreeMap<usize, Vec<EventId>> = BTreeMap::new();
        for place in shown {
            let run = history.name(place).run;
            of_run.entry(run).or_default().push(place);
        }
        for (run, header) in history.runs.iter().map(|run| &run.header).enumerate() {
            let Some(lane) = lane_of.get(&header.id) else {
                continue;
            };
            let is_of_node = |run: usize| {
                let other = history.runs.get(run);
                other.is_some_and(|other| other.header.id == header.id)
            };
            let is_begun = run.checked_sub(1).is_some_and(is_of_node);
            let mut events = Vec::new();
            for place in of_run.remove(&run).unwrap_or_default() {
                let name = history.name(place);
                events.push((positions[&place], name, history.record(place)?));
            }
            let course = Course {
                events,
                begins: if is_begun { None } else { Some(0.0) },
                ending: if is_of_node(run + 1) {
                    Ending::Crashed
                } else {
                    Ending::GoesOn
                },
                length,
                lock: &view.lock,
            };
            course.draw(&mut lanes[*lane]);
        }
        Ok(Diagram {
            lanes,
            arrows: arrows(history, &positions, &lane_of, view),
            length,
            lock: view.lock.clone(),
        })
    }
}

/// The events that are drawn, in order: of this lock, of these nodes, in this
/// window; without timers that sent nothing, and greetings, but for those by which
/// the last clock was heard, so that requests went out.
fn shown(history: &History, view: &View) -> Vec<EventId> {
    let times = history.order.iter().map(|place| history.event(*place).at);
    let begins = times.min().unwrap_or(0);
    let lock = history.known_lock(&view.lock);
    let greeted = greeted(history, lock);
    let is_shown = |place: &&EventId| {
        let event = history.event(**place);
        let since = event.at.saturating_sub(begins);
        (view.nodes.is_empty() || view.nodes.contains(&event.id))
            && view.from.is_none_or(|from| since >= from)
            && view.to.is_none_or(|to| since <= to)
            && (is_of(event, lock) || greeted.contains(*place))
    };
    history.order.iter().filter(is_shown).copied().collect()
}

/// The arrivals of greetings at which something about this lock was sent.
fn greeted(history: &History, lock: Option<NameId>) -> HashSet<EventId> {
    let of_lock = history
        .datagrams
        .iter()
        .filter(|datagram| !datagram.kind.is_greeting() && Some(datagram.lock) == lock);
    let sent = of_lock.filter_map(|datagram| datagram.sent);
    let is_greeted = |place: &EventId| {
        let received = history.event(*place).received;
        received.is_some_and(MessageKind::is_greeting)
    };
    sent.filter(is_greeted).collect()
}

fn is_of(event: &Event, lock: Option<NameId>) -> bool {
    let is_this_lock = Some(event.lock) == lock;
    match (event.occasion, event.received) {
        (EventKind::Start, _) => false,
        (EventKind::Tick, _) => true,
        (EventKind::Received, Some(kind)) => is_this_lock && !kind.is_greeting(),
        (EventKind::Timer, _) => is_this_lock && event.has_sent,
        _ => is_this_lock,
    }
}

/// Where each event goes: by time, or as far to the right as what happened before
/// it demands, and the sending that its arrow is drawn from.
fn positions(history: &History, shown: &[EventId], view: &View) -> (HashMap<EventId, f64>, f64) {
    let mut positions: HashMap<EventId, f64> = HashMap::with_capacity(shown.len());
    if view.by_time {
        let at = |place: &EventId| history.event(*place).at;
        let times = || shown.iter().map(at);
        let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
        // As long as by order, on average.
        let length = shown.len() as f64 + 1.0;
        let scale = (length - 2.0).max(0.0) / (last - first).max(1) as f64;
        for place in shown {
            positions.insert(*place, 1.0 + (at(place) - first) as f64 * scale);
        }
        return (positions, length);
    }
    let is_shown: HashSet<EventId> = shown.iter().copied().collect();
    let datagrams = history.datagrams.iter();
    let sent_at: HashMap<EventId, EventId> = datagrams
        .filter_map(|datagram| Some((datagram.received?, datagram.sent?)))
        .filter(|(received, _)| is_shown.contains(received))
        .collect();
    let mut of_node: BTreeMap<u16, f64> = BTreeMap::new();
    let mut farthest: f64 = 0.0;
    for place in shown {
        let sent = sent_at.get(place).and_then(|sent| positions.get(sent));
        let own = of_node.entry(history.event(*place).id).or_default();
        let at = own.max(sent.copied().unwrap_or(0.0)) + 1.0;
        *own = at;
        farthest = farthest.max(at);
        positions.insert(*place, at);
    }
    (positions, farthest + 1.0)
}

/// One run of a node, as far as it is drawn.
struct Course<'a> {
    events: Vec<(f64, EventLabel, Record)>,
    /// Where its line begins; none: at its first event.
    begins: Option<f64>,
    ending: Ending,
    length: f64,
    lock: &'a str,
}

impl Course<'_> {
    fn draw(&self, lane: &mut Lane) {
        let first = self.events.first().map(|(at, ..)| *at - 0.5);
        let last = self.events.last().map(|(at, ..)| *at + 0.5);
        let begins = self.begins.or(first);
        let ends = match self.ending {
            Ending::GoesOn => Some(self.length),
            Ending::Crashed => last,
        };
        let (Some(begins), Some(ends)) = (begins, ends) else {
            return;
        };
        lane.runs.push((begins, ends, self.ending));
        let mut stay: Option<StateSpan> = None;
        let mut open: Vec<(u64, Deferral)> = Vec::new();
        for (at, event, record) in &self.events {
            lane.dots.push(Dot {
                at: *at,
                event: *event,
                clock: record.clock,
                text: told(record),
            });
            if record.lock.as_deref().unwrap_or_default() != self.lock {
                continue;
            }
            self.follow_state((*at, *event, record), &mut stay, lane);
            follow_queue((*at, *event, record), &mut open, lane);
        }
        if let Some(mut stay) = stay {
            stay.to = ends;
            lane.stays.push(stay);
        }
        for (_, mut deferral) in open {
            deferral.to = ends;
            lane.deferrals.push(deferral);
        }
    }

    fn follow_state(
        &self,
        (at, event, record): (f64, EventLabel, &Record),
        stay: &mut Option<StateSpan>,
        lane: &mut Lane,
    ) {
        let number = match record.state {
            Phase::Free => None,
            Phase::Wait => record.request,
            Phase::Held => record.token,
        };
        if let Some(before) = stay
            && (before.phase, before.number) == (record.state, number)
        {
            return;
        }
        if let Some(mut before) = stay.take() {
            before.to = at;
            lane.stays.push(before);
        }
        if record.state != Phase::Free {
            *stay = Some(StateSpan {
                from: at,
                to: at,
                phase: record.state,
                number,
                event,
            });
        }
    }
}

fn follow_queue(
    (at, event, record): (f64, EventLabel, &Record),
    open: &mut Vec<(u64, Deferral)>,
    lane: &mut Lane,
) {
    let is_in_queue = |clock: u64, peer: u16| record.queue.contains(&(clock, peer));
    open.retain_mut(|(clock, deferral)| {
        let goes_on = is_in_queue(*clock, deferral.peer);
        if !goes_on {
            deferral.to = at;
            lane.deferrals.push(deferral.clone());
        }
        goes_on
    });
    for (clock, peer) in &record.queue {
        if open.iter().any(|(of, d)| (of, &d.peer) == (clock, peer)) {
            continue;
        }
        let is_taken = |row: &usize| open.iter().any(|(_, deferral)| deferral.row == *row);
        let row = (0..).find(|row| !is_taken(row)).unwrap_or(0);
        open.push((
            *clock,
            Deferral {
                from: at,
                to: at,
                row,
                peer: *peer,
                because: record.because.clone().unwrap_or_default(),
                event,
            },
        ));
    }
}

fn arrows(
    history: &History,
    positions: &HashMap<EventId, f64>,
    lane_of: &BTreeMap<u16, usize>,
    view: &View,
) -> Vec<Arrow> {
    let lock = history.known_lock(&view.lock);
    let missing = history.missing();
    let mut arrows = Vec::new();
    for datagram in &history.datagrams {
        if datagram.kind.is_greeting() || Some(datagram.lock) != lock {
            continue;
        }
        let position = |place: EventId| Some((place, *positions.get(&place)?));
        let left = datagram.sent.and_then(position);
        let arrived = datagram.received.and_then(position);
        if arrived.is_none() && (left.is_none() || datagram.received.is_some()) {
            continue;
        }
        let (from, to) = (lane_of.get(&datagram.from), lane_of.get(&datagram.to));
        let (Some(from), Some(to)) = (from, to) else {
            continue;
        };
        arrows.push(Arrow {
            from: (*from, left.map(|(_, at)| at)),
            to: (*to, arrived.map(|(_, at)| at)),
            is_lost: datagram.received.is_none() && !missing.contains(&datagram.to),
            kind: datagram.kind,
            is_repeated: datagram.is_repeated,
            text: datagram.head(),
            sent: left.map(|(place, _)| history.name(place)),
            received: arrived.map(|(place, _)| history.name(place)),
        });
    }
    arrows
}

/// An event in words.
fn told(record: &Record) -> String {
    let mut told = match (&record.message, record.event) {
        (Some(said), _) => format!("{} received", said.kind.head(said.clock, said.peer)),
        (None, EventKind::Start) => "starts".to_owned(),
        (None, EventKind::Acquire) => "asks".to_owned(),
        (None, EventKind::Cancel) => "gives up".to_owned(),
        (None, EventKind::Release) => "leaves".to_owned(),
        (None, EventKind::Delegate) => "has tokens lent".to_owned(),
        (None, EventKind::Resume) => "an entry of an earlier run goes on".to_owned(),
        (None, EventKind::Tick) => "ticks".to_owned(),
        (None, EventKind::Timer | EventKind::Received) => "sends again".to_owned(),
    };
    if let Some(why) = &record.ignored {
        told.push_str(", ignored: ");
        told.push_str(why);
    } else if let Some(because) = &record.because {
        told.push_str(", ");
        told.push_str(because);
    }
    if let (Phase::Held, Some(token)) = (record.state, record.token) {
        told.push_str(&format!(", HELD with token {token}"));
    }
    told
}
