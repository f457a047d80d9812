//! The violations between entries, and of clocks.

use std::collections::BTreeMap;

use super::entries::Entry;
use super::report::{Fault, Gap};
use super::timing::{Order, Timing};
use crate::trace::history::History;
use crate::trace::record::EventKind;

/// Entries that contradict each other: held twice, or tokens that do not rise. Then the
/// pairs that the trace does not order.
///
/// It is enough to compare entries of a lock that are adjacent by token: if each of
/// three entries is before the next, the first is before the third. Of shared entries, each
/// is compared with the exclusive ones before and after it.
pub(super) fn between_entries(
    history: &History,
    entries: &[Entry],
    gaps: &[Gap],
) -> (Vec<Fault>, Vec<(Entry, Entry)>) {
    // Runs of which more datagrams arrived than they recorded: their traces end early,
    // and may lack the end of an entry.
    let is_cut_off = |entry: &Entry| {
        let run = &history.run(entry.entered).header.run;
        let is_it = |gap: &Gap| matches!(gap, Gap::NotSent(id, of) if (*id, of) == (entry.id, run));
        entry.left.is_none() && gaps.iter().any(is_it)
    };
    let timing = Timing::new(history);
    let (mut faults, mut unordered) = (Vec::new(), Vec::new());
    for (first, second) in adjacent(entries) {
        let pair = |first: &Entry, second: &Entry| Box::new((first.clone(), second.clone()));
        let rises = first.last_token < second.token;
        match timing.order(first, second) {
            Order::Before if rises => {}
            Order::Before => faults.push(Fault::TokenDidNotRise(pair(first, second))),
            // The larger token came first.
            Order::After => faults.push(Fault::TokenDidNotRise(pair(second, first))),
            Order::Beside if is_cut_off(first) || is_cut_off(second) => {}
            Order::Beside => faults.push(Fault::HeldTwice(pair(first, second))),
            // An entry of an earlier view is earlier.
            Order::Unknown if first.view > second.view => {
                faults.push(Fault::TokenDidNotRise(pair(second, first)));
            }
            Order::Unknown => unordered.push((first.clone(), second.clone())),
        }
    }
    (faults, unordered)
}

/// The pairs of entries that must not overlap, of each lock: adjacent exclusive ones, and
/// those between two exclusive ones with both of these.
fn adjacent(entries: &[Entry]) -> Vec<(&Entry, &Entry)> {
    let mut pairs = Vec::new();
    for of_a_lock in entries.chunk_by(|one, other| one.lock == other.lock) {
        let mut exclusive: Option<&Entry> = None;
        let mut shared: Vec<&Entry> = Vec::new();
        for entry in of_a_lock {
            if entry.is_shared {
                pairs.extend(exclusive.map(|before| (before, entry)));
                shared.push(entry);
                continue;
            }
            // With shared ones in between, these order the two.
            match shared.is_empty() {
                true => pairs.extend(exclusive.map(|before| (before, entry))),
                false => pairs.extend(shared.drain(..).map(|before| (before, entry))),
            }
            exclusive = Some(entry);
        }
    }
    pairs
}

/// Members that let a younger request go first.
///
/// A member that kept a permission does not ask, and may enter before an older
/// request that it has not received yet. But a member that is asked must not reply
/// while its own request is older.
pub(super) fn overtaken(entries: &[Entry]) -> Vec<Fault> {
    let mut faults = Vec::new();
    // Among the entries so far that asked a member, the one with the youngest request: of the
    // exclusive ones, and of the shared ones.
    let mut youngest: BTreeMap<(&str, u16, bool), &Entry> = BTreeMap::new();
    for entry in entries {
        // A shared request is answered whatever the order of the two, if both are.
        for is_shared in [false, true] {
            if let Some(first) = youngest.get(&(entry.lock.as_str(), entry.id, is_shared))
                && !(is_shared && entry.is_shared)
                && entry.request.is_some()
                && entry.timestamp() < first.timestamp()
                && entry.is_after(first)
            {
                let pair = Box::new(((*first).clone(), entry.clone()));
                faults.push(Fault::Overtaken(pair));
            }
        }
        for peer in &entry.asked_of {
            let key = (entry.lock.as_str(), *peer, entry.is_shared);
            let first = youngest.entry(key).or_insert(entry);
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
        let resumed = event.number().filter(|_| event.kind == EventKind::Resume);
        before.max(resumed) > Some(event.clock)
    });
    went_back.map(Fault::ClockWentBack)
}
