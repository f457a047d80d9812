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

/// The entries in a view without the node of the entry before.
pub(super) fn takeovers(lanes: &[Lane]) -> Vec<Takeover> {
    let spans = |(index, lane): (usize, &Lane)| {
        let spans = lane.states.clone().into_iter();
        spans.map(move |span| (index, span))
    };
    let all = lanes.iter().enumerate().flat_map(spans);
    let mut held: Vec<(usize, StateSpan)> =
        all.filter(|(_, span)| span.phase == Phase::Held).collect();
    held.sort_by(|(_, one), (_, other)| one.from.total_cmp(&other.from));
    let mut takeovers = Vec::new();
    for pair in held.windows(2) {
        let ((before, old), (after, new)) = (&pair[0], &pair[1]);
        let is_in_it = |band: &&Band| band.from <= new.from && new.from <= band.to;
        let band = lanes[*after].bands.iter().rfind(is_in_it);
        if band.is_none_or(|band| band.members.contains(&lanes[*before].id)) {
            continue;
        }
        // The lease ends after the command at the latest.
        let is_between = |mark: &&Mark| {
            let is_lapse = mark.kind == MarkKind::Lapse;
            is_lapse && old.to <= mark.at && mark.at <= new.from
        };
        let lapse = lanes[*before].marks.iter().find(is_between);
        takeovers.push(Takeover {
            from: (*before, lapse.map_or(old.to, |mark| mark.at)),
            to: (*after, new.from),
            event: new.event,
        });
    }
    takeovers
}
