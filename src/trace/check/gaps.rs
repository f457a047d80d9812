//! What a trace does not contain.

use std::collections::{BTreeSet, HashSet};

use super::report::Gap;
use crate::trace::history::History;

/// Returns the gaps of a trace, each once.
pub(super) fn gaps(history: &History) -> Vec<Gap> {
    let mut gaps: BTreeSet<Gap> = history.missing().into_iter().map(Gap::NoTrace).collect();
    let cut = history.runs.iter().filter(|run| run.is_cut);
    gaps.extend(cut.map(|run| Gap::Cut(run.header.id, run.header.run.clone())));
    let runs = history.runs.iter().map(|run| &run.header);
    let runs: HashSet<(u16, &str)> = runs.map(|header| (header.id, &*header.run)).collect();
    for datagram in &history.datagrams {
        let run = history.sender_run(datagram);
        if datagram.sent.is_some() || run.is_empty() {
            continue;
        }
        gaps.insert(if runs.contains(&(datagram.from, run)) {
            Gap::NotSent(datagram.from, run.to_owned())
        } else {
            Gap::NoRun(datagram.from, run.to_owned())
        });
    }
    gaps.into_iter().collect()
}
