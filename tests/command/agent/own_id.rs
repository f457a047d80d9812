//! Which member an agent is, and the configuration that it prints.

use std::fs;

use super::machines::{Machines, ends_with};
use crate::fixtures::ports::Ports;
use crate::fixtures::program::Program;
use crate::fixtures::turno::run;

/// Starts an agent at this socket, which says what it is.
fn agent(machines: &Machines, options: &[&str], members: &[&str]) -> Program {
    let socket = machines.socket(1);
    let arguments = [&["agent", "--socket", &socket], options, members].concat();
    Program::start("agent", &arguments)
}

#[test]
fn an_agent_finds_itself_in_the_list_or_is_told_its_name() {
    let machines = Machines::with_agents(1, &[]);
    let own = format!("b=127.0.0.1{}", machines.members[0]);
    let members = ["a=nowhere.invalid:7001", &own, "c=elsewhere.invalid:7001"];
    for options in [&[][..], &["--id", "b"], &["--id", "2"]] {
        let agent = agent(&machines, options, &members);
        agent.wait_for("the agent of member 2 (b) of 3");
        agent.terminate();
    }
}

#[test]
fn an_agent_that_cannot_know_which_member_it_is_says_what_to_give() {
    let machines = Machines::with_agents(1, &[]);
    let refused = |options: &[&str], members: &[&str], why: &str| {
        let lines = ends_with(agent(&machines, options, members), 2);
        assert!(lines.iter().any(|line| line.contains(why)), "{lines:?}");
    };
    refused(
        &[],
        &[":1", ":2"],
        ":1 (1), :2 (2) are all at addresses of this machine; give --id N",
    );
    refused(
        &[],
        &["192.0.2.1:1"],
        "no member's address is this machine's own; give --id N",
    );
    refused(
        &["--id", "d"],
        &["a=:1", "b=:2"],
        "\"d\" is no member of the list: give one of a, b",
    );
}

#[test]
fn a_printed_configuration_is_right_when_its_members_are_filled_in() {
    let ports = Ports::reserve(1);
    let member = format!(":{}", ports.iter().next().unwrap());
    let machines = Machines::with_agents(1, &[]);
    let file = machines.path("turno.json").display().to_string();
    let key = machines.path("turno.key").display().to_string();
    assert_eq!(run(&["key", &key]).0, Some(0));
    let (code, text, _) = run(&["agent", "--print-config", "--key", "turno.key"]);
    assert_eq!(code, Some(0));
    fs::write(&file, &text).unwrap();
    let (code, text, _) = run(&["agent", "--config", &file, "--check"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("WRONG: no members"), "{text}");
    let (_, text, _) = run(&["agent", "--config", &file, "--print-config", &member]);
    fs::write(&file, &text).unwrap();
    let socket = machines.socket(1);
    let (code, text, _) = run(&["agent", "--config", &file, "--socket", &socket, "--check"]);
    assert_eq!(code, Some(0), "{text}");
}
