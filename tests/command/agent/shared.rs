//! `turno lock --shared`: several commands at the same time, and none beside one that has the
//! lock alone.

use std::fs;

use rustix::process::Signal;

use super::machines::{IDLE, Machines, ends_with};
use crate::fixtures::program::Program;

/// Says that it is inside, and stays until the file is there.
fn stays(who: &str) -> String {
    format!("echo $TURNO_MODE >> {who}; while ! [ -e end-{who} ]; do sleep 0.01; done; echo whole")
}

/// Starts a command that shares the lock, and waits until it is inside.
fn reader(machines: &Machines, id: usize, who: &str) -> Program {
    let reader = machines.script(id, &["-s"], "report", &stays(who));
    assert_eq!(machines.line_in(who), "shared");
    reader
}

fn end(machines: &Machines, who: &str) {
    fs::write(machines.path(&format!("end-{who}")), "").unwrap();
}

#[test]
fn readers_of_all_machines_are_inside_at_once_and_a_writer_alone() {
    let machines = Machines::start(4);
    let readers =
        [(1, "a"), (1, "b"), (2, "c"), (3, "d")].map(|(id, who)| (reader(&machines, id, who), who));
    let status = machines.status(3, &[]);
    assert_eq!(status.matches("holding, shared for").count(), 4, "{status}");
    for id in 1..=3 {
        let busy = machines.lock(id, &["-n"], "report", &["true"]);
        ends_with(busy, 124);
        ends_with(machines.lock(id, &["-ns"], "report", &["true"]), 0);
    }
    // A writer beside readers of its own machine waits for these first.
    let writer = machines.script(4, &[], "report", &stays("writer"));
    for id in [1, 2, 3] {
        machines.wait_for_status(id, "defers ");
    }
    // While it waits, no command begins that shares the lock and asked later.
    let late =
        [1, 2, 3].map(|id| machines.script(id, &["-s"], "report", "echo $TURNO_TOKEN > late"));
    for id in 1..=3 {
        machines.wait_for_status(id, "waiting, shared for");
        ends_with(machines.lock(id, &["-ns"], "report", &["true"]), 124);
    }
    for (reader, who) in readers {
        assert_eq!(machines.text_of("writer"), "", "a reader is inside");
        assert_eq!(machines.text_of("late"), "", "a writer waits");
        end(&machines, who);
        ends_with(reader, 0);
    }
    assert_eq!(machines.line_in("writer"), "exclusive");
    assert_eq!(machines.text_of("late"), "", "a writer is inside");
    end(&machines, "writer");
    ends_with(writer, 0);
    for late in late {
        ends_with(late, 0);
    }
    machines.wait_for_status(1, IDLE);
}

/// The token of a writer is larger than those of the readers before it, and smaller than
/// those of the readers after it.
#[test]
fn a_command_that_shares_never_sees_half_of_what_a_writer_does() {
    const TURNS: usize = 60;
    let machines = Machines::start(3);
    let writes = "read n < a || n=0; echo $((n + 1)) > a; echo $TURNO_TOKEN > token; \
                  echo $((n + 1)) > b";
    let reads = "read a < a; read b < b; read t < token; \
                 [ \"$a\" = \"$b\" ] && [ \"$TURNO_TOKEN\" -gt \"$t\" ] || echo torn >> torn";
    ends_with(machines.script(1, &[], "report", writes), 0);
    let turns: Vec<Program> = (0..TURNS)
        .map(|turn| match turn % 4 {
            0 => machines.script(turn % 3 + 1, &["-x"], "report", writes),
            _ => machines.script(turn % 3 + 1, &["--shared"], "report", reads),
        })
        .collect();
    for turn in turns {
        ends_with(turn, 0);
    }
    assert_eq!(machines.text_of("torn"), "");
    assert_eq!(machines.text_of("a"), format!("{}\n", TURNS / 4 + 1));
}

#[test]
fn commands_that_share_a_lock_go_on_when_their_agent_is_started_again() {
    let mut machines = Machines::start(2);
    let a = reader(&machines, 1, "a");
    let b = reader(&machines, 1, "b");
    machines.kill_agent(1);
    machines.start_agent(1);
    // They share it as before, and a writer waits for both.
    let c = reader(&machines, 1, "c");
    let d = reader(&machines, 2, "d");
    let writer = machines.script(2, &[], "report", "echo > wrote");
    machines.wait_for_status(2, "waiting");
    for (reader, who) in [(c, "c"), (a, "a"), (d, "d"), (b, "b")] {
        assert_eq!(machines.text_of("wrote"), "");
        end(&machines, who);
        assert_eq!(ends_with(reader, 0), ["whole"]);
    }
    ends_with(writer, 0);
}

#[test]
fn the_lock_of_a_killed_reader_stays_shared_until_its_command_has_ended() {
    let machines = Machines::start(2);
    let a = reader(&machines, 1, "a");
    let b = reader(&machines, 1, "b");
    a.signal(Signal::KILL);
    a.finish();
    let writer = machines.script(2, &[], "report", "echo > wrote");
    machines.wait_for_status(2, "waiting");
    assert_eq!(machines.text_of("wrote"), "");
    end(&machines, "b");
    ends_with(b, 0);
    ends_with(writer, 0);
}

#[test]
fn a_shared_turn_is_none_for_a_writer_within_it() {
    let machines = Machines::start(1);
    let lock = |options: &str, command: &str| {
        format!(
            "{} lock --socket {} {options} report -- {command}",
            crate::fixtures::turno::TURNO,
            machines.socket(1)
        )
    };
    let script = |options: &[&str], script: &str| machines.script(1, options, "report", script);
    let lines = ends_with(script(&["-s"], &lock("--reentrant", "true")), 125);
    assert!(
        lines[0].contains("in shared mode, and would wait for itself"),
        "{lines:?}"
    );
    let within = |outer: &[&str], inner: &str| {
        let inner = lock(inner, "sh -c 'echo $TURNO_MODE'");
        ends_with(script(outer, &inner), 0)
    };
    assert_eq!(within(&["-s"], "-s --reentrant"), ["shared"]);
    assert_eq!(within(&["-x"], "-s --reentrant"), ["exclusive"]);
}
