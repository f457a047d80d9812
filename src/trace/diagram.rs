//! A history as a space-time diagram, in plain data: where everything goes, and
//! no ink yet. A line a node, from left to right; an arrow a datagram; bars for
//! WAIT, HELD and what is deferred.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::history::{History, Place};
use super::record::{Kind, Occasion, Phase, Record};

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
    pub stays: Vec<Stay>,
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
pub struct Stay {
    /// From.
    pub from: f64,
    /// To.
    pub to: f64,
    /// WAIT or HELD.
    pub phase: Phase,
    /// The request's clock, or the token.
    pub number: Option<u64>,
    /// The event that it begins with.
    pub event: Place,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Dot {
    /// Where.
    pub at: f64,
    /// Which it is.
    pub event: Place,
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
    pub event: Place,
}

/// A datagram.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrow {
    /// Which lane it leaves from, and where; none: from a node without a trace.
    pub from: Option<(usize, f64)>,
    /// Which lane it goes to, and where it arrives; without the latter it did not.
    pub to: (usize, Option<f64>),
    /// Its kind.
    pub kind: Kind,
    /// It had arrived there before.
    pub is_repeated: bool,
    /// Its text: `req<5,3>`.
    pub text: String,
    /// The event that sent it, if that is drawn.
    pub sent: Option<Place>,
    /// The event that is its arrival.
    pub received: Option<Place>,
}

impl Diagram {
    /// Lays out a part of a history.
    #[must_use]
    pub fn new(history: &History, view: &View) -> Self {
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
        for (run, of_run) in history.runs.iter().enumerate() {
            let Some(lane) = lane_of.get(&of_run.header.id) else {
                continue;
            };
            let follows = history.runs.get(run + 1);
            let is_followed = follows.is_some_and(|next| next.header.id == of_run.header.id);
            let is_begun = run > 0 && history.runs[run - 1].header.id == of_run.header.id;
            let course = Course {
                events: (0..of_run.records.len())
                    .filter_map(|record| {
                        let place = Place { run, record };
                        let at = positions.get(&place)?;
                        Some((*at, place, &of_run.records[record]))
                    })
                    .collect(),
                begins: if is_begun { None } else { Some(0.0) },
                ending: if is_followed {
                    Ending::Crashed
                } else {
                    Ending::GoesOn
                },
                length,
                lock: &view.lock,
            };
            course.draw(&mut lanes[*lane]);
        }
        let arrows = arrows(history, &positions, &lane_of, view);
        Diagram {
            lanes,
            arrows,
            length,
            lock: view.lock.clone(),
        }
    }
}

/// The events that are drawn, in order: of this lock, of these nodes, in this
/// window; without greetings, and timers that sent nothing.
fn shown(history: &History, view: &View) -> Vec<Place> {
    let begins = history
        .order
        .iter()
        .map(|place| history.record(*place).at)
        .min();
    let begins = begins.unwrap_or(0);
    let is_shown = |place: &&Place| {
        let record = history.record(**place);
        let since = record.at.saturating_sub(begins);
        (view.nodes.is_empty() || view.nodes.contains(&history.id(**place)))
            && view.from.is_none_or(|from| since >= from)
            && view.to.is_none_or(|to| since <= to)
            && is_of(record, &view.lock)
    };
    history.order.iter().filter(is_shown).copied().collect()
}

fn is_of(record: &Record, lock: &str) -> bool {
    let is_this_lock = record.lock.as_deref().unwrap_or_default() == lock;
    let is_greeting = |kind| matches!(kind, Kind::Hello | Kind::Welcome);
    match (record.event, &record.message) {
        (Occasion::Start, _) => false,
        (Occasion::Tick, _) => true,
        (Occasion::Received, Some(said)) => is_this_lock && !is_greeting(said.kind),
        (Occasion::Timer, _) => {
            is_this_lock && record.sent.iter().any(|said| !is_greeting(said.kind))
        }
        _ => is_this_lock,
    }
}

/// Where each event goes: by time, or as far to the right as what happened before
/// it demands.
fn positions(history: &History, shown: &[Place], view: &View) -> (HashMap<Place, f64>, f64) {
    let mut positions = HashMap::new();
    if view.by_time {
        let times: Vec<u64> = shown
            .iter()
            .map(|place| history.record(*place).at)
            .collect();
        let (first, last) = (times.iter().min(), times.iter().max());
        let (first, last) = (*first.unwrap_or(&0), *last.unwrap_or(&0));
        // As long as by order, on average.
        let length = shown.len() as f64 + 1.0;
        let scale = (length - 2.0).max(0.0) / (last - first).max(1) as f64;
        for (place, at) in shown.iter().zip(times) {
            positions.insert(*place, 1.0 + (at - first) as f64 * scale);
        }
        return (positions, length);
    }
    let mut of_node: BTreeMap<u16, f64> = BTreeMap::new();
    let mut farthest: f64 = 0.0;
    for place in shown {
        let sent = history
            .origin(*place)
            .and_then(|origin| positions.get(&origin));
        let own = of_node.entry(history.id(*place)).or_default();
        let at = own.max(sent.copied().unwrap_or(0.0)) + 1.0;
        *own = at;
        farthest = farthest.max(at);
        positions.insert(*place, at);
    }
    (positions, farthest + 1.0)
}

/// One run of a node, as far as it is drawn.
struct Course<'a> {
    events: Vec<(f64, Place, &'a Record)>,
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
        let mut stay: Option<Stay> = None;
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
        (at, event, record): (f64, Place, &Record),
        stay: &mut Option<Stay>,
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
            *stay = Some(Stay {
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
    (at, event, record): (f64, Place, &Record),
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
    positions: &HashMap<Place, f64>,
    lane_of: &BTreeMap<u16, usize>,
    view: &View,
) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    for datagram in &history.datagrams {
        let (said, from, to) = match (datagram.sent, datagram.received) {
            (Some((place, number)), _) => {
                let said = &history.record(place).sent[number];
                (said, history.id(place), said.peer)
            }
            (None, Some(place)) => {
                let Some(said) = &history.record(place).message else {
                    continue;
                };
                (said, said.peer, history.id(place))
            }
            (None, None) => continue,
        };
        let is_greeting = matches!(said.kind, Kind::Hello | Kind::Welcome);
        if is_greeting || said.lock.as_deref().unwrap_or_default() != view.lock {
            continue;
        }
        let (Some(from_lane), Some(to_lane)) = (lane_of.get(&from), lane_of.get(&to)) else {
            continue;
        };
        let left = datagram.sent.and_then(|(place, _)| positions.get(&place));
        let arrived = datagram.received.and_then(|place| positions.get(&place));
        if left.is_none() && arrived.is_none() || datagram.received.is_some() && arrived.is_none() {
            continue;
        }
        let word = match said.kind {
            Kind::Request | Kind::Hello => "req",
            Kind::Reply | Kind::Overtaken | Kind::Welcome => "reply",
        };
        arrows.push(Arrow {
            from: left.map(|at| (*from_lane, *at)),
            to: (*to_lane, arrived.copied()),
            kind: said.kind,
            is_repeated: datagram.is_repeated,
            text: format!("{word}<{},{from}>", said.clock),
            sent: datagram
                .sent
                .map(|(place, _)| place)
                .filter(|_| left.is_some()),
            received: datagram.received,
        });
    }
    arrows
}

/// An event in words.
fn told(record: &Record) -> String {
    let mut told = match (&record.message, record.event) {
        (Some(said), _) => {
            let word = match said.kind {
                Kind::Request | Kind::Hello => "req",
                _ => "reply",
            };
            format!("{word}<{},{}> received", said.clock, said.peer)
        }
        (None, Occasion::Start) => "starts".to_owned(),
        (None, Occasion::Acquire) => "asks".to_owned(),
        (None, Occasion::Cancel) => "gives up".to_owned(),
        (None, Occasion::Release) => "leaves".to_owned(),
        (None, Occasion::Lend) => "has tokens lent".to_owned(),
        (None, Occasion::Resume) => "an entry of an earlier run goes on".to_owned(),
        (None, Occasion::Tick) => "ticks".to_owned(),
        (None, Occasion::Timer | Occasion::Received) => "sends again".to_owned(),
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
