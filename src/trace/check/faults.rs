//! The violations between entries, and of clocks.

use std::collections::{BTreeMap, HashSet};

use super::entries::Entry;
use super::report::{Fault, Gap};
use crate::trace::history::History;
use crate::trace::record::EventKind;

/// Entries that contradict each other: held twice, or tokens that do not rise.
///
/// It is enough to compare entries of a lock that are adjacent by token: if each of
/// three entries is before the next, the first is before the third.
pub(super) fn between_entries(history: &History, entries: &[Entry], gaps: &[Gap]) -> Vec<Fault> {
    let cut_off = CutOff::new(history, gaps);
    let pairs = entries
        .windows(2)
        .filter(|pair| pair[0].lock == pair[1].lock);
    let faults = pairs.filter_map(|pair| between(&pair[0], &pair[1]));
    faults.filter(|fault| !cut_off.explains(fault)).collect()
}

fn between(first: &Entry, second: &Entry) -> Option<Fault> {
    let pair = |first: &Entry, second: &Entry| Box::new((first.clone(), second.clone()));
    if second.is_after(first) {
        return (first.last_token >= second.token)
            .then(|| Fault::TokenDidNotRise(pair(first, second)));
    }
    if first.is_after(second) {
        // The larger token came first.
        return Some(Fault::TokenDidNotRise(pair(second, first)));
    }
    Some(Fault::HeldTwice(pair(first, second)))
}

/// The runs whose traces end before the runs do: more of their datagrams arrived than
/// they recorded.
struct CutOff<'a> {
    history: &'a History,
    runs: HashSet<(u16, &'a str)>,
}

impl<'a> CutOff<'a> {
    fn new(history: &'a History, gaps: &'a [Gap]) -> Self {
        let runs = gaps.iter().filter_map(|gap| match gap {
            Gap::NotSent(id, run) => Some((*id, &**run)),
            _ => None,
        });
        CutOff {
            history,
            runs: runs.collect(),
        }
    }

    /// Whether the fault may only mean that the end of an entry was not recorded.
    fn explains(&self, fault: &Fault) -> bool {
        let Fault::HeldTwice(pair) = fault else {
            return false;
        };
        [&pair.0, &pair.1].into_iter().any(|entry| {
            let run = &self.history.run(entry.entered).header.run;
            entry.left.is_none() && self.runs.contains(&(entry.id, run))
        })
    }
}

/// Members that let a younger request go first.
///
/// A member that kept a permission does not ask, and may enter before an older
/// request that it has not received yet. But a member that is asked must not reply
/// while its own request is older.
pub(super) fn overtaken(entries: &[Entry]) -> Vec<Fault> {
    let mut faults = Vec::new();
    // Among the entries so far that asked a member, the one with the youngest request.
    let mut youngest: BTreeMap<(&str, u16), &Entry> = BTreeMap::new();
    for entry in entries {
        if let Some(first) = youngest.get(&(entry.lock.as_str(), entry.id))
            && entry.request.is_some()
            && entry.timestamp() < first.timestamp()
            && entry.is_after(first)
        {
            let pair = Box::new(((*first).clone(), entry.clone()));
            faults.push(Fault::Overtaken(pair));
        }
        for peer in &entry.asked_of {
            let first = youngest.entry((&entry.lock, *peer)).or_insert(entry);
            if first.timestamp() < entry.timestamp() {
                *first = entry;
            }
        }
    }
    faults
}

/// Events at which a clock is lower than before.
pub(super) fn clocks_that_went_back(history: &History) -> impl Iterator<Item = Fault> {
    let went_back = history.event_ids().filter(|event_id| {
        let event = history.event(*event_id);
        let previous = history.previous(*event_id);
        let before = previous.map(|previous| history.event(previous).clock);
        let resumed = event.token().filter(|_| event.kind == EventKind::Resume);
        before.max(resumed) > Some(event.clock)
    });
    went_back.map(Fault::ClockWentBack)
}
