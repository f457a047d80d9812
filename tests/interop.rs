//! Mixed groups: a process that speaks nothing but the seed's datagrams beside
//! turno's.

mod support;

use std::time::Duration;

use support::Group;
use support::seed_peer::SeedPeer;

const ROUNDS: usize = 100;

/// All three ask at once, a hundred times, the seed peer in this place.
fn a_hundred_rounds_with_the_seed_peer_as(id: usize) {
    let group = Group::of(3);
    let hold = Duration::from_millis(2);
    let seed_peer = SeedPeer::start(id, &group.addresses, &group.section, hold);
    let mut others: Vec<_> = (1..=3)
        .filter(|other| *other != id)
        .map(|other| group.process(other, "2ms"))
        .collect();
    for other in &others {
        other.wait_for("listens at");
    }
    for round in 1..=ROUNDS {
        for other in &mut others {
            other.say("x");
        }
        seed_peer.want();
        seed_peer.has_left();
        for other in &others {
            other.wait_for_nth(round, "Process exited CS");
        }
    }
    group
        .shared
        .wait_for_nth(3 * ROUNDS, "interaction with cs ends");
    let summary = group.shared.terminate();
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

/// Begins and ends alternate, each pair of one process, at rising clocks.
fn entries_do_not_overlap(lines: &[String]) {
    let admitted: Vec<(&str, u64, &str)> = lines.iter().filter_map(|line| parse(line)).collect();
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

/// `[PID: 1, Clock: 5] text`.
fn parse(line: &str) -> Option<(&str, u64, &str)> {
    let (id, rest) = line.strip_prefix("[PID: ")?.split_once(", Clock: ")?;
    let (clock, text) = rest.split_once("] ")?;
    Some((id, clock.parse().ok()?, text))
}

#[test]
fn a_seed_peer_as_the_first_of_three() {
    a_hundred_rounds_with_the_seed_peer_as(1);
}

#[test]
fn a_seed_peer_as_the_second_of_three() {
    a_hundred_rounds_with_the_seed_peer_as(2);
}

#[test]
fn a_seed_peer_as_the_third_of_three() {
    a_hundred_rounds_with_the_seed_peer_as(3);
}
