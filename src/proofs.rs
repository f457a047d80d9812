//! That the proofs prove something: every bug of [`Planted`] is planted, and the
//! model check or the simulation finds it.
//!
//! `cargo test every_planted_bug -- --nocapture` prints by which, and after how
//! much.

use crate::model_check::{self, SMALL, Setting, nearest_first};
use crate::mutex::planted::Planted;
use crate::simulation::{Addresses, Plan, Violation, play};

/// A search that is this large without a find has missed the bug.
const MOST_STATES: u64 = 100_000;

/// Seeds without a find after which the simulation has missed it.
const MOST_SEEDS: u64 = 10_000;

/// The group in which the model check looks for a bug; none for those that need
/// sockets, seed processes, time or another member list: that is the
/// simulation's business.
fn group_for(bug: Planted) -> Option<Setting> {
    let group = Setting {
        planted: Some(bug),
        // What the bug does to the dead is not known.
        keeps_the_dead: true,
        ..SMALL
    };
    let of_three = Setting {
        members: 3,
        ..group
    };
    let that_gives_up = Setting {
        cancels: 1,
        ..group
    };
    let on_disk = Setting {
        crashes: 1,
        ahead: 2,
        ..group
    };
    let that_hears = Setting {
        crashes: 1,
        is_durable: false,
        ..group
    };
    let that_gets_ahead = Setting {
        lends: 1,
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
        Planted::SeedReplyRepeated
        | Planted::ForeignListAccepted
        | Planted::OneRequestOfASeed
        | Planted::NeverResent
        | Planted::ResentWithNewClock
        | Planted::SeedAnsweredAtItsPort => None,
    }
}

/// The states and the steps to what the model check finds.
fn checked(bug: Planted) -> Option<(model_check::Violation, usize, u64)> {
    let found = nearest_first(&group_for(bug)?, Some(MOST_STATES));
    let (violation, steps) = found.violation?;
    Some((violation, steps.len(), found.states))
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
        if let Some((violation, steps, states)) = checked(*bug) {
            eprintln!("{bug:?}: model check, {violation:?} in {steps} steps, {states} states");
        } else if group_for(*bug).is_some() {
            missed.push((bug, "model check"));
        } else if let Some((violation, seed)) = simulated(*bug, &addresses) {
            eprintln!("{bug:?}: simulation, seed {seed}: {violation}");
        } else {
            missed.push((bug, "simulation"));
        }
    }
    assert!(missed.is_empty(), "not found: {missed:?}");
}
