//! A group of real processes: what an entry costs, and who may start when.

mod support;

use support::{Group, Program};

/// How many datagrams it takes the first of so many processes to enter; none if
/// the machine stopped for so long that a request was sent again.
fn datagrams_of_an_entry(members: usize) -> Option<usize> {
    let group = Group::of(members);
    let mut processes = group.all("0s");
    processes[0].say("x");
    processes[0].wait_for("Process exited CS");
    let printed: Vec<String> = processes.into_iter().flat_map(Program::terminate).collect();
    let count = |wanted| printed.iter().filter(|line| line.contains(wanted)).count();
    (count("sent again") == 0).then(|| count("> received"))
}

#[test]
fn an_entry_costs_two_datagrams_per_peer() {
    for members in [2, 3, 5, 9] {
        let undisturbed = (0..20).find_map(|_| datagrams_of_an_entry(members));
        assert_eq!(undisturbed, Some(2 * (members - 1)), "members: {members}");
    }
}

#[test]
fn a_group_of_one_enters_without_a_datagram() {
    let group = Group::of(1);
    let mut process = group.process(1, "0s");
    process.say("x");
    process.wait_for("x: nobody to ask, clock 2");
    process.wait_for("Process exited CS");
    group
        .shared
        .wait_for("[PID: 1, Clock: 2] interaction with cs ends");
    assert_eq!(process.count("> received"), 0);
}

#[test]
fn a_request_reaches_peers_that_start_after_it() {
    let group = Group::of(3);
    let mut first = group.process(1, "0s");
    first.say("x");
    first.wait_for_nth(2, "req<2,1> sent again to 2, 3");
    let third = group.process(3, "0s");
    third.wait_for("req<2,1> received, clock 3: reply<3,3> sent");
    first.wait_for("reply<3,3> received, clock 4");
    first.wait_for("req<2,1> sent again to 2");
    let second = group.process(2, "0s");
    second.wait_for("req<2,1> received, clock 3: reply<3,2> sent");
    first.wait_for("Process exited CS");
    group
        .shared
        .wait_for("[PID: 1, Clock: 5] interaction with cs ends");
}

#[test]
fn nine_processes_take_turns() {
    let group = Group::of(9);
    let mut processes = group.all("1ms");
    for round in 1..=5 {
        for process in &mut processes {
            process.say("x");
        }
        for process in &processes {
            process.wait_for_nth(round, "Process exited CS");
        }
    }
    group.shared.wait_for_nth(45, "interaction with cs ends");
    let summary = group.shared.terminate();
    for line in ["entries 45", "refused 0", "overlaps 0"] {
        assert!(summary.contains(&line.to_owned()), "{line}: {summary:#?}");
    }
}
