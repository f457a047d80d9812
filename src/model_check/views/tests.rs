//! The groups that are searched, and their numbers of states; and random walks.

use std::time::{Duration, Instant};

use super::bounds::{each, sets};
use super::coverage::*;
use super::planted::{HOLDING, LATE_DECISION, NOT_NOTED_BY_FIVE, NOTED_BY_FIVE, OLD_BEAT};
use super::scripts::{
    self, CUT_OFF, DELEGATING, ENTERING, SECOND_ENTRY, TAKEOVER as TAKEOVER_OF_TWO, WAITING,
};
use super::*;
use crate::model_check::{breadth_first, check, examples};
use crate::mutex::planted::Planted;
use crate::trace::{self, History};

/// The first member may be left out by the two others.
fn takeover() -> Bounds {
    HOLDING.script(&[])
}

#[test]
fn two_members_go_on_without_the_third() {
    let wanted = ENTERED | TAKEOVER | LOST | TWO_VIEWS_ENTERED;
    assert_eq!(check(&takeover(), wanted), 28_140);
}

#[test]
fn a_member_restarts_while_another_holds() {
    let wanted = TAKEOVER | LOST | ENTERED_AFTER_RESTART;
    assert_eq!(check(&HOLDING.restarts(each([0, 1, 0])), wanted), 446_161);
    let restarted = HOLDING.restarts(each([1, 0, 0]));
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

/// Rule 2, the bound is noted; rule 9, the token is below it.
#[test]
fn a_token_is_below_a_bound_that_some_voter_has_noted_whatever_member_its_clock_is_from() {
    assert_eq!(check(&NOTED_BY_FIVE, TAKEOVER | TWO_VIEWS_ENTERED), 721);
    assert_eq!(check(&NOT_NOTED_BY_FIVE, TAKEOVER), 154);
}

/// A command that outlives its member goes on with the lease of the next run, if that
/// comes in time.
#[test]
fn a_command_outlives_its_member_and_is_dead_before_another_enters() {
    let wanted = TAKEOVER | LOST | HELD_ACROSS_A_JOIN | RESUMED;
    assert_eq!(
        check(&HOLDING.restarts(each([1])).outlives(true), wanted),
        82_001
    );
}

#[test]
fn delegated_tokens_are_below_those_of_the_next_view() {
    let delegating = HOLDING.script(&[WAITING, ENTERING, DELEGATING]);
    let wanted = TAKEOVER | LOST | TWO_VIEWS_ENTERED;
    assert_eq!(check(&delegating.delegations(each([7])), wanted), 175_914);
}

/// Rule 5, in no view: the others have barred a member that is in the first view again, or
/// it is in a later one before another enters there.
#[test]
fn a_restart_into_the_first_view_does_no_harm() {
    let first = HOLDING
        .planted(Some(Planted::RestartIntoFirstView))
        .lapsing(0);
    let all = first.script(&[WAITING, CUT_OFF, TAKEOVER_OF_TWO, SECOND_ENTRY]);
    let all = all.requests(each([1, 2]));
    let one = all.restarts(each([0, 1]));
    assert_eq!(check(&one, ENTERED_AFTER_RESTART), 20_542);
    // Both: bounded, because all of it takes minutes.
    let both = breadth_first(&all.restarts(each([0, 1, 1])), None, 200_000);
    assert_eq!(both.violation, None);
    assert_eq!(both.seen & ENTERED_AFTER_RESTART, ENTERED_AFTER_RESTART);
}

/// So that no search passes because nothing happened.
#[test]
fn a_takeover_a_rejoin_a_hold_across_a_join_and_a_late_decision_happen() {
    let rejoin = HOLDING
        .proposals(each([0, 2]))
        .sets(sets(&[0b110, 0b111]))
        .counters(2);
    let rejoin = rejoin
        .script(&[WAITING, CUT_OFF, TAKEOVER_OF_TWO])
        .lapsing(0);
    let join = HOLDING.sets(sets(&[0b111])).lapsing(0);
    let late = LATE_DECISION.script(&[WAITING, ENTERING, scripts::LATE_DECISION]);
    for (bounds, goal) in [
        (takeover(), TAKEOVER),
        (rejoin, REJOINED),
        (join, HELD_ACROSS_A_JOIN),
        (late, DECIDED_LATE),
        (HOLDING.restarts(each([1])).outlives(true), RESUMED),
    ] {
        for (name, found) in examples(&bounds, goal) {
            assert_eq!(found.violation, None);
            eprintln!(
                "{name}: {} steps, {} states",
                found.steps.len(),
                found.states
            );
            let history = History::new(&found.runs).expect("a possible history");
            let report = trace::check(&history);
            assert!(report.is_clean(), "{name}: {}", report.text(&history));
        }
    }
}

/// Everything may happen, and no message is left out.
pub(super) fn whole() -> Bounds {
    SMALL
        .requests(each([3; 3]))
        .restarts(each([1; 3]))
        .proposals(each([2; 3]))
        .counters(3)
        .acknowledges_at_once(false)
        .is_unreduced(true)
}

/// The same of five, whose commands outlive them.
fn five() -> Bounds {
    let five = whole().members(5).outlives(true).delegations(each([2; 5]));
    let five = five.requests(each([2; 5])).proposals(each([1; 5]));
    five.restarts(each([1; 5])).ahead(8)
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
            Action::End(..) | Action::Propose(..) | Action::Change(..) => random.u8(..) < 60,
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
pub(super) fn walk_for(bounds: &Bounds, time: Duration, seed: u64) -> u16 {
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
        | walk_for(&five(), time, 6)
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
    walk_for(&five(), time, seed);
    let rejoin = HOLDING.sets(sets(&[0b110, 0b111])).counters(2);
    for bounds in [
        HOLDING.acknowledges_at_once(false).is_unreduced(true),
        takeover().acknowledges_at_once(false),
        takeover().sets(u32::MAX).lapsing(0b111),
        rejoin.proposals(each([0, 2, 0])),
        takeover().restarts(each([0, 1, 0])),
        takeover()
            .proposals(each([1, 1, 0]))
            .sets(u32::MAX)
            .counters(2),
        HOLDING.restarts(each([0, 1])).outlives(true),
        HOLDING.restarts(each([1, 1])).outlives(true),
    ] {
        let start = Instant::now();
        let states = check(&bounds, 0);
        eprintln!(
            "{bounds:?}: {states} states, all visited, {:?}",
            start.elapsed()
        );
    }
}
