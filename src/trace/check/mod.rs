//! Checks a history: was a critical section held twice, do tokens rise, did a member
//! let a younger request go first, did a clock run backwards; and which member waited
//! for which. With failover: did an entry have a lease, had a view one set of members, did
//! the numbers of views rise.
//!
//! ```text
//! History ─ entries ─ faults, gaps ─> Report ─ text
//! ```

mod clocks;
mod entries;
mod faults;
mod gaps;
mod json;
mod leases;
pub(super) mod report;
mod text;
mod timing;
mod views;

use super::history::History;
use super::record::MessageKind;

pub use report::{Fault, Report};

/// Checks a history.
pub fn check(history: &History) -> Report {
    let (entries, delegated_again) = entries::entries(history);
    let gaps = gaps::gaps(history);
    let delegated_again = delegated_again.into_iter().map(Fault::DelegatedAgain);
    let (between, unordered) = faults::between_entries(history, &entries, &gaps);
    let faults = faults::clocks_that_went_back(history)
        .chain(delegated_again)
        .chain(between)
        .chain(faults::overtaken(&entries))
        .chain(views::faults(history, &entries));
    let mut report = Report {
        events: history.order.len(),
        runs: history.runs.len(),
        faults: faults.collect(),
        unordered,
        views: history.views.count(),
        lost: history.lost().count() as u64,
        ..Report::default()
    };
    for entry in &entries {
        let node = report.nodes.entry(entry.id).or_default();
        let at = |event_id| history.event(event_id).at;
        let waited = at(entry.entered).saturating_sub(at(entry.asked));
        node.entries += 1;
        node.waited += waited;
        if waited >= node.longest {
            node.longest = waited;
            node.longest_for = entry.last_reply;
        }
    }
    for datagram in &history.datagrams {
        report.repeated += u64::from(datagram.is_repeated);
        let is_counted = matches!(datagram.kind, MessageKind::Request | MessageKind::Reply);
        report.messages += u64::from(datagram.is_sending && is_counted);
    }
    Report {
        entries,
        gaps,
        ..report
    }
}
