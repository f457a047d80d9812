//! Model check: every interleaving of small groups, on the algorithm that runs.
//!
//! A checker of its own, and not stateright, because of one idea that needs the
//! room: the algorithm is pure, so what a member makes of an event is asked once
//! and remembered (`memo`). A state of the group is then a few numbers, a step
//! a look-up, and what must be kept of a visited state is 64 bits, so that a
//! machine's memory holds hundreds of millions of them. It is also shorter than
//! the glue would be.

mod bounds;
mod coverage;
mod explore;
mod hash;
mod liveness;
mod memo;
mod oracle;
mod reduction;
mod replay;
mod step;
mod tests;
mod world;

use std::path::Path;

pub(crate) use bounds::Bounds;
pub(crate) use explore::{Found, nearest_first};
use explore::{all, nearest_to};
pub(crate) use oracle::Violation;

use crate::trace::{self, Run};

/// As many states are searched for the nearest of something.
const FAR: u64 = 5_000_000;

/// The smallest group in which something can go wrong.
pub(crate) const SMALL: Bounds = Bounds {
    members: 2,
    entries: 2,
    asking_once: 0,
    crashes: 0,
    cancels: 0,
    delegates: 0,
    lent: 2,
    asking_everybody: 0,
    outlives: false,
    is_durable: true,
    ahead: 100,
    is_unreduced: false,
    planted: None,
};

/// Searches it all, finds nothing wrong, and has seen something happen.
fn holds(bounds: Bounds) -> Found {
    let found = all(&bounds, |states| {
        if std::env::var_os("TURNO_MODEL").is_some() {
            eprintln!("{states} states");
        }
    });
    if found.violation.is_some() {
        let nearest = nearest_first(&bounds, Some(FAR));
        keep("violation", &nearest.runs);
        panic!("{bounds:?}: {:#?}", nearest.violation.or(found.violation));
    }
    let mut wanted = coverage::ALL_ENTERED | coverage::DEFERRED | coverage::ALL_ASK_AT_ONCE;
    if bounds.crashes > 0 {
        wanted |= coverage::ENTERED_AFTER_RESTART | coverage::CRASHED_WHILE_HELD;
    }
    if bounds.outlives {
        wanted |= coverage::DEFERRED_BY_EARLIER_RUN | coverage::ENDED_WHILE_DOWN;
    }
    if bounds.asking_everybody < bounds.members && bounds.entries > 1 {
        wanted |= coverage::ENTERED_UNASKED;
        if bounds.members > 2 {
            wanted |= coverage::ASKED_SOME | coverage::ASKED_AGAIN;
        }
    }
    assert_eq!(found.seen & wanted, wanted, "{bounds:?}: not all was seen");
    found
}

/// Where the environment says, the traces of something that was found are kept:
/// with `TURNO_MODEL_TRACE=DIR` in a folder of this name there, for `turno trace`.
pub(crate) fn keep(name: &str, runs: &[Run]) {
    if let Some(folder) = std::env::var_os("TURNO_MODEL_TRACE") {
        let folder = Path::new(&folder).join(name);
        trace::write(&folder, runs).unwrap_or_else(|error| {
            panic!("cannot write a trace into {}: {error}", folder.display())
        });
        eprintln!("turno trace draw {} -o run.svg", folder.display());
    }
}

/// What can be seen in a group, by name, and by the nearest way to it.
fn examples(bounds: &Bounds) -> impl Iterator<Item = (&'static str, Found)> {
    let anywhere = [
        ("all-entered", coverage::ALL_ENTERED),
        ("deferred", coverage::DEFERRED),
        ("all-ask-at-once", coverage::ALL_ASK_AT_ONCE),
    ];
    let with_crashes = [
        ("entered-after-restart", coverage::ENTERED_AFTER_RESTART),
        ("held-before-a-crash", coverage::CRASHED_WHILE_HELD),
    ];
    // No state shows that an entry ended while its node was down.
    let outlived = [("deferred-by-earlier-run", coverage::DEFERRED_BY_EARLIER_RUN)];
    let crashes = with_crashes.into_iter().filter(|_| bounds.crashes > 0);
    let outlived = outlived.into_iter().filter(|_| bounds.outlives);
    let all = anywhere.into_iter().chain(crashes).chain(outlived);
    all.map(move |(name, goal)| {
        let found = nearest_to(bounds, goal, FAR);
        assert_eq!(found.seen & goal, goal, "{bounds:?}: not found, {name}");
        (name, found)
    })
}
