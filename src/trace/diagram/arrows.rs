//! The datagrams of a diagram.

use std::collections::{BTreeMap, HashSet};

use super::{Arrow, Positions};
use crate::trace::history::{EventId, History};

/// The datagrams of which at least one end is drawn, between lanes that are drawn. An
/// arrow without an arrival is drawn only if there is none at all.
pub(super) fn arrows(
    history: &History,
    positions: &Positions,
    lane_of: &BTreeMap<u16, usize>,
    (lock, shown): (&str, &HashSet<EventId>),
) -> Vec<Arrow> {
    let lock = history.known_lock(lock);
    let missing = history.missing();
    let mut arrows = Vec::new();
    for datagram in &history.datagrams {
        if datagram.kind.is_clock_sync() || Some(datagram.lock) != lock {
            continue;
        }
        let end = |event_id: EventId| {
            let at = *positions.get(&event_id)?;
            let is_shown = shown.contains(&event_id);
            is_shown.then(|| (at, history.label(event_id)))
        };
        let sent = datagram.sent.and_then(end);
        let received = datagram.received.and_then(end);
        if received.is_none() && (sent.is_none() || datagram.received.is_some()) {
            continue;
        }
        let (from, to) = (lane_of.get(&datagram.from), lane_of.get(&datagram.to));
        let (Some(from), Some(to)) = (from, to) else {
            continue;
        };
        arrows.push(Arrow {
            from: *from,
            to: *to,
            is_lost: datagram.received.is_none() && !missing.contains(&datagram.to),
            kind: datagram.kind,
            is_repeated: datagram.is_repeated,
            text: datagram.head(),
            sent,
            received,
        });
    }
    arrows
}
