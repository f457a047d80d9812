//! Model check: every interleaving of small groups, on the algorithm that runs.
//!
//! A checker of its own, and not stateright, because of one idea that needs the
//! room: the algorithm is pure, so what a member makes of an event is asked once
//! and remembered (`tables`). A state of the group is then a few numbers, a step
//! a look-up, and what must be kept of a visited state is 64 bits, so that a
//! machine's memory holds hundreds of millions of them. It is also shorter than
//! the glue would be.

mod explore;
mod tables;
mod world;

pub(crate) use explore::{Found, nearest_first};
use explore::{all, outlines};
use world::seen;
pub(crate) use world::{Setting, Violation};

/// The smallest group in which something can go wrong.
pub(crate) const SMALL: Setting = Setting {
    members: 2,
    entries: 2,
    crashes: 0,
    cancels: 0,
    is_durable: true,
    ahead: 100,
    keeps_the_dead: false,
    planted: None,
};

/// Searches it all, finds nothing wrong, and has seen something happen.
fn holds(setting: Setting) -> Found {
    let found = all(&setting, |states| {
        if std::env::var_os("TURNO_MODEL").is_some() {
            eprintln!("{states} states");
        }
    });
    if found.violation.is_some() {
        let nearest = nearest_first(&setting, Some(5_000_000));
        panic!("{setting:?}: {:#?}", nearest.violation.or(found.violation));
    }
    let mut wanted = seen::ALL_ENTERED | seen::DEFERRED | seen::ALL_ASK_AT_ONCE;
    if setting.crashes > 0 {
        wanted |= seen::ENTERED_AFTER_RESTART | seen::CRASHED_WHILE_HELD;
    }
    assert_eq!(found.seen & wanted, wanted, "{setting:?}: not all was seen");
    found
}

#[test]
fn two_members_three_entries_each() {
    let found = holds(Setting {
        entries: 3,
        cancels: 1,
        ..SMALL
    });
    assert_eq!(found.states, 2_347);
}

#[test]
fn three_members_two_entries_each() {
    let found = holds(Setting {
        members: 3,
        ..SMALL
    });
    assert_eq!(found.states, 3_375_830);
}

#[test]
fn two_members_that_crash_with_clocks_on_disk() {
    let found = holds(Setting {
        crashes: 2,
        ..SMALL
    });
    assert_eq!(found.states, 138_721);
}

#[test]
fn two_members_of_which_one_crashes_and_hears_the_clocks() {
    let found = holds(Setting {
        crashes: 1,
        is_durable: false,
        ..SMALL
    });
    assert_eq!(found.states, 45_606);
}

/// The searches leave out messages that cannot matter any more, and what was
/// remembered of them. Here they are left in, and the members get into the same
/// states.
#[test]
fn nothing_is_missed_by_leaving_out_what_is_dead() {
    let reduced = [
        Setting {
            cancels: 1,
            ..SMALL
        },
        Setting {
            crashes: 1,
            ..SMALL
        },
        Setting {
            entries: 1,
            crashes: 1,
            is_durable: false,
            ..SMALL
        },
    ];
    for reduced in reduced {
        let whole = Setting {
            keeps_the_dead: true,
            ..reduced
        };
        assert!(outlines(&whole) == outlines(&reduced), "{reduced:?}");
    }
}

/// `TURNO_MODEL=MEMBERS,ENTRIES,CRASHES,CANCELS,durable|heard` searches a group
/// of that size, as long as it takes and as far as the memory holds.
#[test]
fn a_group_of_the_size_that_is_asked_for() {
    let Some(asked) = std::env::var("TURNO_MODEL").ok() else {
        return;
    };
    let words: Vec<&str> = asked.split(',').collect();
    let [members, entries, crashes, cancels, memory] = words[..] else {
        panic!("TURNO_MODEL=MEMBERS,ENTRIES,CRASHES,CANCELS,durable|heard, not {asked}");
    };
    let setting = Setting {
        members: members.parse().unwrap(),
        entries: entries.parse().unwrap(),
        crashes: crashes.parse().unwrap(),
        cancels: cancels.parse().unwrap(),
        is_durable: memory == "durable",
        ..SMALL
    };
    let found = holds(setting);
    eprintln!("{setting:?}: {} states, searched to the end", found.states);
}
