//! Groups whose member list changes, simulated.

use super::*;
use crate::mutex::planted::Planted;

/// The seeds of CI. `turno simulate --change-list --seeds N` runs more.
const SEEDS: u64 = 200;

fn plan(seed: u64) -> Plan {
    Plan::of(seed).with_changed_list()
}

fn plan_with_failover(seed: u64) -> Plan {
    Plan::with_failover(seed).with_changed_list()
}

/// The bugs that need a change of the list, and the plans that show them soon.
pub(crate) const IN_CHANGED_LISTS: &[(Planted, fn(u64) -> Plan)] = &[
    (Planted::ListChangedWithoutSkip, plan),
    (Planted::ListChangedUnheard, plan_with_failover),
    (Planted::ListChangedByMinority, plan_with_failover),
];

#[test]
fn hundreds_of_seeds_change_their_list_and_show_no_violation() {
    let addresses = Addresses::default();
    for plan_of in [plan, plan_with_failover] {
        let mut sum = Figures::default();
        for seed in 0..SEEDS {
            let plan = plan_of(seed);
            assert_eq!(plan.check(), Ok(()));
            let (figures, outcome) = run_plan(&plan, &addresses, None);
            assert_eq!(outcome, Ok(()), "--change-list --seed {seed} shows it");
            sum += figures;
        }
        eprintln!("{sum}");
        assert!(sum.lists_changed > SEEDS / 4, "{sum:?}");
    }
}

#[test]
fn a_plan_with_a_changed_list_is_read_as_it_was_written_and_runs_the_same() {
    let addresses = Addresses::default();
    for seed in 0..20 {
        let plan = plan(seed);
        let read: Plan = serde_json::from_str(&plan.to_string()).unwrap();
        assert_eq!(read, plan);
        let (mut first, mut second) = (Recording::default(), Recording::default());
        let outcome = run_plan(&plan, &addresses, Some(&mut first));
        assert_eq!(outcome, run_plan(&read, &addresses, Some(&mut second)));
        assert!(first == second && !first.log.is_empty(), "seed {seed}");
    }
}

#[test]
fn seeds_find_planted_bugs_of_a_changed_list() {
    let addresses = Addresses::default();
    for (bug, plan_of) in IN_CHANGED_LISTS {
        let found = (0..2_000).find_map(|seed| {
            let mut plan = plan_of(seed);
            plan.planted = Some(*bug);
            Some((seed, run_plan(&plan, &addresses, None).1.err()?))
        });
        let (seed, violation) = found.unwrap_or_else(|| panic!("{bug:?} is not found"));
        eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
    }
}
