//! That the proofs prove something: every bug of [`Planted`] is planted, and the
//! model check or the simulation finds it.
//!
//! `cargo test every_planted_bug -- --nocapture` prints by which, and after how
//! much; with `TURNO_MODEL_TRACE=DIR` the traces of what the model check finds are
//! kept, a folder a bug, for `turno trace`.

use crate::model_check::{self, Bounds, Found, SMALL, keep, nearest_first};
use crate::mutex::planted::Planted;
use crate::simulation::{Addresses, Plan, Violation, play};
use crate::trace::{Fault, History, check};

/// A search that is this large without a find has missed the bug.
const MOST_STATES: u64 = 100_000;

/// Seeds without a find after which the simulation has missed it.
const MOST_SEEDS: u64 = 10_000;

/// The group in which the model check looks for a bug; none for those that need
/// sockets, seed processes, time or another member list: that is the
/// simulation's business.
fn group_for(bug: Planted) -> Option<Bounds> {
    let group = Bounds {
        planted: Some(bug),
        // What the bug does to the dead is not known.
        is_unreduced: true,
        ..SMALL
    };
    let of_three = Bounds {
        members: 3,
        ..group
    };
    let that_gives_up = Bounds {
        cancels: 1,
        ..group
    };
    let on_disk = Bounds {
        crashes: 1,
        ahead: 2,
        ..group
    };
    let that_hears = Bounds {
        crashes: 1,
        is_durable: false,
        ..group
    };
    let outlived = Bounds {
        outlives: true,
        ..on_disk
    };
    let outlived_that_hears = Bounds {
        outlives: true,
        ..that_hears
    };
    let outlived_that_lends = Bounds {
        delegates: 2,
        ..outlived_that_hears
    };
    let that_gets_ahead = Bounds {
        delegates: 1,
        lent: 8,
        ahead: 4,
        ..that_hears
    };
    match bug {
        Planted::NoEcho
        | Planted::EchoWithoutClock
        | Planted::NoTickPast
        | Planted::NoTieBreak
        | Planted::RepliesWhileWaiting
        | Planted::QueueForgotten
        | Planted::LateReplyAccepted
        | Planted::KeptThoughGivenAway
        | Planted::OrderTurned => Some(group),
        Planted::RepliesCounted => Some(of_three),
        Planted::GivenAwayForGood => Some(of_three),
        Planted::NeverHeard => Some(that_gets_ahead),
        Planted::ClockReused => Some(that_gives_up),
        Planted::ClockForgotten
        | Planted::NeverReserved
        | Planted::ReservedLate
        | Planted::KeptInACrash => Some(on_disk),
        Planted::HeardFromAnything => Some(that_hears),
        Planted::ResumedAndReplies => Some(outlived),
        Planted::ResumedBehind | Planted::ResumedAndAnswersAll => Some(outlived_that_hears),
        Planted::ResumedLendsUnheard | Planted::ResumedAnswersUnheard => Some(outlived_that_lends),
        Planted::SeedReplyRepeated
        | Planted::ForeignListAccepted
        | Planted::OneRequestOfASeed
        | Planted::NeverResent
        | Planted::ResentWithNewClock
        | Planted::SeedAnsweredAtItsPort => None,
    }
}

/// What the model check finds.
fn checked(bug: Planted) -> Option<Found> {
    Some(nearest_first(&group_for(bug)?, Some(MOST_STATES)))
}

/// Sees that its trace, as the members themselves have written it, is judged as
/// the search did.
fn judge_the_trace(bug: Planted, violation: model_check::Violation, found: &Found) {
    keep(&format!("{bug:?}"), &found.runs);
    let history = History::new(&found.runs).expect("it happened");
    let report = check(&history);
    let told = report.text(&history);
    // The search knows which of two came first. If neither could know of the other,
    // a trace shows that they were not kept apart, and not whose token is wrong.
    let is_shown = |fault: &Fault| match violation {
        model_check::Violation::ClockBehindToken => matches!(fault, Fault::ClockWentBack(_)),
        _ => matches!(
            fault,
            Fault::HeldTwice(_) | Fault::TokenDidNotRise(_) | Fault::DelegatedAgain(_)
        ),
    };
    if violation == model_check::Violation::NeverEnters {
        // Nothing that happened is wrong: what is wrong is what did not.
        assert!(report.is_clean(), "{bug:?}:\n{told}");
        return;
    }
    assert!(report.faults.iter().any(is_shown), "{bug:?}:\n{told}");
    assert!(told.contains("VIOLATION") && told.contains(", line "));
    assert!(
        told.ends_with("the trace is whole: this is a true violation"),
        "{bug:?}:\n{told}"
    );
}

/// The first seed with which the simulation finds it.
fn simulated(bug: Planted, addresses: &Addresses) -> Option<(Violation, u64)> {
    (0..MOST_SEEDS).find_map(|seed| {
        let plan = Plan {
            planted: Some(bug),
            ..Plan::of(seed)
        };
        let violation = play(&plan, addresses, None).1.err()?;
        Some((violation, seed))
    })
}

#[test]
fn every_planted_bug_is_found() {
    let addresses = Addresses::default();
    let mut missed = Vec::new();
    for bug in Planted::ALL {
        if let Some(found) = checked(*bug) {
            let Some((violation, steps)) = &found.violation else {
                missed.push((bug, "model check"));
                continue;
            };
            let (steps, states) = (steps.len(), found.states);
            eprintln!("{bug:?}: model check, {violation:?} in {steps} steps, {states} states");
            judge_the_trace(*bug, *violation, &found);
        } else if let Some((violation, seed)) = simulated(*bug, &addresses) {
            eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
        } else {
            missed.push((bug, "simulation"));
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// The model check finds these in small groups; here they meet everything else
/// that can go wrong.
#[test]
fn bugs_about_entries_that_outlive_a_crash_are_found_by_the_simulation_too() {
    let addresses = Addresses::default();
    for bug in [Planted::ResumedAndReplies, Planted::ResumedBehind] {
        let (violation, seed) = simulated(bug, &addresses).expect("it is found");
        eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
    }
}
