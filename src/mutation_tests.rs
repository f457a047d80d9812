//! Proves that the proofs find bugs: every bug of [`Planted`] is planted, and the model
//! check or the simulation finds it.
//!
//! `cargo test every_planted_bug -- --nocapture` prints which of them finds it, and how
//! soon. With `TURNO_MODEL_TRACE=DIR` the traces of what the model check finds are
//! written, a folder for each bug, for `turno trace`.

use crate::model_check::lock::{self, Bounds, SMALL};
use crate::model_check::{Found, breadth_first, keep};
use crate::mutex::planted::Planted;
use crate::simulation::{Addresses, Plan, Violation, run_plan};
use crate::trace::{Fault, History, check};

/// A search of this many states without a violation has missed the bug.
const MAX_STATES: u64 = 100_000;

/// The simulation has missed the bug after this many seeds without a violation.
const MAX_SEEDS: u64 = 10_000;

/// The group in which the model check looks for a bug. `None` if the bug needs sockets,
/// processes of the original, time or another member list: the simulation finds those.
fn group_for(bug: Planted) -> Option<Bounds> {
    // The bug may revive messages that are obsolete without it.
    let group = SMALL.planted(Some(bug)).is_unreduced(true);
    let of_three = group.members(3);
    let cancelling = group.cancels(1);
    let durable = group.crashes(1).ahead(2);
    let forgetful = group.crashes(1).is_durable(false);
    let outliving = durable.outlives(true);
    let outliving_and_forgetful = forgetful.outlives(true);
    let outliving_and_delegating = outliving_and_forgetful.delegations(2);
    let limited = forgetful.delegations(1).tokens(8).ahead(4);
    Some(match bug {
        Planted::NoEcho
        | Planted::EchoWithoutClock
        | Planted::NoTickPast
        | Planted::NoTieBreak
        | Planted::RepliesWhileWaiting
        | Planted::QueueForgotten
        | Planted::LateReplyAccepted
        | Planted::KeptThoughGivenAway
        | Planted::OrderTurned => group,
        Planted::RepliesCounted | Planted::GivenAwayForGood => of_three,
        Planted::NeverHeard => limited,
        Planted::ClockReused => cancelling,
        Planted::ClockForgotten
        | Planted::NeverReserved
        | Planted::ReservedLate
        | Planted::KeptInACrash => durable,
        Planted::HeardFromAnything => forgetful,
        Planted::ResumedAndReplies => outliving,
        Planted::ResumedBehind | Planted::ResumedAndAnswersAll => outliving_and_forgetful,
        Planted::ResumedLendsUnheard | Planted::ResumedAnswersUnheard => outliving_and_delegating,
        Planted::SeedReplyRepeated
        | Planted::ForeignListAccepted
        | Planted::OneRequestOfASeed
        | Planted::NeverResent
        | Planted::ResentWithNewClock
        | Planted::SeedAnsweredAtItsPort => return None,
    })
}

/// Checks that the trace, as the members themselves recorded it, is judged as the search
/// judged it.
fn judge_the_trace(bug: Planted, violation: lock::Violation, found: &Found<lock::Violation>) {
    keep(&format!("{bug:?}"), &found.runs);
    let history = History::new(&found.runs).expect("the history is possible");
    let report = check(&history);
    let text = report.tell(&history).to_string();
    // The search knows which of two entries came first. If neither member could know of the
    // other, a trace shows that they were not kept apart, and not whose token is wrong.
    let is_shown = |fault: &Fault| match violation {
        lock::Violation::ClockBehindToken => matches!(fault, Fault::ClockWentBack(_)),
        _ => matches!(
            fault,
            Fault::HeldTwice(_) | Fault::TokenDidNotRise(_) | Fault::LentAgain(_)
        ),
    };
    if violation == lock::Violation::NeverEnters {
        // No event is wrong: the wrong is what does not happen.
        assert!(report.is_clean(), "{bug:?}:\n{text}");
        return;
    }
    assert!(report.faults.iter().any(is_shown), "{bug:?}:\n{text}");
    assert!(text.contains("VIOLATION") && text.contains(", line "));
    assert!(
        text.ends_with("the trace is whole: this is a true violation"),
        "{bug:?}:\n{text}"
    );
}

/// The violation that the simulation finds, and the first seed that shows it.
fn simulate(bug: Planted, addresses: &Addresses) -> Option<(Violation, u64)> {
    (0..MAX_SEEDS).find_map(|seed| {
        let plan = Plan {
            planted: Some(bug),
            ..Plan::of(seed)
        };
        let violation = run_plan(&plan, addresses, None).1.err()?;
        Some((violation, seed))
    })
}

#[test]
fn every_planted_bug_is_found() {
    let addresses = Addresses::default();
    let mut missed = Vec::new();
    for bug in Planted::ALL {
        if let Some(group) = group_for(*bug) {
            let found = breadth_first(&group, None, MAX_STATES);
            let Some(violation) = found.violation else {
                missed.push((bug, "model check"));
                continue;
            };
            let (steps, states) = (found.steps.len(), found.states);
            eprintln!("{bug:?}: model check, {violation:?} in {steps} steps, {states} states");
            judge_the_trace(*bug, violation, &found);
        } else if let Some((violation, seed)) = simulate(*bug, &addresses) {
            eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
        } else {
            missed.push((bug, "simulation"));
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// The model check finds these in small groups; in the simulation all other faults happen
/// at the same time.
#[test]
fn the_simulation_also_finds_bugs_about_entries_that_outlive_a_crash() {
    let addresses = Addresses::default();
    for bug in [Planted::ResumedAndReplies, Planted::ResumedBehind] {
        let (violation, seed) = simulate(bug, &addresses).expect("it is found");
        eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
    }
}
