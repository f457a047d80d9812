//! A plan that shows what must not be, made as small as it goes: fewer faults,
//! fewer wishes, fewer members, a calmer network, as long as it still shows it.

use super::addresses::Addresses;
use super::oracle::Violation;
use super::plan::{Fault, Plan};
use super::world::play;

/// How often the dice are thrown anew for a plan that has become smaller: what
/// comes after a part that was left out falls differently.
const THROWS: u64 = 8;

/// The smallest plan found that shows what must not be, and what that is. The
/// plan itself, if it shows nothing.
#[must_use]
pub fn shrunk(plan: &Plan, addresses: &Addresses) -> (Plan, Option<Violation>) {
    let mut best = plan.clone();
    let mut shows = play(&best, addresses, None).1.err();
    if shows.is_none() {
        return (best, None);
    }
    while let Some((smaller, violation)) = smaller(&best)
        .into_iter()
        .find_map(|candidate| still_shows(candidate, addresses))
    {
        best = smaller;
        shows = Some(violation);
    }
    (best, shows)
}

fn still_shows(candidate: Plan, addresses: &Addresses) -> Option<(Plan, Violation)> {
    (0..THROWS).find_map(|throw| {
        let plan = Plan {
            dice: candidate.dice.wrapping_add(throw),
            ..candidate.clone()
        };
        let violation = play(&plan, addresses, None).1.err()?;
        Some((plan, violation))
    })
}

/// Plans that lack something, the boldest first.
fn smaller(plan: &Plan) -> Vec<Plan> {
    let mut plans = Vec::new();
    if plan.members.len() > 2 {
        plans.extend(without_last_member(plan));
    }
    for place in 0..plan.faults.len() {
        let mut without = plan.clone();
        without.faults.remove(place);
        plans.push(without);
    }
    for count in [plan.wishes.len() / 2, 1] {
        for from in (0..plan.wishes.len()).step_by(count.max(1)) {
            let mut without = plan.clone();
            without
                .wishes
                .drain(from..(from + count).min(plan.wishes.len()));
            plans.push(without);
        }
    }
    let mut calmer_by = |change: fn(&mut Plan)| {
        let mut calmer = plan.clone();
        change(&mut calmer);
        if calmer != *plan {
            plans.push(calmer);
        }
    };
    calmer_by(|plan| plan.network.lost_in_1000 = 0);
    calmer_by(|plan| plan.network.repeated_in_1000 = 0);
    calmer_by(|plan| plan.network.late_in_1000 = 0);
    calmer_by(|plan| plan.network.late_by = 0);
    calmer_by(|plan| plan.network.spread = 0);
    calmer_by(|plan| plan.has_key = false);
    calmer_by(|plan| plan.lent = 0);
    calmer_by(|plan| plan.outlive_in_1000 = 0);
    calmer_by(|plan| plan.ask_everybody.clear());
    plans.retain(|smaller| smaller != plan);
    plans
}

fn without_last_member(plan: &Plan) -> Option<Plan> {
    let gone = u16::try_from(plan.members.len()).ok()?;
    let mut without = plan.clone();
    without.members.pop();
    without.ask_everybody.remove(&gone);
    without.odd = without.odd.filter(|odd| odd + 1 < gone);
    without.wishes.retain(|wish| wish.id != gone);
    without.faults.retain_mut(|fault| match fault {
        Fault::Partition { side, .. } => {
            side.remove(&gone);
            !side.is_empty()
        }
        Fault::Crash { id, .. } | Fault::Pause { id, .. } => *id != gone,
    });
    Some(without)
}
