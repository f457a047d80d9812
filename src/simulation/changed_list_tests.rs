//! Groups whose member list changes, simulated.

use super::failover_tests::are_read_as_written;
use super::failover_tests::planted::{PlanOf, first_seed};
use super::plan::{Fault, UserAction, UserActionKind};
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

/// In a group of three with failover the others go on without one. Then the list changes: one
/// of these is dead, or both, and the other one is cut off from the rest of the new list.
fn plan_with_a_member_that_lags(seed: u64, dead_of_the_others: usize) -> Plan {
    let mut plan = (seed..)
        .map(Plan::with_failover)
        .find(|plan| plan.members.len() == 3);
    let plan = plan.as_mut().expect("most groups have three members");
    let lease = plan.failover.as_ref().expect("it has failover").lease;
    let lags = u16::try_from(seed % 3).expect("it is small") + 1;
    let others: Vec<u16> = (1..=3).filter(|id| *id != lags).collect();
    let (dead, left) = others.split_at(dead_of_the_others);
    let cut = |id: u16, at: u64, until: u64| Fault::Partition {
        at,
        until,
        side: [id].into(),
        is_one_way: false,
    };
    let (changes_at, heals_at) = (8 * lease, 20 * lease);
    plan.faults = vec![
        cut(lags, lease, changes_at),
        Fault::ChangeList {
            at: changes_at,
            until: changes_at,
            dead: dead.iter().copied().collect(),
        },
    ];
    let cuts = left.iter().map(|id| cut(*id, changes_at, heals_at));
    plan.faults.extend(cuts);
    plan.user_actions.clear();
    for step in 0..200 {
        let at = lease + step * heals_at / 220;
        let acquires = (1..=3).map(|id| UserAction {
            at,
            id,
            what: UserActionKind::Acquire,
        });
        plan.user_actions.extend(acquires);
    }
    (plan.ahead, plan.max_delegated, plan.max_hold) = (20, 10, lease / 100);
    (plan.heals_at, plan.rushes) = (heals_at, Vec::new());
    plan.clone()
}

fn plan_in_which_one_is_dead(seed: u64) -> Plan {
    plan_with_a_member_that_lags(seed, 1)
}

fn plan_in_which_two_are_dead(seed: u64) -> Plan {
    plan_with_a_member_that_lags(seed, 2)
}

/// The bugs that need a change of the list, and the plans that show them soon.
pub(crate) const IN_CHANGED_LISTS: &[(Planted, PlanOf)] = &[
    (Planted::ListChangedWithoutSkip, plan),
    (Planted::ListChangedUnheard, plan_in_which_one_is_dead),
    (Planted::ListChangedByMinority, plan_in_which_two_are_dead),
];

#[test]
fn a_member_that_lags_carries_no_list_over_by_itself() {
    let addresses = Addresses::default();
    for seed in 0..30 {
        for plan_of in [plan_in_which_one_is_dead, plan_in_which_two_are_dead] {
            let (_, outcome) = run_plan(&plan_of(seed), &addresses, None);
            assert_eq!(outcome, Ok(()), "seed {seed}");
        }
    }
}

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
    are_read_as_written(plan);
}

#[test]
fn seeds_find_planted_bugs_of_a_changed_list() {
    for (bug, plan_of) in IN_CHANGED_LISTS {
        let found = first_seed(*bug, *plan_of, 500);
        let (seed, violation) = found.unwrap_or_else(|| panic!("{bug:?} is not found"));
        eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
    }
}
