//! What an agent tells while it runs.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rustix::process::Signal;

use super::machines::{Machines, ends_with};
use crate::fixtures::turno::TURNO;
use crate::fixtures::wait::eventually;

#[test]
fn an_agent_tells_what_it_is_and_which_members_come_and_go() {
    let mut machines = Machines::with_agents(2, &[1]);
    let agent = machines.agents[0].take().unwrap();
    let port = &machines.members[0];
    let line = agent.wait_for(": the agent of member 1 (");
    assert!(
        line.ends_with(&format!(" of 2 listens at 127.0.0.1{port}")),
        "{line}"
    );
    assert!(
        line.contains(concat!(" INFO turno ", env!("CARGO_PKG_VERSION"))),
        "{line}"
    );
    let line = agent.wait_for("socket ");
    let state = machines.path("state-1").display().to_string();
    let rest = format!(
        "{}, no key, state directory {state}, no failover",
        machines.socket(1)
    );
    assert!(line.ends_with(&rest), "{line}");

    machines.start_agent(2);
    let second = format!("{} (2)", machines.members[1]);
    ends_with(machines.lock(2, &[], "job", &["true"]), 0);
    agent.wait_for(&format!("INFO {second} is up"));
    machines.kill_agent(2);
    let waits = machines.lock(1, &[], "job", &["true"]);
    agent.wait_for(&format!("WARN {second} is down: not heard for "));
    machines.start_agent(2);
    ends_with(waits, 0);
    agent.wait_for(&format!("INFO {second} is up again"));
    agent.signal(Signal::INT);
    agent.wait_for("INFO Ctrl-C: the agent leaves");
    ends_with(agent, 0);
}

#[test]
fn a_warning_is_not_called_so_twice() {
    let machines = Machines::with_agents(1, &[]);
    let listen = format!("0.0.0.0{}", machines.members[0]);
    let options = ["--listen", &listen];
    let agent = machines.agent(1, &machines.socket(1), &options, &machines.members);
    let line = agent.wait_for("no --key, so any host");
    assert!(
        line.contains(" WARN no --key") && !line.contains("WARNING"),
        "{line}"
    );
    let lines = agent.terminate();
    assert!(
        lines
            .iter()
            .any(|line| line.contains("SIGTERM: the agent leaves"))
    );
}

#[test]
fn to_the_journal_a_line_goes_with_its_level_and_without_a_time() {
    let machines = Machines::with_agents(1, &[]);
    let file = machines.path("journal");
    let journal = File::create(&file).unwrap();
    let stat = journal.metadata().unwrap();
    let mut command = Command::new(TURNO);
    command
        .args(["agent", "--id", "1", "--socket", &machines.socket(1)])
        .arg(&machines.members[0])
        .env("JOURNAL_STREAM", format!("{}:{}", stat.dev(), stat.ino()))
        .env_remove("RUST_LOG")
        .stderr(journal);
    let mut child = command.spawn().unwrap();
    let text = eventually("what the agent is", || {
        let text = fs::read_to_string(&file).unwrap();
        text.contains("state directory").then_some(text)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(text.starts_with("<6>turno "), "{text}");
    assert!(text.lines().all(|line| line.starts_with('<')), "{text}");
}
