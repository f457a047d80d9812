//! A run on the lane of its node: its events, states and deferred replies.

use super::views::{Members, follow_view};
use super::{Band, Deferral, Dot, Lane, StateSpan};
use crate::narrate::Account;
use crate::trace::history::EventLabel;
use crate::trace::record::{Header, Phase, Record};

/// An event with its position and its name.
pub(super) type DrawnEvent = (f64, EventLabel, Record);

/// The part of a run that is drawn.
pub(super) struct DrawnRun<'a> {
    pub(super) header: &'a Header,
    pub(super) events: Vec<DrawnEvent>,
    /// Where its line begins; `None` for its first event.
    pub(super) begins: Option<f64>,
    /// Whether another run of the node follows.
    pub(super) is_crashed: bool,
    /// The length of the diagram.
    pub(super) length: f64,
    pub(super) lock: &'a str,
    pub(super) members: &'a Members,
}

impl DrawnRun<'_> {
    pub(super) fn add_to(&self, lane: &mut Lane) {
        let first = self.events.first().map(|(at, ..)| *at - 0.5);
        let last = self.events.last().map(|(at, ..)| *at + 0.5);
        let end = Some(self.length);
        let ends = if self.is_crashed { last } else { end };
        let (Some(begins), Some(ends)) = (self.begins.or(first), ends) else {
            return;
        };
        lane.runs.push((begins, ends, self.is_crashed));
        let mut span: Option<StateSpan> = None;
        let mut open: Vec<(u64, Deferral)> = Vec::new();
        let mut band: Option<Band> = None;
        let mut lost: Option<u64> = None;
        for drawn in &self.events {
            let (at, event, record) = drawn;
            lane.dots.push(Dot {
                at: *at,
                event: *event,
                label: record.clock.to_string(),
                text: Account::recorded(self.header, record).text(),
            });
            follow_view(drawn, (&mut band, begins), self.members, lane);
            if (record.view.iter()).any(|view| view.lost.iter().any(|lock| lock == self.lock)) {
                lane.states
                    .extend(span.take().map(|span| StateSpan { to: *at, ..span }));
                lost = lane.states.last().and_then(|span| span.number);
                continue;
            }
            if record.lock.as_deref().unwrap_or_default() != self.lock {
                continue;
            }
            // After a lost entry the node defers until its caller leaves.
            if lost.is_none() || record.state != Phase::Held || record.token != lost {
                lost = None;
                follow_state(drawn, &mut span, lane);
            }
            follow_queue(drawn, &mut open, lane);
        }
        let last = span.map(|span| StateSpan { to: ends, ..span });
        lane.states.extend(last);
        lane.bands
            .extend(band.map(|band| Band { to: ends, ..band }));
        let open = open.into_iter().map(|(_, deferral)| deferral);
        lane.deferrals.extend(open.map(|deferral| Deferral {
            to: ends,
            ..deferral
        }));
    }
}

fn follow_state(drawn: &DrawnEvent, span: &mut Option<StateSpan>, lane: &mut Lane) {
    let &(at, event, ref record) = drawn;
    let (phase, number) = (record.state, record.number());
    let is_open = |span: &StateSpan| (span.phase, span.number) == (phase, number);
    if span.as_ref().is_some_and(is_open) {
        return;
    }
    let before = span.take().map(|span| StateSpan { to: at, ..span });
    lane.states.extend(before);
    if phase != Phase::Free {
        *span = Some(StateSpan {
            from: at,
            to: at,
            phase,
            number,
            is_shared: record.shared,
            label: number.map(|number| number.to_string()).unwrap_or_default(),
            event,
        });
    }
}

/// `open` are the deferred replies with the clocks of their requests.
fn follow_queue(drawn: &DrawnEvent, open: &mut Vec<(u64, Deferral)>, lane: &mut Lane) {
    let &(at, event, ref record) = drawn;
    open.retain(|(clock, deferral)| {
        let is_open = record.queue.contains(&(*clock, deferral.peer));
        if !is_open {
            lane.deferrals.push(Deferral {
                to: at,
                ..deferral.clone()
            });
        }
        is_open
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
