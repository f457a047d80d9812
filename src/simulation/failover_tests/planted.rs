//! The planted bugs of failover that random seeds find.

use crate::mutex::planted::Planted;
use crate::simulation::{Addresses, Plan, Violation, run_plan};

/// The bugs, and how many seeds are enough for each.
const FOUND: &[(Planted, u64)] = &[
    (Planted::BarredAcknowledged, 100),
    (Planted::LeaseWithoutMajority, 50),
    (Planted::HoldOutlivesLease, 50),
    (Planted::VotesWhileCountedOn, 200),
    (Planted::DecidedWithoutMajority, 200),
    (Planted::HolderRepliesInView, 50),
    (Planted::FloorIgnored, 400),
    (Planted::EntersWithMajority, 50),
    (Planted::EntersWithoutLease, 100),
];

fn first_seed(bug: Planted, seeds: u64) -> Option<(u64, Violation)> {
    let addresses = Addresses::default();
    (0..seeds).find_map(|seed| {
        let mut plan = Plan::with_failover(seed);
        plan.planted = Some(bug);
        Some((seed, run_plan(&plan, &addresses, None).1.err()?))
    })
}

#[test]
fn seeds_find_planted_bugs_of_failover() {
    for (bug, seeds) in FOUND {
        let found = first_seed(*bug, *seeds);
        let (seed, violation) = found.unwrap_or_else(|| panic!("{bug:?} is not found"));
        eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
    }
}

/// Which bugs the seeds find, and how soon: `TURNO_SEEDS=5000 cargo test --release
/// which_planted_bugs -- --ignored --nocapture`. With `TURNO_BUGS`, only those whose names
/// are in it.
#[test]
#[ignore = "a search, not a test"]
fn which_planted_bugs_of_failover_are_found() {
    let seeds = std::env::var("TURNO_SEEDS").map_or(1000, |it| it.parse().unwrap());
    let wanted = std::env::var("TURNO_BUGS").ok();
    let is_wanted = |bug: &&Planted| {
        let name = format!("{bug:?}");
        wanted.as_ref().is_none_or(|wanted| wanted.contains(&name))
    };
    let mut bugs = Planted::ALL.iter();
    bugs.find(|bug| **bug == Planted::ForeignListAccepted);
    for bug in bugs.filter(is_wanted) {
        match first_seed(*bug, seeds) {
            Some((seed, violation)) => eprintln!("{bug:?}: seed {seed}: {violation}"),
            None => eprintln!("{bug:?}: not in {seeds} seeds"),
        }
    }
}
