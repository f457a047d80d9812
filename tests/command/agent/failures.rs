//! Failures of an agent's start, files, disk and process.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::machines::{IDLE, Machines, ends_with, run_status};
use crate::fixtures::program::Program;
use crate::fixtures::turno::TURNO;
use crate::fixtures::wait::eventually;

#[test]
fn a_failed_start_is_reported_with_the_way_out() {
    let machines = Machines::start(1);
    let refused = |arguments: &[&str], code: i32, why: &str| {
        let agent = Program::start("refused", &[&["agent"], arguments].concat());
        let lines = ends_with(agent, code).join("\n");
        assert!(lines.contains(why), "{lines}");
    };
    let socket = machines.socket(1);
    let free = machines.path("free.sock").display().to_string();
    let in_use =
        format!("another agent listens at {socket}: stop it, or give another path with --socket");
    refused(&["--id", "1", ":1", "--socket", &socket], 1, &in_use);
    refused(&["--socket", &free], 2, "no members: give --config FILE");
    refused(
        &[":1", ":2", "--socket", &free],
        2,
        "no id: :1 (1), :2 (2) are all at addresses of this machine; give --id N",
    );
    refused(
        &["--id", "3", ":1", "--socket", &free],
        2,
        "id 3 is out of range",
    );
    refused(
        &["--config", "/nowhere.json"],
        2,
        "cannot read /nowhere.json",
    );
    let taken = machines.members[0].clone();
    refused(
        &["--id", "1", &taken, "--socket", &free],
        1,
        "the port is in use",
    );
}

/// Such a file may be the record of a command that still runs under its lock.
#[test]
fn an_unreadable_file_of_an_earlier_run_is_reported_with_the_way_out() {
    let mut machines = Machines::start(1);
    let (state, member) = (machines.path("state-1"), machines.members[0].clone());
    let (here, elsewhere) = (machines.socket(1), machines.path("elsewhere.sock"));
    let (state_of, elsewhere) = (state.display(), elsewhere.display().to_string());
    let refused = |socket: &str, why: &str, way_out: &str| {
        let state = state_of.to_string();
        let arguments = ["agent", "--id", "1", "--state", &state, "--socket", socket];
        let agent = Program::start("refused", &[&arguments[..], &[&member]].concat());
        let lines = ends_with(agent, 1).join("\n");
        assert!(lines.contains(why) && lines.contains(way_out), "{lines}");
    };
    let places = state.join("agent-records.json");
    fs::write(&places, "{}").unwrap();
    // While an agent runs, another agent reads none of its files.
    refused(
        &elsewhere,
        &format!("{state_of} is in use by another node"),
        "",
    );
    machines.agents[0].take().unwrap().terminate();
    let damaged = format!(
        "turno: cannot read {}, which lists the directories with records of commands: invalid type",
        places.display()
    );
    refused(
        &elsewhere,
        &damaged,
        "repair it, or remove it when no command",
    );

    let held = machines.path("1.sock.held");
    fs::write(&places, serde_json::to_vec(&[&held]).unwrap()).unwrap();
    let record = File::create(held.join("7")).unwrap();
    record.lock().unwrap();
    let damaged = format!(
        "turno: {}/7 records a command that still runs under its lock, and cannot be read: EOF",
        held.display()
    );
    for socket in [&here, &elsewhere] {
        refused(
            socket,
            &damaged,
            "end the processes that have it open (fuser -v ",
        );
    }
    drop(record);
    // A child of another test may have inherited it, until it executes its program.
    eventually("the record is unlocked", || {
        let record = File::open(held.join("7")).unwrap();
        record.try_lock().ok()
    });

    let folder = held.join("folder");
    fs::create_dir(&folder).unwrap();
    let in_the_way = format!(
        "turno: cannot remove {}, which records no command",
        folder.display()
    );
    refused(&here, &in_the_way, "move it out of that directory");
    fs::remove_dir(folder).unwrap();
    machines.start_agent(1);
    assert_eq!(fs::read_dir(held).unwrap().count(), 0);
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_reported_and_no_file_is_made() {
    let machines = Machines::with_agents(1, &[]);
    let long = machines.path(&"x".repeat(120)).join("turno.sock");
    let long = long.display().to_string();
    let expected = format!(
        "turno: {long}: the path of a socket has at most 107 bytes, and this one has {}",
        long.len()
    );
    for (arguments, code) in [
        (&["agent", "--id", "1", ":1", "--socket", &long][..], 1),
        (&["status", "--socket", &long], 1),
        (&["lock", "--socket", &long, "", "true"], 125),
    ] {
        let lines = ends_with(Program::start(arguments[0], arguments), code);
        assert!(lines[0].starts_with(&expected), "{lines:?}");
        assert!(lines[0].contains("--socket or TURNO_SOCKET"), "{lines:?}");
    }
    assert_eq!(fs::read_dir(machines.folder()).unwrap().count(), 0);
}

#[test]
fn a_client_reports_a_stopped_agent_and_waits_until_it_continues() {
    let machines = Machines::start(1);
    let socket = machines.socket(1);
    let agent = machines.agents[0].as_ref().unwrap();
    agent.signal(Signal::STOP);
    let lock = machines.lock(1, &[], "stopped", &["echo", "it runs"]);
    let status = Program::start("status", &["status", "--socket", &socket]);
    let silent = format!("the agent at {socket} does not answer");
    let line = lock.wait_for(&silent);
    assert!(line.contains(": it may be stopped, and then ps "), "{line}");
    // The status does not wait for ever.
    let lines = ends_with(status, 124);
    assert_eq!(lines[0], format!("turno: {silent}; waiting at most 10 s"));
    assert!(lines[1].contains("kill -CONT"), "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
    agent.signal(Signal::CONT);
    let lines = ends_with(lock, 0);
    assert_eq!(lines, [line, "it runs".to_owned()]);
}

#[test]
fn without_an_agent_the_status_says_how_to_start_one() {
    let output = run_status("/nowhere/turno.sock", &[]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let expected = "turno: no agent listens at /nowhere/turno.sock: No such file";
    assert!(
        error.starts_with(expected) && error.contains("turno agent"),
        "{error}"
    );
}

#[test]
fn a_removed_socket_is_made_again() {
    let machines = Machines::start(1);
    let socket = machines.socket(1);
    let holder = machines.lock(1, &[], "held", &["sleep", "10000"]);
    machines.wait_for_status(1, "holding for ");
    let agent = machines.agents[0].as_ref().unwrap();
    for _ in 0..3 {
        fs::remove_file(&socket).unwrap();
        agent.signal(Signal::HUP);
        eventually("an answer of the agent", || {
            run_status(&socket, &[]).status.success().then_some(())
        });
    }
    agent.wait_for(&format!(
        "the socket {socket} was removed: it is made again"
    ));
    // Nothing was lost, and one that was not removed stays.
    machines.wait_for_status(1, "holding for ");
    holder.signal(Signal::TERM);
    ends_with(holder, 128 + 15);
    // Nobody tells it.
    fs::remove_file(&socket).unwrap();
    eventually("an answer of the agent", || {
        run_status(&socket, &[]).status.success().then_some(())
    });
}

/// As many descriptors as the system leaves to a process of this limit.
#[test]
fn callers_for_whom_there_are_no_descriptors_wait_outside_until_there_are() {
    let machines = Machines::with_agents(1, &[]);
    let (socket, member) = (machines.socket(1), &machines.members[0]);
    let script = "ulimit -n 40; exec \"$0\" agent --id 1 --socket \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, TURNO, &socket, member]);
    let agent = Program::spawn("agent", shell.env_remove("RUST_LOG").stdin(Stdio::null()));
    eventually("an answer of the agent", || {
        run_status(&socket, &[]).status.success().then_some(())
    });
    let until_end = "echo $$ > command; while ! [ -e end ]; do sleep 0.01; done";
    let holder = machines.script(1, &[], "name 0", until_end);
    machines.line_in("command");
    let locks: Vec<Program> = (0..80)
        .map(|number| machines.lock(1, &[], &format!("name {}", number % 2), &["true"]))
        .collect();
    agent.wait_for("as many as the limit of 40 open files allows");
    machines.wait_for_status(1, "waiting for ");
    fs::write(machines.path("end"), "").unwrap();
    ends_with(holder, 0);
    for lock in locks {
        assert!(ends_with(lock, 0).is_empty());
    }
    machines.wait_for_status(1, IDLE);
}

/// The agent continues, and others get the lock.
#[test]
fn without_a_record_of_the_entry_no_command_runs() {
    let machines = Machines::start(2);
    let (held, aside) = (machines.path("1.sock.held"), machines.path("aside"));
    let runs = |id| machines.lock(id, &[], "unrecorded", &["echo", "it runs"]);
    let says_why = |why: &str| {
        let expected = format!(
            "turno: unrecorded: the agent says: the command was not run, because its entry cannot \
             be recorded in {}: {why}",
            held.display()
        );
        let lines = ends_with(runs(1), 125);
        assert!(lines.last().unwrap().starts_with(&expected), "{lines:?}");
        assert_eq!(ends_with(runs(2), 0).last().unwrap(), "it runs");
    };
    fs::rename(&held, &aside).unwrap();
    says_why("No such file or directory");
    fs::write(&held, "no folder").unwrap();
    says_why("Not a directory");
    machines.wait_for_status(1, IDLE);
    fs::remove_file(&held).unwrap();
    fs::rename(&aside, &held).unwrap();
    assert_eq!(ends_with(runs(1), 0).last().unwrap(), "it runs");
}

/// A limit of the file size has the effect of a full disk.
#[test]
fn on_a_full_disk_an_agent_keeps_running_and_grants_no_lock() {
    let machines = Machines::with_agents(1, &[]);
    let (socket, member) = (machines.socket(1), &machines.members[0]);
    let script = "ulimit -f 0; exec \"$0\" agent --id 1 --socket \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, TURNO, &socket, member]);
    let agent = Program::spawn("agent", shell.env_remove("RUST_LOG").stdin(Stdio::null()));
    eventually("an answer of the agent", || {
        run_status(&socket, &[]).status.success().then_some(())
    });
    for _ in 0..2 {
        let lines = ends_with(machines.lock(1, &[], "full", &["echo", "it runs"]), 125);
        assert!(
            lines.last().unwrap().contains("File too large"),
            "{lines:?}"
        );
    }
    machines.wait_for_status(1, IDLE);
    let held = machines.path("1.sock.held");
    assert_eq!(fs::read_dir(held).unwrap().count(), 0);
    let lines = agent.terminate();
    let told = "WARN lock \"full\": the command was not run";
    assert!(lines.iter().any(|line| line.contains(told)), "{lines:?}");
}
