//! Groups with failover, simulated.

pub(crate) mod planted;
mod scenarios;

use fastrand::Rng;

use super::*;

/// The seeds of CI. `turno simulate --failover always` runs more.
const SEEDS: u64 = 400;

#[test]
fn hundreds_of_seeds_with_failover_show_every_fault_and_no_violation() {
    let addresses = Addresses::default();
    let mut sum = Figures::default();
    for seed in 0..SEEDS {
        let (figures, outcome) = run_plan(&Plan::with_failover(seed), &addresses, None);
        let shows = "turno simulate --failover always --seed";
        assert_eq!(outcome, Ok(()), "{shows} {seed} shows it");
        sum += figures;
    }
    eprintln!("{sum}");
    let of_failover = sum.failover;
    let seen = [
        sum.entries,
        sum.delegated,
        sum.crashes,
        sum.crashes_inside,
        sum.pauses,
        sum.partitions,
        of_failover.joined,
        of_failover.lost,
        of_failover.suspended,
        of_failover.wiped,
        of_failover.left,
        of_failover.links,
    ];
    assert!(seen.iter().all(|count| *count > 20), "{sum:?}");
    assert!(sum.resumed > 3, "{sum:?}");
}

/// Checks that these plans are read as they were written, and run the same.
pub(super) fn are_read_as_written(plan_of: planted::PlanOf) {
    let addresses = Addresses::default();
    for seed in 0..20 {
        let plan = plan_of(seed);
        assert_eq!(plan.check(), Ok(()));
        let read: Plan = serde_json::from_str(&plan.to_string()).unwrap();
        assert_eq!(read, plan);
        let (mut first, mut second) = (Recording::default(), Recording::default());
        let outcome = run_plan(&plan, &addresses, Some(&mut first));
        assert_eq!(outcome, run_plan(&read, &addresses, Some(&mut second)));
        assert!(first == second && !first.log.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_plan_with_failover_is_read_as_it_was_written_and_runs_the_same() {
    are_read_as_written(Plan::with_failover);
}

#[test]
fn seeds_without_failover_stay_as_they_are() {
    let mut with = 0;
    for seed in 0..400 {
        assert_eq!(Failover::Never.plan(seed), Plan::of(seed));
        let mixed = Failover::Mixed.plan(seed);
        assert!(mixed == Plan::of(seed) || mixed == Plan::with_failover(seed));
        with += u32::from(mixed.failover.is_some());
    }
    assert!((60..200).contains(&with), "{with}");
}

/// From the holder's last sign of life to the next entry.
#[test]
fn takeovers_take_little_more_than_the_lease() {
    let addresses = Addresses::default();
    let mut sum = Figures::default();
    for members in [3, 5, 7] {
        let mut random = Rng::with_seed(members as u64);
        for _ in 0..40 {
            let plan = Plan::of_group(&mut random, members, true);
            let (figures, outcome) = run_plan(&plan, &addresses, None);
            assert_eq!(outcome, Ok(()), "{plan}");
            sum += figures;
        }
    }
    let takeovers = sum.failover.takeovers;
    eprintln!("{takeovers}");
    let rows = takeovers.rows();
    assert_eq!(rows.len(), 3);
    for (size, count, median, worst) in rows {
        assert!(
            count >= 35 && median <= 1.3,
            "{size:?}: {count} {median} {worst}"
        );
    }
    assert_eq!(takeovers.late, 0, "longer than two leases and a second");
}

/// The check can fail: the clocks' rates differ by more than the bound, and the grace is
/// used up by the commands.
#[test]
fn clocks_beyond_the_bound_show_two_holders() {
    let addresses = Addresses::default();
    let violation = |rate: i32, count: u64| {
        (0..count).find_map(|seed| {
            let mut random = Rng::with_seed(seed);
            let mut plan = Plan::of_group(&mut random, 3, true);
            let failover = plan.failover.as_mut()?;
            for (index, clock) in failover.clocks.iter_mut().enumerate() {
                clock.rate = if index % 2 == 0 { rate } else { -rate };
            }
            failover.commands_in_1000 = 1000;
            failover.dies_late_by = (failover.lease / 10).max(100_000);
            (plan.max_hold, plan.outlive_in_1000) = (3 * failover.lease, 1000);
            Some((seed, run_plan(&plan, &addresses, None).1.err()?))
        })
    };
    assert_eq!(violation(500, 60), None);
    let found = violation(20_000, 300);
    let (seed, violation) = found.expect("a violation");
    eprintln!("two in a hundred: seed {seed}, {violation}");
    assert!(matches!(violation, Violation::TwoHolders { .. }));
}
