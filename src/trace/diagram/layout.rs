//! Which events are drawn, and where.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::arrows::arrows;
use super::axis::axis;
use super::lanes::DrawnRun;
use super::views::{members, takeovers};
use super::{Diagram, Lane, Positions, View};
use crate::trace::history::{Datagram, Event, EventId, History, NameId, TraceError};
use crate::trace::record::{EventKind, MessageKind, Phase};

impl Diagram {
    /// Lays out a part of a history. Only the events that are drawn are read again. The
    /// lanes of all locks have one axis: what is further left did not happen later.
    pub fn new(history: &History, view: &View) -> Result<Self, TraceError> {
        let of_locks = view.locks().iter();
        let of_locks: Vec<_> = of_locks.map(|lock| shown(history, view, lock)).collect();
        let all = union(history, &of_locks);
        let (positions, length) = positions(history, &all, view);
        let mut diagram = Diagram {
            length,
            locks: view.locks().to_vec(),
            axis: if view.by_time {
                axis(history, &all, length)
            } else {
                Vec::new()
            },
            ..Diagram::default()
        };
        for (lock, shown) in of_locks.into_iter().enumerate() {
            diagram.add_lock(lock, (history, view), (shown, &positions))?;
        }
        Ok(diagram)
    }

    /// How many events such a diagram draws, and the latest time, in microseconds after
    /// the first event, up to which it draws this many at most.
    pub(crate) fn measure(history: &History, view: &View, max: usize) -> (usize, u64) {
        let of_locks = view.locks().iter();
        let all = of_locks.flat_map(|lock| shown(history, view, lock));
        let mut times: Vec<u64> = all.map(|event_id| history.event(event_id).at).collect();
        times.sort_unstable();
        let last = times.get(max).or(times.last()).copied().unwrap_or(0);
        (times.len(), last.saturating_sub(history.begins_at()))
    }

    /// Adds the lanes and arrows of the lock with this index.
    fn add_lock(
        &mut self,
        lock: usize,
        (history, view): (&History, &View),
        (shown, positions): (Vec<EventId>, &Positions),
    ) -> Result<(), TraceError> {
        let first = self.lanes.len();
        let ids = (1..=history.members()).filter(|id| view.has(*id));
        let lane_of: BTreeMap<u16, usize> = ids.zip(first..).collect();
        let lane = |id: &u16| Lane {
            lock,
            id: *id,
            ..Lane::default()
        };
        self.lanes.extend(lane_of.keys().map(lane));
        let name = self.locks[lock].clone();
        let is_shown: HashSet<EventId> = shown.iter().copied().collect();
        let arrows = arrows(history, positions, &lane_of, (&name, &is_shown));
        self.arrows.extend(arrows);
        let members = members(history);
        let mut of_run: BTreeMap<usize, Vec<EventId>> = BTreeMap::new();
        for event_id in shown {
            let run = history.label(event_id).run;
            of_run.entry(run).or_default().push(event_id);
        }
        for (run, header) in history.runs.iter().map(|run| &run.header).enumerate() {
            let Some(lane) = lane_of.get(&header.id) else {
                continue;
            };
            let is_of_node = |run: usize| {
                let other = history.runs.get(run);
                other.is_some_and(|other| other.header.id == header.id)
            };
            let is_restart = run.checked_sub(1).is_some_and(is_of_node);
            let mut events = Vec::new();
            for event_id in of_run.remove(&run).unwrap_or_default() {
                let label = history.label(event_id);
                events.push((positions[&event_id], label, history.record(event_id)?));
            }
            let drawn = DrawnRun {
                header,
                events,
                begins: (!is_restart).then_some(0.0),
                is_crashed: is_of_node(run + 1),
                length: self.length,
                lock: &name,
                members: &members,
            };
            let lane = &mut self.lanes[*lane];
            lane.name = header.name.clone().or(lane.name.take());
            drawn.add_to(lane);
        }
        let mut takeovers = takeovers(&self.lanes[first..]);
        for takeover in &mut takeovers {
            takeover.from.0 += first;
            takeover.to.0 += first;
        }
        self.takeovers.extend(takeovers);
        Ok(())
    }
}

/// The events that are drawn for any of the locks, in order.
fn union(history: &History, of_locks: &[Vec<EventId>]) -> Vec<EventId> {
    if let [shown] = of_locks {
        return shown.clone();
    }
    let shown: HashSet<EventId> = of_locks.iter().flatten().copied().collect();
    let order = history.order.iter().copied();
    order.filter(|event_id| shown.contains(event_id)).collect()
}

/// The events that are drawn, in order: of this lock, these nodes and this time, without
/// timers at which nothing was sent or entered, and without hellos and welcomes, except the one that told the
/// last unknown clock, so that requests were sent; of the events of views, the votes, joins
/// and lapses.
fn shown(history: &History, view: &View, lock: &str) -> Vec<EventId> {
    let begins = history.begins_at();
    let lock = history.known_lock(lock);
    let syncs = syncs_that_sent(history, lock);
    let views: HashSet<EventId> = history.views.shown().collect();
    let is_shown = |event_id: &&EventId| {
        let event = history.event(**event_id);
        let since = event.at.saturating_sub(begins);
        view.has(event.id)
            && view.from.is_none_or(|from| since >= from)
            && view.to.is_none_or(|to| since <= to)
            && (is_of(event, lock) || syncs.contains(*event_id) || views.contains(*event_id))
    };
    history.order.iter().filter(is_shown).copied().collect()
}

/// The arrivals of hellos and welcomes that sent something about this lock.
fn syncs_that_sent(history: &History, lock: Option<NameId>) -> HashSet<EventId> {
    let is_of_lock = |it: &&Datagram| !it.kind.is_clock_sync() && Some(it.lock) == lock;
    let of_lock = history.datagrams.iter().filter(is_of_lock);
    let senders = of_lock.filter_map(|datagram| datagram.sent);
    let is_sync = |event_id: &EventId| {
        let received = history.event(*event_id).received;
        received.is_some_and(MessageKind::is_clock_sync)
    };
    senders.filter(is_sync).collect()
}

fn is_of(event: &Event, lock: Option<NameId>) -> bool {
    let is_this_lock = Some(event.lock) == lock;
    match (event.kind, event.received) {
        (EventKind::Start | EventKind::View, _) => false,
        (EventKind::Tick, _) => true,
        (EventKind::Received, Some(kind)) => is_this_lock && !kind.is_clock_sync(),
        (EventKind::Timer, _) => is_this_lock && (event.has_sent || event.phase == Phase::Held),
        _ => is_this_lock,
    }
}

/// The position of each event and the length of the diagram: by time; or as far left as
/// the events before it allow, and the sending of the arrow that it receives.
fn positions(history: &History, shown: &[EventId], view: &View) -> (Positions, f64) {
    if view.by_time {
        return positions_by_time(history, shown);
    }
    let mut positions = Positions::with_capacity(shown.len());
    let is_shown: HashSet<EventId> = shown.iter().copied().collect();
    let datagrams = history.datagrams.iter();
    let sent_at: HashMap<EventId, EventId> = datagrams
        .filter_map(|datagram| Some((datagram.received?, datagram.sent?)))
        .filter(|(received, _)| is_shown.contains(received))
        .collect();
    let mut of_node: BTreeMap<u16, f64> = BTreeMap::new();
    let mut farthest: f64 = 0.0;
    // No datagram orders the events of views: a vote, a join or a lapse stands after all
    // that the order has before it, and before all that the order has after it.
    let views: HashSet<EventId> = history.views.shown().collect();
    let mut not_before: f64 = 0.0;
    for event_id in shown {
        let sent = sent_at.get(event_id).and_then(|sent| positions.get(sent));
        let own = of_node.entry(history.event(*event_id).id).or_default();
        let mut at = (own.max(sent.copied().unwrap_or(0.0)) + 1.0).max(not_before);
        if views.contains(event_id) {
            at = at.max(farthest + 0.5);
            not_before = at + 0.5;
        }
        *own = at;
        farthest = farthest.max(at);
        positions.insert(*event_id, at);
    }
    (positions, farthest + 1.0)
}

fn positions_by_time(history: &History, shown: &[EventId]) -> (Positions, f64) {
    let at = |event_id: &EventId| history.event(*event_id).at;
    let times = || shown.iter().map(at);
    let (first, last) = (times().min().unwrap_or(0), times().max().unwrap_or(0));
    // On average as long as by order.
    let length = shown.len() as f64 + 1.0;
    let scale = (length - 2.0).max(0.0) / (last - first).max(1) as f64;
    let position = |event_id: &EventId| 1.0 + (at(event_id) - first) as f64 * scale;
    let positions = shown.iter().map(|event_id| (*event_id, position(event_id)));
    (positions.collect(), length)
}
