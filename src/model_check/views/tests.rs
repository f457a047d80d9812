//! The searches.

use super::*;
use crate::model_check::{breadth_first, check, depth_first};
use crate::mutex::planted::Planted;

/// A walk of random steps.
fn walk(
    bounds: &Bounds,
    memo: &mut Memo,
    random: &mut fastrand::Rng,
    seen: &mut u16,
) -> (Result<(), Violation>, Vec<Action>) {
    let mut state = bounds.start(memo);
    let (mut path, mut actions) = (Vec::new(), Vec::new());
    for _ in 0..120 {
        actions.clear();
        bounds.actions(memo, &state, &mut actions);
        random.shuffle(&mut actions);
        let mut found = None;
        for action in &actions {
            // What ends or restarts is rarer than what goes on.
            let is_rare = matches!(
                action,
                Action::End(..) | Action::Restart(_) | Action::Leave(_) | Action::Propose(..)
            );
            if is_rare && random.u8(..) > 60 {
                continue;
            }
            if let Some(step) = bounds.step(memo, &state, *action, seen) {
                path.push(*action);
                found = Some(step);
                break;
            }
        }
        match found {
            None => break,
            Some(Err(violation)) => return (Err(violation), path),
            Some(Ok(next)) => state = next,
        }
    }
    (Ok(()), path)
}

fn walks(bounds: Bounds, seconds: u64) -> Option<(Violation, Vec<String>)> {
    let (start, mut memo, mut seen, mut n, mut steps) =
        (std::time::Instant::now(), Memo::default(), 0, 0, 0);
    let mut random = fastrand::Rng::with_seed(1);
    while start.elapsed().as_secs() < seconds {
        if n % 2000 == 1999 {
            memo = Memo::default();
        }
        let (outcome, path) = walk(&bounds, &mut memo, &mut random, &mut seen);
        n += 1;
        steps += path.len();
        if let Err(violation) = outcome {
            let steps: Vec<_> = path.iter().map(|action| action.describe(&memo)).collect();
            eprintln!(
                "{:?}: walk {n}: {violation:?}, {} steps",
                bounds.planted,
                steps.len()
            );
            return Some((violation, steps));
        }
    }
    eprintln!(
        "{:?}: {n} walks, {steps} steps, seen {seen:b}",
        bounds.planted
    );
    None
}

fn full() -> Bounds {
    SMALL
        .requests([3; 3])
        .restarts([1; 3])
        .proposals([2; 3])
        .counters(3)
        .acknowledges_at_once(false)
        .is_unreduced(true)
}

#[test]
fn try_walks() {
    if let Some(found) = walks(full(), 40) {
        panic!("{found:#?}");
    }
    if let Some(found) = walks(full().ahead(4), 40) {
        panic!("{found:#?}");
    }
    if let Some(found) = walks(full().ahead(4).leaves([1; 3]), 60) {
        panic!("{found:#?}");
    }
}

#[test]
fn try_bugs() {
    for bug in Planted::ALL
        .iter()
        .skip_while(|bug| **bug != Planted::BarredAcknowledged)
    {
        walks(full().ahead(4).leaves([1; 3]).planted(Some(*bug)), 8);
    }
}

#[test]
fn try_states() {
    for bug in Planted::ALL {
        let Some(group) = group_for(*bug) else {
            continue;
        };
        let start = std::time::Instant::now();
        let found = breadth_first(&group, None, 600_000);
        eprintln!(
            "{bug:?}: {:?} in {} steps, {} states, {:?}",
            found.violation,
            found.steps.len(),
            found.states,
            start.elapsed()
        );
        if std::env::var_os("STEPS").is_some() {
            eprintln!("{:#?}", found.steps);
        }
    }
}

#[test]
fn try_late() {
    let late = super::planted::LATE_DECISION;
    let old = super::planted::OLD_BEAT;
    for bounds in [
        late,
        late.is_unreduced(true),
        old,
        old.planted(Some(Planted::OldLeaveCounts)),
    ] {
        let found = breadth_first(&bounds, None, 1_000_000);
        eprintln!(
            "late: {:?} {:?} in {} steps, {} states, {:#?}",
            bounds.planted,
            found.violation,
            found.steps.len(),
            found.states,
            found.steps
        );
    }
}

#[test]
fn try_sizes() {
    let small = SMALL.requests([1, 1, 0]).proposals([0, 1, 0]);
    let s = bounds::sets;
    for (name, bounds) in [
        ("takeover", small.sets(s(&[0b110])).lapsing(1)),
        (
            "takeover holds",
            small
                .sets(s(&[0b110]))
                .lapsing(1)
                .script(&[scripts::WAITING, scripts::ENTERING]),
        ),
        (
            "one restart 1, none asks",
            small
                .requests([1, 0, 0])
                .sets(s(&[0b110]))
                .lapsing(1)
                .restarts([0, 1, 0]),
        ),
        (
            "one restart 1",
            small
                .sets(s(&[0b110]))
                .lapsing(1)
                .restarts([0, 1, 0])
                .script(&[scripts::WAITING, scripts::ENTERING]),
        ),
        (
            "restart 0",
            small
                .sets(s(&[0b110]))
                .lapsing(1)
                .restarts([1, 0, 0])
                .script(&[scripts::WAITING, scripts::ENTERING]),
        ),
        (
            "rejoin holds",
            small
                .sets(s(&[0b110, 0b111]))
                .lapsing(1)
                .counters(2)
                .proposals([0, 2, 0])
                .script(&[scripts::WAITING, scripts::ENTERING]),
        ),
        (
            "two proposers",
            small
                .requests([1, 1, 0])
                .sets(s(&[0b110, 0b101]))
                .lapsing(3)
                .proposals([1, 1, 0])
                .script(&[scripts::WAITING, scripts::ENTERING]),
        ),
        (
            "all",
            small
                .sets(s(&[0b110, 0b101, 0b011, 0b111]))
                .script(&[scripts::WAITING, scripts::ENTERING]),
        ),
        (
            "takeover2",
            small.requests([2, 1, 0]).sets(s(&[0b110])).lapsing(1),
        ),
    ] {
        let start = std::time::Instant::now();
        let found = breadth_first(&bounds, None, 700_000);
        eprintln!(
            "{name}: {} {:b} {:?} {:?}",
            found.states,
            found.seen,
            found.violation,
            start.elapsed()
        );
    }
}
