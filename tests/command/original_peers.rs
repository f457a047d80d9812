//! Mixed groups: a process of the original beside processes of turno.

use std::time::Duration;

use crate::oracle::judge::message;

use crate::fixtures::group::Group;
use crate::fixtures::original_peer::OriginalPeer;

const ROUNDS: usize = 100;

/// Makes all three ask at once, a hundred times. The process of the original has
/// this id.
fn take_turns_with_original(id: usize) {
    let group = Group::of(3);
    let hold = Duration::from_millis(2);
    let original = OriginalPeer::start(id, &group.addresses, &group.section_address, hold);
    let mut others: Vec<_> = (1..=3)
        .filter(|other| *other != id)
        .map(|other| group.process(other, "2ms"))
        .collect();
    for other in &others {
        other.wait_for("listens at");
    }
    for round in 1..=ROUNDS {
        for other in &mut others {
            other.send_line("x");
        }
        original.request();
        original.wait_for_exit();
        for other in &others {
            other.wait_for_nth(round, "Process exited CS");
        }
    }
    group
        .section
        .wait_for_nth(3 * ROUNDS, "interaction with cs ends");
    let summary = group.section.terminate();
    for line in [
        "entries 300",
        "holders 1 (100), 2 (100), 3 (100)",
        "refused 0",
        "undecodable 0",
        "overlaps 0",
    ] {
        assert!(summary.contains(&line.to_owned()), "{line}: {summary:#?}");
    }
    entries_do_not_overlap(&summary);
}

/// Checks that beginnings and ends alternate, each pair of one process, at rising
/// clocks.
fn entries_do_not_overlap(lines: &[String]) {
    let admitted: Vec<(usize, u64, &str)> = lines.iter().filter_map(|line| message(line)).collect();
    let mut last_clock = 0;
    for pair in admitted.chunks(2) {
        let [
            (id, begins, "interaction with cs begins"),
            (same, ends, "interaction with cs ends"),
        ] = pair
        else {
            panic!("not an entry: {pair:?}");
        };
        assert_eq!(id, same);
        assert!(last_clock < *begins && begins <= ends, "{pair:?}");
        last_clock = *ends;
    }
}

#[test]
fn a_process_of_the_original_takes_turns_as_the_first_of_three() {
    take_turns_with_original(1);
}

#[test]
fn a_process_of_the_original_takes_turns_as_the_second_of_three() {
    take_turns_with_original(2);
}

#[test]
fn a_process_of_the_original_takes_turns_as_the_third_of_three() {
    take_turns_with_original(3);
}
