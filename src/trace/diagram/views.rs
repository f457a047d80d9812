//! A run's part in the views: which view it is in, its votes, and where its lease ends.

use std::collections::BTreeMap;

use super::lanes::DrawnEvent;
use super::{Band, Lane, Mark, MarkKind, StateSpan, Takeover};
use crate::trace::history::History;
use crate::trace::record::Phase;
use crate::trace::view_record::Number;

/// The members of each view that was joined.
pub(super) type Members = BTreeMap<Number, Vec<u16>>;

pub(super) fn members(history: &History) -> Members {
    // The group begins with all.
    let all = ((0, 0), (1..=history.members()).collect());
    let joins = history.views.joins.iter();
    let joins = joins.map(|joined| (joined.number, joined.members.clone()));
    [all].into_iter().chain(joins).collect()
}

/// Follows the view of a run. `begins` is where the line of the run begins.
pub(super) fn follow_view(
    drawn: &DrawnEvent,
    (band, begins): (&mut Option<Band>, f64),
    members: &Members,
    lane: &mut Lane,
) {
    let &(at, event, ref record) = drawn;
    let Some(view) = &record.view else { return };
    let mark = |kind, number: Number| Mark {
        at,
        kind,
        number: format!("{}.{}", number.0, number.1),
        event,
    };
    let votes = view.voted.filter(|voted| *voted != (0, 0));
    lane.marks
        .extend(votes.map(|number| mark(MarkKind::Vote, number)));
    let number = view.number.unwrap_or_default();
    let has_joined = view.joined.is_some();
    if has_joined {
        lane.marks.push(mark(MarkKind::Join, number));
    }
    if view.ended.is_some() {
        lane.marks.push(mark(MarkKind::Lapse, number));
    }
    let is_leased = view.lease > 0 || (has_joined && view.ended.is_none());
    let is_open = |band: &Band| {
        let is_same = band.is_leased == is_leased;
        Some(band.view) == view.number && (is_same || has_joined)
    };
    if band.as_ref().is_some_and(is_open) {
        return;
    }
    let is_first = band.is_none() && !has_joined;
    lane.bands
        .extend(band.take().map(|band| Band { to: at, ..band }));
    *band = view.number.map(|number| Band {
        from: if is_first { begins.min(at) } else { at },
        to: at,
        view: number,
        members: members.get(&number).cloned().unwrap_or_default(),
        is_leased,
        event,
    });
}

/// From each entry in the lock that ended with its lease, or with its run, to the next
/// entry, of another node.
pub(super) fn takeovers(lanes: &[Lane]) -> Vec<Takeover> {
    let mut takeovers = Vec::new();
    let held = |span: &&StateSpan| span.phase == Phase::Held;
    for (index, lane) in lanes.iter().enumerate() {
        for lost in lane.states.iter().filter(held) {
            let is_lapse = |mark: &Mark| mark.kind == MarkKind::Lapse && mark.at == lost.to;
            if !lane.marks.iter().any(is_lapse) {
                continue;
            }
            let others = lanes
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index);
            let later = others.flat_map(|(other, lane)| {
                let spans = lane.states.iter().filter(held);
                spans.map(move |span| (other, span))
            });
            let later = later.filter(|(_, span)| span.from >= lost.to);
            let next = later.min_by(|(_, one), (_, other)| one.from.total_cmp(&other.from));
            takeovers.extend(next.map(|(to, span)| Takeover {
                from: (index, lost.to),
                to: (to, span.from),
                event: span.event,
            }));
        }
    }
    takeovers
}
