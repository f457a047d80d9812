//! Agents are restarted while commands run and callers wait: nothing ends, and the lock
//! stays one command's at a time.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rustix::process::Signal;

use super::machines::{IDLE, Machines, ends_with};
use super::raw_client::RawClient;
use crate::fixtures::load::Load;
use crate::fixtures::turno::TURNO;

/// Writes its pid to a file, and ends when another file is there.
const UNTIL_END: &str = "echo $$ > command; while ! [ -e end ]; do sleep 0.01; done; echo whole";

#[test]
fn a_command_goes_on_when_its_agent_is_restarted_or_killed() {
    let mut machines = Machines::start(2);
    let client = machines.script(1, &[], "goes on", UNTIL_END);
    machines.line_in("command");
    let waits = machines.lock(2, &[], "goes on", &["true"]);
    for signal in [Signal::TERM, Signal::KILL, Signal::TERM] {
        let agent = machines.agents[0].take().unwrap();
        agent.signal(signal);
        agent.finish();
        machines.start_agent(1);
        machines.wait_for_status(1, "holding for ");
    }
    fs::write(machines.path("end"), "").unwrap();
    assert_eq!(ends_with(client, 0), ["whole"]);
    ends_with(waits, 0);
    machines.wait_for_status(1, IDLE);
}

#[test]
fn an_entry_is_taken_over_only_by_the_client_whose_record_it_is() {
    let mut machines = Machines::start(1);
    let client = machines.script(1, &[], "mine", UNTIL_END);
    machines.line_in("command");
    // It cannot take its entry over before the test tries.
    client.signal(Signal::STOP);
    machines.kill_agent(1);
    machines.start_agent(1);
    let record = fs::metadata(machines.path("1.sock.held").join("0")).unwrap();
    let (device, inode) = (record.dev(), record.ino());
    for token in 0..4 {
        let mut other = RawClient::connect(&machines, 1);
        other.send(&format!(
            r#"{{"resume":{{"name":"mine","token":{token},"device":{device},"inode":{inode}}}}}"#
        ));
        let answer = other.receive();
        assert!(answer.starts_with(r#"{"not_held":"#), "{answer}");
    }
    machines.wait_for_status(1, "ending");
    client.signal(Signal::CONT);
    machines.wait_for_status(1, "holding for ");
    // What it took over it holds alone.
    let waits = machines.lock(1, &[], "mine", &["true"]);
    machines.wait_for_status(1, "waiting");
    fs::write(machines.path("end"), "").unwrap();
    assert_eq!(ends_with(client, 0), ["whole"]);
    ends_with(waits, 0);
}

/// How many agents are ended in a run. `TURNO_RESTARTS` asks for more.
fn restarts() -> usize {
    let number = std::env::var("TURNO_RESTARTS");
    number.map_or(10, |number| number.parse().expect("a number"))
}

/// Ends the agents of three machines by this signal and starts them again, while commands
/// run and wait on all of them; then has the trace judged.
fn restart_under_load(by: Signal) {
    let mut machines = Machines::with_agents(3, &[]);
    for id in 1..=3 {
        start_with_trace(&mut machines, id);
    }
    let sockets = [1, 2, 3].map(|id| machines.socket(id));
    let load = Load::start(&machines.path("."), &sockets);
    load.wait_for_entries(3);
    for restart in 0..restarts() {
        let id = restart % 3 + 1;
        let agent = machines.agents[id - 1].take().unwrap();
        agent.signal(by);
        let (status, lines) = agent.finish();
        assert!(by == Signal::KILL || status.success(), "{lines:#?}");
        start_with_trace(&mut machines, id);
        load.wait_for_entries(2);
    }
    let entries = load.finish();
    for id in 1..=3 {
        machines.wait_for_status(id, IDLE);
    }
    machines.agents.clear();
    let check = Command::new(TURNO)
        .args(["trace", "check"])
        .arg(machines.path("trace"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&check.stdout);
    assert!(check.status.success(), "{text}");
    eprintln!(
        "{entries} entries while {} agents ended by {by:?}",
        restarts()
    );
}

fn start_with_trace(machines: &mut Machines, id: usize) {
    let [state, trace] = [format!("state-{id}"), "trace".to_owned()]
        .map(|name| machines.path(&name).display().to_string());
    let options = ["--state", &state, "--trace", &trace];
    let agent = machines.agent(id, &machines.socket(id), &options, &machines.members);
    machines.agents[id - 1] = Some(agent);
}

#[test]
fn in_rolling_restarts_under_load_no_entry_fails() {
    restart_under_load(Signal::TERM);
}

#[test]
fn while_agents_are_killed_under_load_no_entry_fails() {
    restart_under_load(Signal::KILL);
}
