//! Mutation tests: the model check or the simulation finds every bug of [`Planted`].
//!
//! `cargo test every_planted_bug -- --nocapture` prints which of them finds it, and how
//! soon. With `TURNO_MODEL_TRACE=DIR` the traces of the model check are kept, one folder
//! for each bug, for `turno trace`.

use crate::model_check::lock::{self, Bounds, SMALL};
use crate::model_check::{Found, breadth_first, keep, views};
use crate::mutex::planted::Planted;
use crate::simulation::changed_list_tests::IN_CHANGED_LISTS;
use crate::simulation::failover_tests::planted::IN_TIME;
use crate::simulation::{Addresses, Plan, Violation, run_plan};
use crate::trace::{Fault, History, check};

/// How many states the model check searches for a bug.
const MAX_STATES: u64 = 100_000;

/// How many states the model check of failover searches for a bug.
const MAX_STATES_OF_VIEWS: u64 = 500_000;

/// A delegated lock is entered without the node: `src/node/delegation.rs` has the test. The
/// shortest way to two members by a writer that asks again as a reader is long:
/// `src/protocol/tests/shared.rs` has it. Those of members that come and go need a long life,
/// which `src/views/tests/changes.rs` has.
const IN_A_UNIT_TEST: &[Planted] = &[
    Planted::DelegationOutlivesLease,
    Planted::WriterAsksAgainAsReader,
    Planted::LeaseOfListedMajority,
    Planted::AdoptedWithoutFloor,
];

/// How many seeds the simulation runs for a bug.
const MAX_SEEDS: u64 = 10_000;

/// The group in which the model check searches for a bug, or `None` if the bug needs
/// sockets, original peers, time or another member list: then the simulation searches
/// for it.
fn group_for(bug: Planted) -> Option<Bounds> {
    // The reduction assumes the algorithm without a bug.
    let group = SMALL.planted(Some(bug)).is_unreduced(true);
    let group = group.checks_permissions(false);
    let sharing = group.sharing(2);
    let durable = group.crashes(1).ahead(2);
    let forgetful = group.crashes(1).is_durable(false);
    let forgetful_resuming = forgetful.outlives(true);
    Some(match bug {
        Planted::EchoIgnored
        | Planted::LateReplyCounted
        | Planted::ReplyWithoutOwnClock
        | Planted::NoTickOnReceive
        | Planted::NoTieBreak
        | Planted::OrderReversed
        | Planted::RepliesWhileWaiting
        | Planted::QueueForgotten
        | Planted::PermissionKeptAfterReply => group,
        Planted::RepliesCounted | Planted::PermissionNotRequestedAgain => group.members(3),
        Planted::WriterLetsReadersPass
        | Planted::ReaderLetsWritersPass
        | Planted::HeldWriterLetsReadersIn
        | Planted::HeldReaderLetsWritersIn
        | Planted::SharedReplyKeptAsExclusive
        | Planted::SharedPermissionServesWriter
        | Planted::SharedPermissionKeptAfterReply
        | Planted::ExclusiveKeptAfterSharedReply
        | Planted::EarlierReplyCountsForWriter => sharing,
        Planted::ResumedWriterTakenForReader => durable.outlives(true).sharing(2),
        Planted::ClockReused => group.cancels(1),
        Planted::TryKeepsPermissions | Planted::LateTryGranted => group.rushes(1),
        Planted::RefusedTryGranted => group.are_tries(true),
        Planted::NoteOfAnyRequest => group.rushes(2),
        Planted::AheadWithoutBound => forgetful.delegations(1).tokens(8).ahead(4),
        Planted::PermissionsSurviveCrash
        | Planted::ClockForgotten
        | Planted::NeverReserved
        | Planted::ReservedLate => durable,
        Planted::SyncedByAnyMessage => forgetful,
        Planted::ResumedEntryReplies => durable.outlives(true),
        Planted::ClockBehindResumedToken | Planted::ResumedEntryAnswersQueue => forgetful_resuming,
        Planted::ResumedEntryDelegatesUnsynced | Planted::ResumedEntryLeavesUnsynced => {
            forgetful_resuming.delegations(2)
        }
        Planted::NeverResent
        | Planted::ResentWithNewClock
        | Planted::OriginalReplyAnywhere
        | Planted::OneRequestPerOriginal
        | Planted::OriginalAnsweredAtListedPort
        | Planted::ForeignListAccepted => return None,
        _ => return None,
    })
}

/// Asserts that the check of the trace, which the members themselves recorded, finds the
/// violation that the search found.
fn check_trace(bug: Planted, violation: lock::Violation, found: &Found<lock::Violation>) {
    keep(&format!("{bug:?}"), &found.runs);
    let history = History::new(&found.runs).expect("a possible history");
    let report = check(&history);
    let text = report.text(&history);
    // The search knows which of two entries came first. If neither could know of the
    // other, a trace shows that both were in the section, not whose token is wrong.
    let is_shown = |fault: &Fault| match violation {
        lock::Violation::ClockBehindToken => matches!(fault, Fault::ClockWentBack(_)),
        _ => matches!(
            fault,
            Fault::HeldTwice(_) | Fault::TokenDidNotRise(_) | Fault::DelegatedAgain(_)
        ),
    };
    if matches!(
        violation,
        lock::Violation::NeverEnters
            | lock::Violation::TwoTries
            | lock::Violation::NoTry
            | lock::Violation::RefusedTryEntered
    ) {
        // No event is wrong: an entry is missing, or is one too many.
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

/// As [`check_trace`], of the model of failover.
fn check_trace_of_views(bug: Planted, found: &Found<views::Violation>) {
    keep(&format!("{bug:?}"), &found.runs);
    let history = History::new(&found.runs).expect("a possible history");
    let report = check(&history);
    // With this bug the member itself records that it has left.
    let is_shown = bug != Planted::HolderRepliesInView;
    // No entry is wrong yet: two groups may go on beside each other.
    if found.violation == Some(views::Violation::TwoLines) {
        return;
    }
    assert_eq!(
        is_shown,
        !report.is_clean(),
        "{bug:?}: {}",
        report.text(&history)
    );
}

/// The first seed with which the simulation finds the bug.
fn simulate(
    bug: Planted,
    plan_of: impl Fn(u64) -> Plan,
    addresses: &Addresses,
) -> Option<(Violation, u64)> {
    (0..MAX_SEEDS).find_map(|seed| {
        let mut plan = plan_of(seed);
        plan.planted = Some(bug);
        let violation = run_plan(&plan, addresses, None).1.err()?;
        Some((violation, seed))
    })
}

#[test]
fn every_planted_bug_is_found() {
    let addresses = Addresses::default();
    let mut missed = Vec::new();
    for bug in Planted::ALL {
        if IN_A_UNIT_TEST.contains(bug) || views::HARMLESS.contains(bug) {
            continue;
        }
        if let Some(group) = views::group_for(*bug) {
            let found = breadth_first(&group, None, MAX_STATES_OF_VIEWS);
            let Some(violation) = found.violation else {
                missed.push((bug, "model check of failover"));
                continue;
            };
            let (scripted, steps) = (group.scripted_steps(), found.steps.len());
            let states = found.states;
            eprintln!(
                "{bug:?}: model check of failover, {violation:?} in {scripted} + {steps} steps, \
                 {states} states"
            );
            check_trace_of_views(*bug, &found);
        } else if let Some(group) = group_for(*bug) {
            let found = breadth_first(&group, None, MAX_STATES);
            let Some(violation) = found.violation else {
                missed.push((bug, "model check"));
                continue;
            };
            let (steps, states) = (found.steps.len(), found.states);
            eprintln!("{bug:?}: model check, {violation:?} in {steps} steps, {states} states");
            check_trace(*bug, violation, &found);
        } else if let Some((_, plan_of)) =
            (IN_TIME.iter().chain(IN_CHANGED_LISTS)).find(|(of, _)| of == bug)
        {
            if let Some((violation, seed)) = simulate(*bug, plan_of, &addresses) {
                eprintln!("{bug:?}: simulation of failover, seed {seed}: {violation}");
            } else {
                missed.push((bug, "simulation of failover"));
            }
        } else if let Some((violation, seed)) = simulate(*bug, Plan::of, &addresses) {
            eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
        } else {
            missed.push((bug, "simulation"));
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}

/// The model check finds these in small groups; here they meet all other faults.
#[test]
fn the_simulation_finds_bugs_of_resumed_entries_too() {
    let addresses = Addresses::default();
    for bug in [
        Planted::ResumedEntryReplies,
        Planted::ClockBehindResumedToken,
    ] {
        let (violation, seed) =
            simulate(bug, Plan::of, &addresses).expect("the simulation finds it");
        eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
    }
}
