//! The groups that are searched.

use super::explore::{outlines, walk};
use super::*;
use crate::trace::History;

/// How many ways are gone at random.
const WALKS: u32 = 5_000;

#[test]
fn two_members_three_entries_each() {
    let keeping = Bounds {
        entries: 3,
        cancels: 1,
        ..SMALL
    };
    assert_eq!(holds(keeping).states, 1_383);
    assert_eq!(holds(keeping.asking_everybody(1)).states, 1_920);
    assert_eq!(holds(keeping.asking_everybody(2)).states, 2_347);
}

#[test]
fn two_members_that_have_tokens_lent() {
    let lending = Bounds {
        entries: 3,
        cancels: 1,
        delegates: 2,
        ..SMALL
    };
    assert_eq!(holds(lending).states, 8_411);
    let and_crash = Bounds {
        entries: 2,
        crashes: 1,
        ..lending
    };
    assert_eq!(holds(and_crash).states, 176_129);
}

#[test]
fn three_members_two_entries_each() {
    let keeping = Bounds {
        members: 3,
        ..SMALL
    };
    assert_eq!(holds(keeping).states, 1_398_649);
}

#[test]
fn three_members_two_entries_each_that_ask_everybody() {
    let asking = Bounds {
        members: 3,
        ..SMALL
    };
    assert_eq!(holds(asking.asking_everybody(3)).states, 3_375_830);
}

#[test]
fn two_members_that_crash_with_clocks_on_disk() {
    let keeping = Bounds {
        crashes: 2,
        ..SMALL
    };
    assert_eq!(holds(keeping).states, 76_577);
    assert_eq!(holds(keeping.asking_everybody(2)).states, 138_721);
}

#[test]
fn two_members_of_which_one_crashes_and_hears_the_clocks() {
    let keeping = Bounds {
        crashes: 1,
        is_durable: false,
        ..SMALL
    };
    assert_eq!(holds(keeping).states, 26_602);
    assert_eq!(holds(keeping.asking_everybody(2)).states, 45_606);
}

#[test]
fn two_members_whose_entries_outlive_their_crashes_with_clocks_on_disk() {
    let keeping = Bounds {
        crashes: 2,
        outlives: true,
        ..SMALL
    };
    assert_eq!(holds(keeping).states, 85_906);
    assert_eq!(holds(keeping.asking_everybody(2)).states, 154_521);
}

#[test]
fn two_members_whose_entries_outlive_their_crashes_and_that_hear_the_clocks() {
    let keeping = Bounds {
        crashes: 1,
        outlives: true,
        is_durable: false,
        ..SMALL
    };
    assert_eq!(holds(keeping).states, 30_237);
    assert_eq!(holds(keeping.asking_everybody(2)).states, 50_654);
}

#[test]
fn two_members_whose_entries_outlive_their_crashes_and_have_tokens_lent() {
    let on_disk = Bounds {
        crashes: 1,
        delegates: 2,
        outlives: true,
        ..SMALL
    };
    assert_eq!(holds(on_disk).states, 72_698);
    let that_hear = Bounds {
        is_durable: false,
        ..on_disk
    };
    assert_eq!(holds(that_hear).states, 345_244);
}

#[test]
fn three_members_whose_entries_outlive_their_crashes() {
    let of_three = Bounds {
        members: 3,
        entries: 1,
        crashes: 1,
        outlives: true,
        ..SMALL
    };
    assert_eq!(holds(of_three.asking_everybody(3)).states, 1_398_856);
}

/// With so little room that it asks when it need not, and has no more tokens lent
/// than it may get ahead by.
#[test]
fn two_members_that_must_let_their_clocks_be_heard() {
    let found = holds(Bounds {
        crashes: 1,
        entries: 2,
        is_durable: false,
        ahead: 8,
        delegates: 3,
        ..SMALL
    });
    assert_eq!(found.states, 342_128);
}

/// The searches leave out messages that cannot matter any more, and what was
/// remembered of them. Here they are left in, and the members get into the same
/// states.
#[test]
fn nothing_is_missed_by_leaving_out_what_is_dead() {
    let reduced = [
        Bounds {
            cancels: 1,
            ..SMALL
        },
        Bounds {
            crashes: 1,
            ..SMALL
        },
        Bounds {
            entries: 1,
            crashes: 1,
            is_durable: false,
            ..SMALL
        },
        Bounds {
            entries: 1,
            crashes: 1,
            outlives: true,
            ..SMALL
        },
        Bounds {
            entries: 1,
            crashes: 1,
            outlives: true,
            is_durable: false,
            ..SMALL
        },
    ];
    for reduced in reduced {
        let whole = Bounds {
            is_unreduced: true,
            ..reduced
        };
        assert!(outlines(&whole) == outlines(&reduced), "{reduced:?}");
    }
}

/// With three members, of which one gives away what it has kept while it waits,
/// there are too many states to leave all of it in; so here are some of the ways
/// through them.
#[test]
fn nothing_is_missed_by_leaving_out_what_is_dead_on_many_ways_of_three_members() {
    let reduced = Bounds {
        members: 3,
        asking_once: 2,
        ..SMALL
    };
    let whole = Bounds {
        is_unreduced: true,
        ..reduced
    };
    let known = outlines(&reduced);
    let walked = walk(&whole, WALKS);
    assert!(walked.outlines.is_subset(&known));
    assert_eq!(walked.seen & coverage::ASKED_AGAIN, coverage::ASKED_AGAIN);
}

/// `TURNO_MODEL=MEMBERS,ENTRIES,CRASHES,CANCELS,durable|heard` searches a group
/// of that size, as long as it takes and as far as the memory holds. With
/// `,EVERYBODY` behind it the first so many members keep no permissions; with
/// `,outlive` behind all, what is done in the section outlives a crash of its node.
/// `TURNO_MODEL_TRACE=DIR` besides it writes traces of how all enter, of how
/// somebody enters after a restart and so on, each the shortest that there is; or
/// of the violation.
#[test]
fn a_group_of_the_size_that_is_asked_for() {
    let Some(asked) = std::env::var("TURNO_MODEL").ok() else {
        return;
    };
    let (asked, outlives) = match asked.strip_suffix(",outlive") {
        Some(rest) => (rest, true),
        None => (&*asked, false),
    };
    let words: Vec<&str> = asked.split(',').collect();
    let (words, everybody) = match words[..] {
        [.., everybody] if words.len() == 6 => (&words[..5], everybody),
        _ => (&words[..], "0"),
    };
    let [members, entries, crashes, cancels, durability] = words[..] else {
        panic!(
            "TURNO_MODEL=MEMBERS,ENTRIES,CRASHES,CANCELS,durable|heard[,EVERYBODY][,outlive], not {asked}"
        );
    };
    let bounds = Bounds {
        members: members.parse().unwrap(),
        entries: entries.parse().unwrap(),
        crashes: crashes.parse().unwrap(),
        cancels: cancels.parse().unwrap(),
        is_durable: durability == "durable",
        asking_everybody: everybody.parse().unwrap(),
        outlives,
        ..SMALL
    };
    let found = holds(bounds);
    eprintln!("{bounds:?}: {} states, searched to the end", found.states);
    if std::env::var_os("TURNO_MODEL_TRACE").is_some() {
        for (name, found) in examples(&bounds) {
            keep(name, &found.runs);
        }
    }
}

/// The search has its clocks moved down and leaves things out; the traces are of
/// real members that go the same way, and have everything in them.
#[test]
fn the_trace_of_what_was_found_is_whole_and_judged_good() {
    let that_gives_up = Bounds {
        cancels: 1,
        ..SMALL
    };
    let on_disk = Bounds {
        crashes: 1,
        ..SMALL
    };
    let that_hears = Bounds {
        is_durable: false,
        ..on_disk
    };
    let outlived = |bounds| Bounds {
        outlives: true,
        ..bounds
    };
    let mut entries = 0;
    for bounds in [SMALL, that_gives_up, on_disk, that_hears]
        .into_iter()
        .chain([on_disk, that_hears].map(outlived))
    {
        for (name, found) in examples(&bounds) {
            let history = History::new(&found.runs).unwrap();
            let report = trace::check(&history);
            let told = report.text(&history);
            assert!(report.is_clean(), "{bounds:?}, {name}:\n{told}");
            assert_eq!(report.gaps, [], "{bounds:?}, {name}:\n{told}");
            entries += report.entries.len();
        }
    }
    assert!(entries > 15, "{entries}");
}
