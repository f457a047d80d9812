//! `turno lock -n`: the answer as things stand, and what is said if there is none.

use std::fs;

use super::machines::{Machines, ends_with};
use crate::fixtures::program::Program;

/// How often all machines try.
const ROUNDS: usize = 10;

#[test]
fn of_three_machines_that_try_at_the_same_moment_one_runs_its_command() {
    let machines = Machines::start(3);
    for round in 1..=ROUNDS {
        let script = "echo >> ran; sleep 0.1";
        let tries: Vec<Program> = (1..=3)
            .map(|id| machines.script(id, &["-n"], "nightly", script))
            .collect();
        let mut codes: Vec<_> = tries
            .into_iter()
            .map(|tries| {
                let (status, lines) = tries.finish();
                assert_eq!(lines, [""; 0], "this is the ordinary case");
                status.code()
            })
            .collect();
        codes.sort_unstable();
        assert_eq!(codes, [Some(0), Some(124), Some(124)]);
        let ran = fs::read_to_string(machines.path("ran")).unwrap();
        assert_eq!(ran.lines().count(), round);
    }
}

#[test]
fn a_try_while_another_machine_has_the_lock_says_which_with_v() {
    let machines = Machines::start(2);
    let script = "echo > inside; while ! [ -e end ]; do sleep 0.01; done";
    let holder = machines.script(1, &[], "nightly", script);
    machines.line_in("inside");
    assert_eq!(
        ends_with(machines.lock(2, &["-n"], "nightly", &["true"]), 124),
        [""; 0]
    );
    let lines = ends_with(machines.lock(2, &["-n", "-v"], "nightly", &["true"]), 124);
    let name = format!("{} (1)", machines.members[0]);
    let pid = holder.pid();
    let expected =
        format!("turno: nightly: not run: {name} has it; held by {name}, pid {pid}, for ");
    assert!(lines[0].starts_with(&expected), "{lines:?}");
    assert_eq!(
        ends_with(machines.lock(2, &["-w", "1.5"], "nightly", &["true"]), 124),
        [""; 0]
    );
    fs::write(machines.path("end"), "").unwrap();
    ends_with(holder, 0);
}

#[test]
fn a_member_that_does_not_answer_is_no_other_caller_and_is_always_told() {
    let mut machines = Machines::start(2);
    ends_with(machines.lock(1, &["-n"], "nightly", &["true"]), 0);
    machines.kill_agent(2);
    for options in [&["-n"][..], &["-w", "1.5"], &["-n", "-E", "75"]] {
        let lines = ends_with(machines.lock(1, options, "nightly2", &["true"]), 123);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let expected = format!(
            "turno: nightly2: not run: {} (2) does not answer, last heard ",
            machines.members[1]
        );
        assert!(lines[0].starts_with(&expected), "{lines:?}");
    }
}
