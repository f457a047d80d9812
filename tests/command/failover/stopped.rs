//! Supervisor, client and agent each end the command at its deadline: whichever of them are
//! stopped, one that runs is enough.

use std::fs;

use super::LEASE;
use super::group::{Group, Stopped, ends_with};
use super::log::ENDLESS;
use crate::fixtures::wait::eventually;

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Agent,
    Client,
    Supervisor,
}

use Part::{Agent, Client, Supervisor};

/// Stops these of member 1, and cuts it off unless its agent is among them; checks that its
/// command is dead before the next entry, and that the member comes back.
fn stop(parts: &[Part]) {
    let group = Group::start(LEASE);
    let log = group.log("log");
    let holder = group.write(1, &log, "holder", ENDLESS);
    log.wait_for("holder");
    let pids: Vec<u32> = parts
        .iter()
        .map(|part| match part {
            Agent => group.agent(1).pid(),
            Client => holder.pid(),
            Supervisor => child_of(holder.pid()),
        })
        .collect();
    let stopped = Stopped::stop(&pids);
    if !parts.contains(&Agent) {
        group.network.cut(1);
    }
    let next = [2, 3].map(|id| group.write(id, &log, "next", 5));
    for next in next {
        ends_with(next, 0);
    }
    log.judge("holder");
    drop(stopped);
    let (status, lines) = holder.finish();
    // A stopped client may have been killed.
    let is_killed = parts.contains(&Client) && status.code().is_none();
    assert!(
        is_killed || status.code() == Some(125),
        "{status}: {lines:#?}"
    );
    log.judge("holder");
    group.network.heal(1);
    group.enter(1);
}

/// The only child of a process.
fn child_of(pid: u32) -> u32 {
    eventually(&format!("a child of {pid}"), || {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        children.split_whitespace().next()?.parse().ok()
    })
}

#[test]
fn the_command_of_a_stopped_agent_is_dead_before_the_next_entry() {
    stop(&[Agent]);
}

#[test]
fn a_stopped_supervisor_does_not_keep_the_command_alive() {
    stop(&[Supervisor]);
}

#[test]
fn a_stopped_client_does_not_keep_the_command_alive() {
    stop(&[Client]);
}

#[test]
fn a_supervisor_and_a_client_that_are_stopped_do_not_keep_the_command_alive() {
    stop(&[Supervisor, Client]);
}

#[test]
fn an_agent_and_a_supervisor_that_are_stopped_do_not_keep_the_command_alive() {
    stop(&[Agent, Supervisor]);
}

#[test]
fn an_agent_and_a_client_that_are_stopped_do_not_keep_the_command_alive() {
    stop(&[Agent, Client]);
}
