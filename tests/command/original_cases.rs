//! The three cases of the original on real processes over UDP, with the clocks of its
//! document. Where two replies race, the clock of either order is right.
//!
//! The clock of an entry is read at the critical section, where it matters.

use crate::fixtures::group::Group;
use crate::fixtures::program::Program;

/// Longer than any test: such an entry ends when the process is terminated.
const ENDLESS: &str = "1h";

/// Returns the lines of the critical section about messages of holders.
fn admitted(section: &Program) -> Vec<String> {
    let mut lines = section.lines();
    lines.retain(|line| line.starts_with("[PID: "));
    lines
}

#[test]
fn case_1_one_enters_and_leaves_then_two_asks() {
    let group = Group::of(3);
    let mut processes = group.all_without_resends("20ms");

    processes[0].send_line("x");
    processes[0].wait_for("x: req<2,1> sent to 2, 3, clock 2");
    processes[0].wait_for("Process exited CS");
    group
        .section
        .wait_for("[PID: 1, Clock: 5] interaction with cs begins");
    group
        .section
        .wait_for("[PID: 1, Clock: 5] interaction with cs ends");

    processes[1].send_line("x");
    processes[1].wait_for("x: req<4,2> sent to 1, 3, clock 4");
    processes[1].wait_for("Process exited CS");
    let replies = processes[1].wait_until("two replies", |lines| {
        let is_reply = |line: &&String| line.starts_with("reply<") && !line.contains("welcome");
        let replies: Vec<String> = lines.iter().filter(is_reply).cloned().collect();
        (replies.len() == 2).then_some(replies)
    });
    let entered = if replies[0].starts_with("reply<6,1>") {
        assert_eq!(
            replies,
            [
                "reply<6,1> received, clock 7",
                "reply<5,3> received, clock 8"
            ]
        );
        8
    } else {
        assert_eq!(
            replies,
            [
                "reply<5,3> received, clock 6",
                "reply<6,1> received, clock 7"
            ]
        );
        7
    };
    group.section.wait_for(&format!(
        "[PID: 2, Clock: {entered}] interaction with cs begins"
    ));
}

#[test]
fn case_2_two_asks_while_one_holds() {
    let group = Group::of(3);
    let mut processes = group.all_without_resends(ENDLESS);

    processes[0].send_line("x");
    processes[0].wait_for("Process entered CS");
    processes[1].send_line("x");
    processes[1].wait_for("x: req<4,2> sent to 1, 3, clock 4");
    processes[1].wait_for("reply<5,3> received, clock 6");
    processes[0].wait_for("req<4,2> received, clock 6: deferred");

    let first = processes.remove(0).terminate();
    assert!(first.contains(&"Process exited CS".to_owned()));
    processes[0].wait_for("reply<6,1> received, clock 7");
    processes[0].wait_for("Process entered CS");
    group.section.wait_for("[PID: 2, Clock: 7]");
    assert_eq!(
        admitted(&group.section),
        [
            "[PID: 1, Clock: 5] interaction with cs begins",
            "[PID: 1, Clock: 6] interaction with cs ends",
            "[PID: 2, Clock: 7] interaction with cs begins",
        ]
    );
}

#[test]
fn case_3_two_asks_while_one_holds_then_three_asks_while_two_waits() {
    let group = Group::of(3);
    let mut processes = group.all_without_resends(ENDLESS);

    processes[0].send_line("x");
    processes[0].wait_for("Process entered CS");
    processes[1].send_line("x");
    processes[1].wait_for("reply<5,3> received, clock 6");
    processes[0].wait_for("req<4,2> received, clock 6: deferred");
    processes[2].send_line("x");
    processes[2].wait_for("x: req<6,3> sent to 1, 2, clock 6");
    processes[0].wait_for("req<6,3> received, clock 7: deferred");
    processes[1].wait_for("req<6,3> received, clock 7: deferred, for (4,2) < (6,3)");

    let first = processes.remove(0).terminate();
    assert!(first.contains(&"reply<7,1> sent to 2".to_owned()));
    assert!(first.contains(&"reply<7,1> sent to 3".to_owned()));
    processes[0].wait_for("Process entered CS");
    processes[1].wait_for("reply<7,1> received, clock 8");
    let second = processes.remove(0).terminate();
    assert!(second.contains(&"reply<8,2> sent to 3".to_owned()));
    processes[0].wait_for("Process entered CS");
    group.section.wait_for("[PID: 3, Clock: 9]");
    assert_eq!(
        admitted(&group.section),
        [
            "[PID: 1, Clock: 5] interaction with cs begins",
            "[PID: 1, Clock: 7] interaction with cs ends",
            "[PID: 2, Clock: 8] interaction with cs begins",
            "[PID: 2, Clock: 8] interaction with cs ends",
            "[PID: 3, Clock: 9] interaction with cs begins",
        ]
    );
}
