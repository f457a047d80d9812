//! The planted bugs of failover that random seeds find.

use crate::mutex::planted::Planted;
use crate::simulation::plan::Fault;
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

/// The plan of a seed in which every entry is that of a command, lasts for up to three
/// leases, and uses up the grace as it dies; and a machine that stands still is suspended.
pub(crate) fn plan_with_slow_commands(seed: u64) -> Plan {
    let mut plan = Plan::with_failover(seed);
    let failover = plan.failover.as_mut().expect("it has failover");
    failover.commands_in_1000 = 1000;
    failover.dies_late_by = (failover.lease / 10).max(100_000);
    (plan.max_hold, plan.outlive_in_1000) = (3 * failover.lease, 1000);
    for fault in &mut plan.faults {
        if let Fault::Pause { at, until, id } = *fault {
            *fault = Fault::Suspend { at, until, id };
        }
    }
    plan
}

/// The same, and what would crash is suspended.
pub(crate) fn plan_with_suspends(seed: u64) -> Plan {
    let mut plan = plan_with_slow_commands(seed);
    for fault in &mut plan.faults {
        if let Fault::Crash { at, until, id, .. } = *fault {
            *fault = Fault::Suspend { at, until, id };
        }
    }
    plan
}

pub(crate) type PlanOf = fn(u64) -> Plan;

/// The bugs that need clocks, and the plans that show them soon.
pub(crate) const IN_TIME: &[(Planted, PlanOf)] = &[
    (Planted::LeaseFromArrival, Plan::with_failover),
    (Planted::DeadlineFromTelling, plan_with_slow_commands),
    (Planted::SuspendNotCounted, plan_with_suspends),
    (Planted::NoGrace, plan_with_slow_commands),
];

#[test]
fn slow_commands_are_dead_before_another_enters() {
    let addresses = Addresses::default();
    for seed in 0..40 {
        for (_, plan_of) in IN_TIME {
            let (_, outcome) = run_plan(&plan_of(seed), &addresses, None);
            assert_eq!(outcome, Ok(()), "seed {seed}");
        }
    }
}

/// The plans that `TURNO_PLANS` names.
fn requested_plans() -> PlanOf {
    match &*std::env::var("TURNO_PLANS").unwrap_or_default() {
        "slow" => plan_with_slow_commands,
        "suspends" => plan_with_suspends,
        _ => Plan::with_failover,
    }
}

/// The first seed whose plan shows a bug.
pub(in crate::simulation) fn first_seed(
    bug: Planted,
    plan_of: PlanOf,
    seeds: u64,
) -> Option<(u64, Violation)> {
    let addresses = Addresses::default();
    (0..seeds).find_map(|seed| {
        let mut plan = plan_of(seed);
        plan.planted = Some(bug);
        Some((seed, run_plan(&plan, &addresses, None).1.err()?))
    })
}

#[test]
fn seeds_find_planted_bugs_of_failover() {
    for (bug, seeds) in FOUND {
        let found = first_seed(*bug, requested_plans(), *seeds);
        let (seed, violation) = found.unwrap_or_else(|| panic!("{bug:?} is not found"));
        eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
    }
}

/// Which bugs the seeds find, and how soon: `TURNO_SEEDS=5000 cargo test --release
/// which_planted_bugs -- --ignored --nocapture`. With `TURNO_BUGS`, only those whose names
/// are in it; with `TURNO_PLANS`, `slow` or `suspends`, in
/// other plans.
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
        match first_seed(*bug, requested_plans(), seeds) {
            Some((seed, violation)) => eprintln!("{bug:?}: seed {seed}: {violation}"),
            None => eprintln!("{bug:?}: not in {seeds} seeds"),
        }
    }
}
