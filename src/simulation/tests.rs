use super::plan::{Micros, PlanError, UserAction, UserActionKind};
use super::*;
use crate::mutex::planted::Planted;

/// The seeds of CI. `turno simulate --seeds N` runs more.
const SEEDS: u64 = 3_000;

#[test]
fn thousands_of_seeds_show_every_fault_and_no_violation() {
    let addresses = Addresses::default();
    let mut sum = Figures::default();
    for seed in 0..SEEDS {
        let (figures, outcome) = run_plan(&Plan::of(seed), &addresses, None);
        assert_eq!(outcome, Ok(()), "turno simulate --seed {seed} shows it");
        sum += figures;
    }
    let seen = [
        sum.entries,
        sum.entries_without_request,
        sum.delegated,
        sum.lost,
        sum.cut,
        sum.repeated,
        sum.overtaken,
        sum.unread,
        sum.crashes,
        sum.crashes_inside,
        sum.crashes_amid,
        sum.pauses,
        sum.partitions,
        sum.cancelled,
    ];
    assert!(seen.iter().all(|count| *count > 100), "{sum:?}");
    // Few nodes crash inside.
    let rare = [sum.crashes_outlived, sum.resumed];
    assert!(rare.iter().all(|count| *count > 30), "{sum:?}");
}

#[test]
fn two_runs_of_a_seed_are_the_same_to_the_byte() {
    let addresses = Addresses::default();
    for seed in 0..50 {
        let plan = Plan::of(seed);
        let (mut first, mut second) = (Recording::default(), Recording::default());
        let outcome = run_plan(&plan, &addresses, Some(&mut first));
        let again = run_plan(&Plan::of(seed), &addresses, Some(&mut second));
        assert_eq!(outcome, again);
        assert_eq!(outcome, run_plan(&plan, &addresses, None));
        assert!(first == second && !first.log.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_plan_is_read_as_it_was_written() {
    for seed in 0..50 {
        let plan = Plan::of(seed);
        let read: Plan = serde_json::from_str(&plan.to_string()).unwrap();
        assert_eq!(read, plan);
    }
}

#[test]
fn a_shrunk_plan_still_shows_a_violation() {
    let addresses = Addresses::default();
    let mut plan = Plan::of(37);
    plan.planted = Some(Planted::EchoIgnored);
    let (smallest, violation) = shrink(&plan, &addresses);
    assert!(violation.is_some());
    assert_eq!(run_plan(&smallest, &addresses, None).1.err(), violation);
    assert!(smallest.members.len() < plan.members.len());
    let length = |plan: &Plan| plan.faults.len() + plan.user_actions.len();
    assert!(length(&smallest) < length(&plan));
    let sound = Plan::of(37);
    assert_eq!(shrink(&sound, &addresses), (sound, None));
}

#[test]
fn a_plan_that_cannot_be_run_is_refused() {
    let checked = |change: &dyn Fn(&mut Plan)| {
        let mut plan = Plan::of(3);
        change(&mut plan);
        plan.check()
    };
    assert_eq!(checked(&|_| {}), Ok(()));
    let alone = checked(&|plan| plan.members = vec![ProgramKind::Durable]);
    assert_eq!(alone, Err(PlanError::Members(1)));
    let (at, id, what) = (0, 51, UserActionKind::Acquire);
    let strange = checked(&|plan| plan.user_actions = vec![UserAction { at, id, what }]);
    assert_eq!(strange, Err(PlanError::NoMember(51)));
    let endless = checked(&|plan| plan.max_hold = Micros::MAX);
    assert_eq!(endless, Err(PlanError::Delays));
}
