//! The groups that are searched, and their numbers of states.

use std::collections::{HashSet, VecDeque};

use super::*;
use crate::model_check::breadth_first;
use crate::model_check::visited::Visited;
use crate::model_check::{check, examples, keep};
use crate::mutex::planted::Planted;
use crate::trace::{self, History};

/// The number of random paths.
const WALKS: u32 = 5_000;

/// Searches every state of a group, and returns how many there are.
fn states(bounds: Bounds) -> u64 {
    check(&bounds, bounds.wanted_coverage())
}

#[test]
fn two_members_with_three_entries_each() {
    let keeping = SMALL.entries(3).cancels(1);
    assert_eq!(states(keeping), 1_383);
    assert_eq!(states(keeping.keeping_none(1)), 1_920);
    assert_eq!(states(keeping.keeping_none(2)), 2_347);
}

#[test]
fn two_members_that_delegate() {
    let delegating = SMALL.entries(3).cancels(1).delegations(2);
    assert_eq!(states(delegating), 8_411);
    let crashing = delegating.entries(2).crashes(1);
    assert_eq!(states(crashing), 176_129);
}

#[test]
fn three_members_with_two_entries_each() {
    assert_eq!(states(SMALL.members(3)), 1_398_649);
}

#[test]
fn three_members_with_two_entries_each_that_keep_no_permissions() {
    assert_eq!(states(SMALL.members(3).keeping_none(3)), 3_375_830);
}

/// Of several tries of one moment exactly one enters, also with kept permissions.
#[test]
fn members_that_try_at_the_same_moment() {
    assert_eq!(states(SMALL.rushes(2)), 3_913);
    assert_eq!(states(SMALL.rushes(2).keeping_none(2)), 3_163);
    assert_eq!(states(SMALL.members(3).entries(0).rushes(1)), 87_988);
}

/// A try that was refused never enters, even if the note is lost.
#[test]
fn members_whose_requests_are_all_tries() {
    assert_eq!(states(SMALL.are_tries(true)), 823);
    assert_eq!(states(SMALL.members(3).entries(1).are_tries(true)), 693_285);
}

#[test]
fn two_members_that_crash_with_clocks_on_disk() {
    let durable = SMALL.crashes(2);
    assert_eq!(states(durable), 76_577);
    assert_eq!(states(durable.keeping_none(2)), 138_721);
}

#[test]
fn two_members_that_crash_and_forget_their_clocks() {
    let forgetful = SMALL.crashes(1).is_durable(false);
    assert_eq!(states(forgetful), 26_602);
    assert_eq!(states(forgetful.keeping_none(2)), 45_606);
}

#[test]
fn two_members_with_clocks_on_disk_whose_entries_outlive_crashes() {
    let durable = SMALL.crashes(2).outlives(true);
    assert_eq!(states(durable), 85_906);
    assert_eq!(states(durable.keeping_none(2)), 154_521);
}

#[test]
fn two_members_that_forget_their_clocks_and_whose_entries_outlive_crashes() {
    let forgetful = SMALL.crashes(1).outlives(true).is_durable(false);
    assert_eq!(states(forgetful), 30_237);
    assert_eq!(states(forgetful.keeping_none(2)), 50_654);
}

#[test]
fn two_members_that_delegate_and_whose_entries_outlive_crashes() {
    let durable = SMALL.crashes(1).delegations(2).outlives(true);
    assert_eq!(states(durable), 72_698);
    let forgetful = durable.is_durable(false);
    assert_eq!(states(forgetful), 345_244);
}

#[test]
fn three_members_whose_entries_outlive_crashes() {
    let of_three = SMALL.members(3).entries(1).crashes(1).outlives(true);
    assert_eq!(states(of_three.keeping_none(3)), 1_398_856);
}

/// With a limit this low a member sends requests that it does not need, and delegates
/// no more tokens than the limit allows.
#[test]
fn two_members_that_must_let_their_clocks_be_known() {
    let limited = SMALL.crashes(1).is_durable(false).ahead(8).delegations(3);
    assert_eq!(states(limited), 342_128);
}

/// The numbers of states of several groups.
fn counts<const N: usize>(of: [Bounds; N]) -> [u64; N] {
    of.map(states)
}

/// Each request is shared or exclusive, in every combination.
#[test]
fn two_members_that_share() {
    let sharing = SMALL.entries(3).cancels(1).sharing(2);
    let delegating = SMALL.delegations(2).sharing(2);
    let groups = [
        sharing,
        sharing.keeping_none(1),
        sharing.keeping_none(2),
        delegating,
    ];
    assert_eq!(counts(groups), [0; 4]);
}

#[test]
fn two_members_that_share_and_crash() {
    let durable = SMALL.crashes(1).sharing(2);
    let forgetful = durable.entries(1).is_durable(false);
    let groups = [
        durable,
        durable.outlives(true),
        forgetful,
        forgetful.outlives(true),
    ];
    assert_eq!(counts(groups), [0; 4]);
}

#[test]
fn two_members_whose_tries_are_shared_or_exclusive() {
    assert_eq!(states(SMALL.are_tries(true).sharing(2)), 0);
}

#[test]
fn three_members_that_share() {
    let once = SMALL.members(3).entries(1).sharing(3);
    let twice = SMALL.members(3).requesting_once(2).sharing(2);
    assert_eq!(counts([once, twice]), [0; 2]);
}

/// An older turno, or a process of the original, takes shared requests for exclusive ones,
/// and makes none.
#[test]
fn members_that_share_beside_an_older_one() {
    let two = SMALL.entries(3).cancels(1).sharing(1).older(1);
    let three = SMALL.members(3).entries(1).keeping_none(1);
    assert_eq!(counts([two, three.sharing(2).older(1)]), [0; 2]);
}

/// Of two members at most one holds the other's exclusive permission, and then the other
/// one holds none. The check of that can fail.
#[test]
fn permissions_that_are_not_given_away_are_seen() {
    for bug in [
        Planted::PermissionKeptAfterReply,
        Planted::ExclusiveKeptAfterSharedReply,
        Planted::SharedPermissionKeptAfterReply,
        Planted::SharedReplyKeptAsExclusive,
    ] {
        let group = SMALL.sharing(2).planted(Some(bug)).is_unreduced(true);
        let found = breadth_first(&group, None, 100_000);
        assert_eq!(found.violation, Some(Violation::BothPermitted), "{bug:?}");
    }
}

/// What the members look like in all states.
fn outlines(bounds: &Bounds) -> HashSet<u64> {
    let (mut memo, mut transitions) = (Memo::default(), Vec::new());
    let start = bounds.start(&mut memo);
    let (visited, mut outlines) = (Visited::new(), HashSet::new());
    visited.insert(start.fingerprint(&memo));
    let mut queue = VecDeque::from([start]);
    while let Some(mut state) = queue.pop_front() {
        bounds.actions(&memo, &state, &mut transitions);
        for transition in transitions.drain(..) {
            let next = bounds.step(&mut memo, &state, transition, &mut 0);
            if let Some(next) = next.transpose().expect("nothing is wrong in such a group")
                && visited.insert(next.fingerprint(&memo))
            {
                queue.push_back(next);
            }
        }
        state.reduce(bounds, &mut memo);
        outlines.insert(state.outline(&mut memo));
    }
    outlines
}

/// What the members look like on random paths of at most a hundred steps, the same
/// paths each time; and the coverage of the steps.
fn walk(bounds: &Bounds, walks: u32) -> (HashSet<u64>, u16) {
    let mut random = fastrand::Rng::with_seed(1);
    let mut memo = Memo::default();
    let start = bounds.start(&mut memo);
    let (mut outlines, mut seen) = (HashSet::new(), 0);
    for _ in 0..walks {
        let mut state = start.clone();
        for _ in 0..100 {
            let mut transitions = Vec::new();
            bounds.actions(&memo, &state, &mut transitions);
            random.shuffle(&mut transitions);
            let mut steps = transitions.into_iter();
            let step = steps.find_map(|step| bounds.step(&mut memo, &state, step, &mut seen));
            let Some(step) = step else {
                break;
            };
            state = step.expect("nothing is wrong in such a group");
            let mut reduced = state.clone();
            reduced.reduce(bounds, &mut memo);
            outlines.insert(reduced.outline(&mut memo));
        }
    }
    (outlines, seen)
}

/// A search leaves out obsolete messages, and what members remember of obsolete
/// requests. With these left in, the members reach the same states.
#[test]
fn a_reduced_search_reaches_the_same_states() {
    let crashing = SMALL.crashes(1);
    let forgetful = crashing.entries(1).is_durable(false);
    for reduced in [
        SMALL.cancels(1),
        crashing,
        forgetful,
        crashing.entries(1).outlives(true),
        forgetful.outlives(true),
        SMALL.sharing(2),
        crashing.entries(1).outlives(true).sharing(2),
    ] {
        let whole = reduced.is_unreduced(true);
        assert!(outlines(&whole) == outlines(&reduced), "{reduced:?}");
    }
}

/// Three members, of which one gives away kept permissions while it waits, have too
/// many states to leave everything in; so this test follows some of the paths.
#[test]
fn a_reduced_search_of_three_members_reaches_the_states_of_random_paths() {
    let reduced = SMALL.members(3).requesting_once(2);
    let whole = reduced.is_unreduced(true);
    let (walked, seen) = walk(&whole, WALKS);
    assert!(walked.is_subset(&outlines(&reduced)));
    assert_ne!(seen & coverage::REQUESTED_AGAIN, 0);
}

/// `TURNO_MODEL=MEMBERS,ENTRIES,CRASHES,CANCELS,durable|heard` searches a group of that
/// size, as long as it takes and as far as the memory suffices. With `,EVERYBODY` after
/// it the first n members keep no permissions; with `,outlive` last, entries outlive
/// crashes. `TURNO_MODEL_TRACE=DIR` also writes the traces of shortest paths, to a state
/// in which all have entered, to an entry after a restart and so on; or of a violation.
#[test]
fn a_group_of_the_requested_size() {
    let Ok(requested) = std::env::var("TURNO_MODEL") else {
        return;
    };
    let mut words: Vec<&str> = requested.split(',').collect();
    let outlives = words.pop_if(|last| *last == "outlive").is_some();
    let everybody = if words.len() == 6 { words.pop() } else { None };
    let [members, entries, crashes, cancels, durability] = words[..] else {
        panic!(
            "TURNO_MODEL=MEMBERS,ENTRIES,CRASHES,CANCELS,durable|heard[,EVERYBODY][,outlive], not {requested}"
        );
    };
    let bounds = Bounds {
        members: members.parse().unwrap(),
        entries: entries.parse().unwrap(),
        crashes: crashes.parse().unwrap(),
        cancels: cancels.parse().unwrap(),
        is_durable: durability == "durable",
        keeping_none: everybody.unwrap_or("0").parse().unwrap(),
        outlives,
        ..SMALL
    };
    eprintln!("{bounds:?}: {} states, all visited", states(bounds));
    if std::env::var_os("TURNO_MODEL_TRACE").is_some() {
        for (name, found) in examples(&bounds, bounds.wanted_coverage()) {
            keep(name, &found.runs);
        }
    }
}

/// The search moves clocks down and leaves things out; the traces are of real members
/// on the same paths, and have everything in them.
#[test]
fn the_traces_of_shortest_paths_are_whole_and_clean() {
    let durable = SMALL.crashes(1);
    let forgetful = durable.is_durable(false);
    let mut entries = 0;
    for bounds in [
        SMALL,
        SMALL.cancels(1),
        durable,
        forgetful,
        durable.outlives(true),
        forgetful.outlives(true),
        SMALL.sharing(2),
        durable.outlives(true).sharing(2),
    ] {
        for (name, found) in examples(&bounds, bounds.wanted_coverage()) {
            let history = History::new(&found.runs).unwrap();
            let report = trace::check(&history);
            let text = report.text(&history);
            assert!(report.is_clean(), "{bounds:?}, {name}:\n{text}");
            assert_eq!(report.gaps, [], "{bounds:?}, {name}:\n{text}");
            entries += report.entries.len();
        }
    }
    assert!(entries > 15, "{entries}");
}
