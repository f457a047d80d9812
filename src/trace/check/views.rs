//! The violations of the rules of views.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::entries::Entry;
use super::report::Fault;
use crate::trace::history::{EventId, History};
use crate::trace::record::EventKind;

/// Returns all of them; none without failover.
pub(super) fn faults(history: &History, entries: &[Entry]) -> Vec<Fault> {
    let mut faults = without_lease(history, entries);
    faults.extend(different_members(history));
    faults.extend(numbers_that_did_not_rise(history));
    faults
}

/// Entries of a member that has no lease, or is in no view.
fn without_lease(history: &History, entries: &[Entry]) -> Vec<Fault> {
    let entered = entries.iter().map(|entry| entry.entered);
    let has_none = |event_id: &EventId| {
        let is_new = history.event(*event_id).kind != EventKind::Resume;
        let after = history.views.after(*event_id);
        is_new && after.is_some_and(|it| it.lease == 0 || it.view.is_none())
    };
    entered
        .filter(has_none)
        .map(Fault::EnteredWithoutLease)
        .collect()
}

/// Views of one number with different members.
fn different_members(history: &History) -> Vec<Fault> {
    let mut views = HashMap::new();
    let mut faults = Vec::new();
    for joined in &history.views.joins {
        match views.entry(joined.number) {
            Slot::Vacant(new) => {
                new.insert(joined);
            }
            Slot::Occupied(first) if first.get().members != joined.members => {
                faults.push(Fault::ViewsDiffer(first.get().event, joined.event));
            }
            Slot::Occupied(_) => {}
        }
    }
    faults
}

/// Joins and votes of a member whose number is not higher than one before. A new run may
/// join the view of the last vote, or of the run before, once more.
fn numbers_that_did_not_rise(history: &History) -> Vec<Fault> {
    let joins = history.views.joins.iter();
    let joins = joins.map(|joined| (joined.event, true, joined.number));
    let votes = history.views.votes.iter();
    let votes = votes.map(|vote| (vote.event, false, vote.number));
    let mut all: Vec<_> = joins.chain(votes).collect();
    // A member that votes and joins at one event votes first.
    all.sort_unstable();
    let mut faults = Vec::new();
    // Of each member, the highest vote and the highest join.
    let mut highest = HashMap::new();
    for (event_id, is_join, number) in all {
        let id = history.event(event_id).id;
        let of_run = |event_id| &history.run(event_id).header.run;
        for is_other_join in [false, true] {
            // A member that joins without a vote may vote for a smaller number: its own vote
            // was for one before (rules 4 and 7). No view comes of it.
            if is_other_join && !is_join {
                continue;
            }
            let Some((before, highest)) = highest.get(&(id, is_other_join)) else {
                continue;
            };
            let may_be_equal = match (is_other_join, is_join) {
                (true, true) => of_run(*before) != of_run(event_id),
                (false, true) => true,
                (_, false) => false,
            };
            let is_first = number == (0, 0) && !is_join;
            if *highest > number || (*highest == number && !may_be_equal && !is_first) {
                faults.push(Fault::ViewDidNotRise(*before, event_id));
                break;
            }
        }
        let slot = highest.entry((id, is_join)).or_insert((event_id, number));
        *slot = (event_id, number.max(slot.1));
    }
    faults
}
