//! Shrinks a plan that shows a violation: fewer faults, user actions and members, and a
//! calmer network, as long as it still shows one.

use super::addresses::Addresses;
use super::oracle::Violation;
use super::plan::{FailoverPlan, Fault, Plan};
use super::run::run_plan;

/// How many random seeds a smaller plan gets: once a part is left out, chance falls
/// differently on the rest.
const RANDOM_SEEDS: u64 = 8;

/// Returns the smallest plan found that shows a violation, and the violation. A plan
/// that shows none is returned as it is.
pub fn shrink(plan: &Plan, addresses: &Addresses) -> (Plan, Option<Violation>) {
    let mut best = plan.clone();
    let mut shown = run_plan(&best, addresses, None).1.err();
    if shown.is_none() {
        return (best, None);
    }
    while let Some((smaller, violation)) = smaller_plans(&best)
        .into_iter()
        .find_map(|candidate| still_violating(candidate, addresses))
    {
        best = smaller;
        shown = Some(violation);
    }
    (best, shown)
}

fn still_violating(mut plan: Plan, addresses: &Addresses) -> Option<(Plan, Violation)> {
    let first = plan.random_seed;
    (0..RANDOM_SEEDS).find_map(|offset| {
        plan.random_seed = first.wrapping_add(offset);
        let violation = run_plan(&plan, addresses, None).1.err()?;
        Some((plan.clone(), violation))
    })
}

/// Plans that lack something, the boldest first.
fn smaller_plans(plan: &Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut add = |change: &dyn Fn(&mut Plan)| {
        let mut smaller = plan.clone();
        change(&mut smaller);
        if smaller != *plan {
            plans.push(smaller);
        }
    };
    let least = if plan.failover.is_some() { 3 } else { 2 };
    if plan.members.len() > least {
        add(&remove_last_member);
    }
    for index in 0..plan.faults.len() {
        add(&|plan| drop(plan.faults.remove(index)));
    }
    let actions = plan.user_actions.len();
    for count in [actions / 2, 1] {
        for from in (0..actions).step_by(count.max(1)) {
            let to = (from + count).min(actions);
            add(&|plan| drop(plan.user_actions.drain(from..to)));
        }
    }
    add(&|plan| plan.network.lost_in_1000 = 0);
    add(&|plan| plan.network.repeated_in_1000 = 0);
    add(&|plan| plan.network.late_in_1000 = 0);
    add(&|plan| plan.network.late_by = 0);
    add(&|plan| plan.network.spread = 0);
    add(&|plan| plan.has_key = false);
    add(&|plan| plan.max_delegated = 0);
    add(&|plan| plan.outlive_in_1000 = 0);
    add(&|plan| plan.ask_everybody.clear());
    add(&|plan| plan.failover.iter_mut().for_each(FailoverPlan::calm));
    plans
}

fn remove_last_member(plan: &mut Plan) {
    let removed = u16::try_from(plan.members.len()).expect("ids are 16 bits wide");
    plan.members.pop();
    if let Some(failover) = &mut plan.failover {
        failover.clocks.pop();
    }
    plan.ask_everybody.remove(&removed);
    plan.misled = plan.misled.filter(|misled| misled + 1 < removed);
    plan.user_actions.retain(|action| action.id != removed);
    plan.faults.retain_mut(|fault| match fault {
        Fault::Partition { side, .. } => {
            side.remove(&removed);
            !side.is_empty()
        }
        Fault::ChangeList { dead, .. } => {
            dead.remove(&removed);
            true
        }
        fault => !fault.named().contains(&Some(removed)),
    });
}
