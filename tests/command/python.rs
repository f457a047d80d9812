//! `examples/python/turno_lock.py` against real agents: clients and agents that are killed,
//! time limits, forked children, and leases that end.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::agent::machines::{Machines, ends_with};
use crate::failover::group::Group;
use crate::fixtures::needs::require;
use crate::fixtures::processes::kill;
use crate::fixtures::program::Program;

/// What the programs of the tests begin with.
const HEAD: &str = "\
import os, sys, time
import turno_lock as turno
def say(*words): print(*words, flush=True)
";

/// Starts a Python program that asks the agent at this socket. `None` if the tests of Python
/// are skipped.
fn python(socket: &str, text: &str) -> Option<Program> {
    let python = require("python3", &["python3"])?;
    let mut command = Command::new(python);
    command
        .args(["-c", &format!("{HEAD}{text}")])
        .env(
            "PYTHONPATH",
            concat!(env!("CARGO_MANIFEST_DIR"), "/examples/python"),
        )
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("TURNO_SOCKET", socket)
        .stdin(Stdio::null());
    Some(Program::spawn("python", &mut command))
}

/// A program that holds the lock until it is ended.
const HOLDS: &str = "\
with turno.lock('nightly') as token:
    say('token', token)
    while True: time.sleep(0.01)
";

/// Waits until it holds the lock, and returns its token.
fn token(program: &Program) -> u64 {
    let line = program.wait_for("token ");
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

fn is_held(machines: &Machines, id: usize) -> bool {
    let (status, _) = machines.lock(id, &["-n"], "nightly", &["true"]).finish();
    status.code() == Some(124)
}

#[test]
fn a_block_holds_the_lock_and_its_end_releases_it() {
    let machines = Machines::start(2);
    let text = "\
for turn in range(2):
    with turno.lock('nightly', timeout=30) as token:
        say('token', token)
        while not os.path.exists(f'end{turn}'): time.sleep(0.01)
    say('left')
try:
    with turno.lock('nightly'): raise KeyError('own')
except KeyError: say('own error')
";
    let text = format!("os.chdir('{}')\n{text}", machines.folder());
    let Some(program) = python(&machines.socket(1), &text) else {
        return;
    };
    let first = token(&program);
    assert!(is_held(&machines, 1) && is_held(&machines, 2));
    assert!(
        machines.status(2, &["nightly"]).contains("holding"),
        "the group knows of it"
    );
    std::fs::write(machines.path("end0"), "").unwrap();
    program.wait_for("left");
    std::fs::write(machines.path("end1"), "").unwrap();
    let lines = ends_with(program, 0);
    let tokens = lines.iter().filter_map(|line| line.strip_prefix("token "));
    let tokens: Vec<u64> = tokens.map(|token| token.parse().unwrap()).collect();
    assert!(
        tokens.len() == 2 && tokens[0] == first && tokens[1] > first,
        "{lines:?}"
    );
    assert!(lines.iter().any(|line| line == "own error"), "{lines:?}");
    ends_with(machines.lock(2, &["-w", "60"], "nightly", &["true"]), 0);
}

#[test]
fn a_lock_that_another_has_is_a_timeout_and_one_that_is_refused_says_why() {
    let machines = Machines::start(1);
    let held = machines.script(1, &[], "nightly", "echo begun; sleep 10000");
    held.wait_for("begun");
    let text = "\
for timeout in (0, 0.2):
    try:
        with turno.lock('nightly', timeout=timeout): say('entered')
    except turno.Timeout as why: say('timeout:', why)
try:
    with turno.lock('a\\nb'): say('entered')
except turno.Refused as why: say('refused:', why)
try:
    with turno.lock('nightly', path='/nowhere'): say('entered')
except OSError as why: say('no agent:', why)
";
    let Some(program) = python(&machines.socket(1), text) else {
        return;
    };
    let lines = ends_with(program, 0);
    let begin = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    let counts = (
        begin("timeout: not run"),
        begin("refused:"),
        begin("no agent:"),
        begin("entered"),
    );
    assert_eq!(counts, (2, 1, 1, 0), "{lines:?}");
}

#[test]
fn a_killed_client_frees_the_lock_and_a_forked_child_keeps_it() {
    let machines = Machines::start(2);
    let Some(alone) = python(&machines.socket(1), HOLDS) else {
        return;
    };
    token(&alone);
    alone.signal(Signal::KILL);
    alone.finish();
    ends_with(machines.lock(2, &["-w", "60"], "nightly", &["true"]), 0);

    let forks = "\
with turno.lock('nightly') as token:
    child = os.fork()
    if not child:
        os.close(1); os.close(2)
        while True: time.sleep(0.01)
    say('child', child)
    say('token', token)
    while True: time.sleep(0.01)
";
    let parent = python(&machines.socket(1), forks).unwrap();
    token(&parent);
    let child = parent.wait_for("child ");
    let child: u32 = child.rsplit(' ').next().unwrap().parse().unwrap();
    parent.signal(Signal::KILL);
    parent.finish();
    assert!(is_held(&machines, 2));
    kill(child);
    ends_with(machines.lock(2, &["-w", "60"], "nightly", &["true"]), 0);
}

#[test]
fn a_child_that_leaves_the_block_releases_nothing() {
    let machines = Machines::start(1);
    let text = "\
with turno.lock('nightly') as token:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        say('token', token)
        while True: time.sleep(0.01)
";
    let Some(program) = python(&machines.socket(1), text) else {
        return;
    };
    token(&program);
    assert!(is_held(&machines, 1));
    program.signal(Signal::KILL);
    program.finish();
}

#[test]
fn a_block_goes_on_while_its_agent_is_restarted_and_no_other_enters() {
    let mut machines = Machines::start(2);
    let text = format!(
        "os.chdir('{}')
with turno.lock('nightly') as token:
    say('token', token)
    while not os.path.exists('end'): time.sleep(0.01)
say('left')
",
        machines.folder()
    );
    let Some(program) = python(&machines.socket(1), &text) else {
        return;
    };
    let first = token(&program);
    machines.kill_agent(1);
    machines.start_agent(1);
    machines.wait_for_status(1, "holding for ");
    assert!(is_held(&machines, 2));
    std::fs::write(machines.path("end"), "").unwrap();
    let lines = ends_with(program, 0);
    assert_eq!(lines, [format!("token {first}"), "left".to_owned()]);
    ends_with(machines.lock(2, &["-w", "60"], "nightly", &["true"]), 0);
}

/// What a lost lock looks like in a program.
const SAYS_LOST: &str = "\
try:
    with turno.lock('job', patience=0.2) as token:
        say('token', token)
        while True: time.sleep(0.01)
except turno.LockLost as why: say('lost:', why)
";

#[test]
fn without_an_agent_for_longer_than_its_patience_the_lock_is_lost_in_the_block() {
    let mut machines = Machines::start(1);
    let Some(program) = python(&machines.socket(1), SAYS_LOST) else {
        return;
    };
    token(&program);
    machines.kill_agent(1);
    let lines = ends_with(program, 0);
    assert!(lines[1].starts_with("lost: the agent is away"), "{lines:?}");
}

#[test]
fn a_block_whose_lease_ends_is_left_before_another_machine_enters() {
    let mut group = Group::start(Duration::from_secs(3));
    let Some(program) = python(&group.socket(1), &SAYS_LOST.replace("=0.2", "=600")) else {
        return;
    };
    let first = token(&program);
    group.network.cut(1);
    program.wait_for("lost: the majority of the members was not heard");
    ends_with(program, 0);
    assert!(group.enter(2).0 > first);
    group.end_agent(1, Signal::KILL);
}

#[test]
fn a_process_that_ignores_that_its_lease_ends_is_killed() {
    let group = Group::start(Duration::from_secs(3));
    let text = SAYS_LOST.replace("while True: time.sleep(0.01)", "time.sleep(10000)");
    let Some(program) = python(&group.socket(1), &text.replace("=0.2", "=600")) else {
        return;
    };
    let first = token(&program);
    group.network.cut(1);
    let (status, lines) = program.finish();
    assert_eq!(status.signal(), Some(9), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.starts_with("lost")),
        "{lines:?}"
    );
    assert!(group.enter(2).0 > first);
}
