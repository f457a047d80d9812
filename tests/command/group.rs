//! A group of real processes: what an entry costs, and in which order the processes
//! may start.

use crate::fixtures::group::Group;
use crate::fixtures::program::Program;

/// Returns how many datagrams arrive anywhere for the first entry in a group of this
/// size, once all processes know each other's clocks.
fn datagrams_of_an_entry(members: usize) -> usize {
    let group = Group::of(members);
    let mut processes = group.all_without_resends("0s");
    enter_and_leave(&mut processes[0], 1);
    requests_and_replies(processes)
}

/// Makes a process ask, and waits until it has left the section for the `n`th time.
fn enter_and_leave(process: &mut Program, n: usize) {
    process.send_line("x");
    process.wait_for_nth(n, "Process exited CS");
}

/// Ends the processes, and returns how many requests and replies have arrived
/// anywhere. A late hello makes a request be sent and answered again: such
/// repetitions do not count.
fn requests_and_replies(processes: Vec<Program>) -> usize {
    let printed: Vec<String> = processes.into_iter().flat_map(Program::terminate).collect();
    let arrived = printed.iter().filter(|line| line.contains("> received"));
    let of_sync = [": hello", ": welcome", " sent again", ": ignored"];
    let is_of_sync = |line: &&String| of_sync.iter().any(|word| line.contains(word));
    arrived.filter(|line| !is_of_sync(line)).count()
}

#[test]
fn an_entry_costs_two_datagrams_per_peer() {
    for members in [2, 3, 5, 9] {
        let arrived = datagrams_of_an_entry(members);
        assert_eq!(arrived, 2 * (members - 1), "members: {members}");
    }
}

#[test]
fn with_kept_permissions_a_repeated_entry_asks_the_peers_that_asked_meanwhile() {
    let group = Group::of(3);
    let options = ["--hold", "0s", "--resend", "1h", "--keep-permissions"];
    let mut processes = group.all_with(&options);
    enter_and_leave(&mut processes[0], 1);
    enter_and_leave(&mut processes[0], 2);
    processes[0].wait_for("x: all permissions kept, clock 6");
    enter_and_leave(&mut processes[1], 1);
    processes[1].wait_for("x: req<4,2> sent to 1, 3, clock 4");
    enter_and_leave(&mut processes[0], 3);
    processes[0].wait_for("x: req<8,1> sent to 2, clock 8");
    assert_eq!(requests_and_replies(processes), 4 + 4 + 2);
    // The order of the replies decides at which clocks the last two enter.
    for clock in [5, 6] {
        let begins = format!("[PID: 1, Clock: {clock}] interaction with cs begins");
        group.section.wait_for(&begins);
    }
}

/// `--ask-everybody` was the option for what is the default now.
#[test]
fn each_entry_asks_all_peers() {
    for older_option in [&[][..], &["--ask-everybody"]] {
        asks_all_peers_twice(older_option);
    }
}

fn asks_all_peers_twice(options: &[&str]) {
    let group = Group::of(3);
    let mut processes = group.all_with(&[&["--hold", "0s", "--resend", "1h"], options].concat());
    enter_and_leave(&mut processes[0], 1);
    enter_and_leave(&mut processes[0], 2);
    processes[0].wait_for("x: req<6,1> sent to 2, 3, clock 6");
    assert_eq!(requests_and_replies(processes), 4 + 4);
}

#[test]
fn a_group_of_one_enters_without_a_datagram() {
    let group = Group::of(1);
    let mut process = group.process(1, "0s");
    process.send_line("x");
    process.wait_for("x: no member to ask, clock 2");
    process.wait_for("Process exited CS");
    group
        .section
        .wait_for("[PID: 1, Clock: 2] interaction with cs ends");
    let lines = process.terminate();
    assert!(!lines.iter().any(|line| line.contains("> received")));
}

#[test]
fn a_process_that_asks_before_its_peers_start_enters_when_they_have() {
    let group = Group::of(3);
    let mut first = group.process(1, "0s");
    first.send_line("x");
    first.wait_for("x: asks 2, 3 for the clock first");
    first.wait_for(&format!(
        "for {} (2), not heard yet; {} (3), not heard yet",
        group.addresses[1], group.addresses[2]
    ));
    let third = group.process(3, "0s");
    first.wait_for_welcome(3);
    first.report();
    assert_eq!(first.count("x: req<"), 0);
    let second = group.process(2, "0s");
    first.wait_for("x: req<2,1> sent to 2, 3, clock 2");
    first.wait_for("Process exited CS");
    second.wait_for("req<2,1> received, clock 3: ");
    third.wait_for("req<2,1> received, clock 3: ");
    group
        .section
        .wait_for("[PID: 1, Clock: 5] interaction with cs ends");
}

#[test]
fn a_request_reaches_a_peer_that_was_down_when_it_was_sent() {
    let group = Group::of(3);
    let mut processes = group.all("0s");
    processes.pop().unwrap().terminate();
    processes[0].send_line("x");
    processes[0].wait_for("reply<3,2> received, clock 4");
    processes[0].wait_for("req<2,1> sent again to 3");
    processes[0].wait_for(" (3), heard ");
    let third = group.process(3, "0s");
    third.wait_for("req<2,1> received");
    processes[0].wait_for("Process exited CS");
    group.section.wait_for("[PID: 1, Clock: ");
}

#[test]
fn nine_processes_take_turns() {
    let group = Group::of(9);
    let mut processes = group.all("1ms");
    for round in 1..=5 {
        for process in &mut processes {
            process.send_line("x");
        }
        for process in &processes {
            process.wait_for_nth(round, "Process exited CS");
        }
    }
    group.section.wait_for_nth(45, "interaction with cs ends");
    let summary = group.section.terminate();
    for line in ["entries 45", "refused 0", "overlaps 0"] {
        assert!(summary.contains(&line.to_owned()), "{line}: {summary:#?}");
    }
}
