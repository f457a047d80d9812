//! The groups that are searched, and their numbers of states; and random walks.

use std::time::{Duration, Instant};

use super::bounds::{each, sets};
use super::coverage::*;
use super::planted::{LATE_DECISION, OLD_BEAT};
use super::scripts::{CUT_OFF, ENTERING, WAITING};
use super::*;
use crate::model_check::{breadth_first, check};
use crate::mutex::planted::Planted;

/// The first member may be left out by the two others.
fn takeover() -> Bounds {
    let of_two = SMALL.requests(each([1, 1, 0])).proposals(each([0, 1, 0]));
    of_two.sets(sets(&[0b110])).lapsing(0b001)
}

/// It holds the lock at the start.
fn holding() -> Bounds {
    takeover().script(&[WAITING, ENTERING])
}

#[test]
fn two_members_go_on_without_the_third() {
    let wanted = ENTERED | TAKEOVER | LOST | TWO_VIEWS_ENTERED;
    assert_eq!(check(&takeover(), wanted), 28_140);
}

#[test]
fn a_member_restarts_while_another_holds() {
    let wanted = TAKEOVER | LOST | ENTERED_AFTER_RESTART;
    assert_eq!(check(&holding().restarts(each([0, 1, 0])), wanted), 446_161);
    let restarted = holding().restarts(each([1, 0, 0]));
    assert_eq!(check(&restarted, TAKEOVER | LOST), 73_008);
}

/// Rule 7, n >= promised.
#[test]
fn a_view_that_is_decided_late_is_stillborn() {
    assert_eq!(check(&LATE_DECISION, 0), 11_553);
    let planted = LATE_DECISION.planted(Some(Planted::JoinsBeforePromise));
    let found = breadth_first(&planted, None, 100_000);
    assert_eq!(found.violation, Some(Violation::TwoInside));
}

/// Rule 10: the run that left is not the one that counts on the others.
#[test]
fn an_old_beat_does_not_make_an_old_word_of_leaving_count() {
    assert_eq!(check(&OLD_BEAT, 0), 20_993);
    let planted = OLD_BEAT.planted(Some(Planted::LeaveOfAllRuns));
    let found = breadth_first(&planted, None, 300_000);
    assert_eq!(found.violation, Some(Violation::TwoInside));
}

/// Everything may happen, and no message is left out.
fn whole() -> Bounds {
    SMALL
        .requests(each([3; 3]))
        .restarts(each([1; 3]))
        .proposals(each([2; 3]))
        .counters(3)
        .acknowledges_at_once(false)
        .is_unreduced(true)
}

/// A random path of at most 120 steps.
fn walk(
    bounds: &Bounds,
    memo: &mut Memo,
    random: &mut fastrand::Rng,
    seen: &mut u16,
) -> Result<usize, (Violation, Vec<Action>)> {
    let mut state = bounds.start(memo);
    let (mut path, mut actions) = (Vec::new(), Vec::new());
    for _ in 0..120 {
        actions.clear();
        bounds.actions(memo, &state, &mut actions);
        random.shuffle(&mut actions);
        // What ends, restarts or changes the view is rarer than what goes on.
        actions.retain(|action| match action {
            Action::Restart(_) | Action::Leave(_) => random.u8(..) < 10,
            Action::End(..) | Action::Propose(..) => random.u8(..) < 60,
            _ => true,
        });
        let mut steps = actions.iter();
        let step = steps.find_map(|action| {
            let step = bounds.step(memo, &state, *action, seen)?;
            path.push(*action);
            Some(step)
        });
        match step {
            None => {}
            Some(Err(violation)) => return Err((violation, path)),
            Some(Ok(next)) => state = next,
        }
    }
    Ok(path.len())
}

/// Walks until the time is over, and returns the coverage.
fn walk_for(bounds: &Bounds, time: Duration, seed: u64) -> u16 {
    let start = Instant::now();
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut seen, mut walks, mut steps) = (0, 0_u64, 0);
    while start.elapsed() < time {
        // What is remembered of random paths is of no use for long.
        let mut memo = Memo::default();
        for _ in 0..50 {
            match walk(bounds, &mut memo, &mut random, &mut seen) {
                Ok(taken) => steps += taken,
                Err((violation, path)) => {
                    let path = path.iter().map(|action| action.describe(&memo));
                    let path: Vec<_> = path.collect();
                    panic!("{bounds:?}: {violation:?} after {path:#?}");
                }
            }
            walks += 1;
        }
    }
    eprintln!("{walks} walks, {steps} steps");
    seen
}

#[test]
fn random_walks_meet_no_violation() {
    let time = Duration::from_secs(4);
    let held = whole().script(&[WAITING, ENTERING]);
    let cut_off = whole().script(&[WAITING, ENTERING, CUT_OFF]);
    let cold = whole().is_warm(false).keeps_permissions(false);
    let seen = walk_for(&whole(), time, 1)
        | walk_for(&held, time, 2)
        | walk_for(&cut_off, time, 3)
        | walk_for(&cold, time, 5)
        | walk_for(&whole().ahead(4).leaves(each([1; 3])), time, 4);
    let wanted = ENTERED | TAKEOVER | LOST | HELD_ACROSS_A_JOIN;
    assert_eq!(seen & wanted, wanted);
}

/// `TURNO_MODEL_VIEWS=SECONDS` walks at random for this time, and then searches larger
/// groups, as long as it takes and as far as the memory suffices.
#[test]
fn larger_groups() {
    let Ok(seconds) = std::env::var("TURNO_MODEL_VIEWS") else {
        return;
    };
    let time = Duration::from_secs(seconds.parse().unwrap());
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    walk_for(&whole(), time, seed);
    walk_for(&whole().leaves(each([1; 3])).ahead(4), time, seed);
    let rejoin = holding().sets(sets(&[0b110, 0b111])).counters(2);
    for bounds in [
        holding().acknowledges_at_once(false).is_unreduced(true),
        takeover().acknowledges_at_once(false),
        takeover().sets(u32::MAX).lapsing(0b111),
        rejoin.proposals(each([0, 2, 0])),
        takeover().restarts(each([0, 1, 0])),
        takeover()
            .proposals(each([1, 1, 0]))
            .sets(u32::MAX)
            .counters(2),
    ] {
        let start = Instant::now();
        let states = check(&bounds, 0);
        eprintln!(
            "{bounds:?}: {states} states, all visited, {:?}",
            start.elapsed()
        );
    }
}
