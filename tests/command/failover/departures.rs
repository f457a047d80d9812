//! An agent is told to end.

use std::time::Duration;

use rustix::process::Signal;

use super::LONG_LEASE;
use super::group::{Group, ends_with};
use super::log::ENDLESS;
use crate::fixtures::load::Load;
use crate::fixtures::program::Program;

#[test]
fn in_a_rolling_restart_a_command_goes_on_and_no_entry_fails() {
    let mut group = Group::start(LONG_LEASE);
    let log = group.log("log");
    let holder = group.write(1, &log, "holder", ENDLESS);
    log.wait_for("holder");
    let tokens = group.path("tokens").display().to_string();
    let mut latest = 0;
    for id in Group::ids() {
        group.end_agent(id, Signal::TERM);
        // Others enter while it is down, or wait until it is back.
        let token = ["sh", "-c", "echo $TURNO_TOKEN >> \"$0\"", &tokens];
        let others: Vec<Program> = Group::others(id)
            .into_iter()
            .map(|other| group.lock_named("other", other, &[], &token))
            .collect();
        group.start_agent(id);
        group.wait_until_ready(id);
        for other in others {
            ends_with(other, 0);
        }
        let (token, _) = group.enter_named("other", id);
        assert!(token > latest);
        latest = token;
        log.wait_for("holder");
    }
    let tokens = group.text_of("tokens");
    let tokens: Vec<u64> = tokens.lines().map(|token| token.parse().unwrap()).collect();
    assert!(
        tokens.is_sorted_by(|one, next| one < next) && tokens.len() == 6,
        "{tokens:?}"
    );
    let next = group.write(2, &log, "next", 1);
    // The holder has ended its command by itself.
    log.end();
    let lines = ends_with(holder, 0).join("\n");
    assert!(!lines.contains("the lease ends"), "{lines}");
    ends_with(next, 0);
    assert!(group.enter(3).0 > log.entries()[0].token);
}

#[test]
fn in_rolling_restarts_under_load_no_entry_fails() {
    let mut group = Group::start(LONG_LEASE);
    let sockets = Group::ids().map(|id| group.socket(id));
    let load = Load::start(&group.path("."), &sockets);
    load.wait_for_entries(3);
    for id in Group::ids().into_iter().cycle().take(6) {
        group.end_agent(id, Signal::TERM);
        group.start_agent(id);
        group.wait_until_ready(id);
        load.wait_for_entries(2);
    }
    load.finish();
}

#[test]
fn on_sigint_an_agent_ends_its_commands_first() {
    let mut group = Group::start(LONG_LEASE);
    let command = [
        "sh",
        "-c",
        "trap 'echo ended; exit' TERM; echo begun; while :; do sleep 0.01; done",
    ];
    let holder = group.lock(1, &[], &command);
    holder.wait_for("begun");
    group.end_agent(1, Signal::INT);
    // It has ended before the agent.
    let lines = ends_with(holder, 125);
    assert!(lines.contains(&"ended".to_owned()), "{lines:#?}");
    group.enter(2);
}

/// How often a member may be missed for longer: on a busy machine all takes longer.
const MAX_LATE: usize = 4;

/// The others need the permission of each member in the view, so they wait for one that
/// is silent until its lease is over.
#[test]
fn a_member_that_leaves_in_order_costs_the_others_no_wait() {
    let mut group = Group::start(LONG_LEASE);
    let mut took = Vec::new();
    for round in 0..MAX_LATE {
        group.end_agent(
            3,
            if round % 2 == 0 {
                Signal::TERM
            } else {
                Signal::INT
            },
        );
        let name = format!("new-{round}");
        took.push(group.enter_named(&name, 1).1);
        group.start_agent(3);
        group.wait_until_ready(3);
    }
    eprintln!("after a member has left in order, the next entry takes {took:?}");
    let is_soon = |took: &&Duration| **took < LONG_LEASE / 2;
    assert!(took.iter().filter(is_soon).count() >= 2, "{took:?}");
}
