//! Failover is switched on and off, with the same state.

use std::time::Duration;

use rustix::process::Signal;

use super::LEASE;
use super::group::{Group, ends_with};
use crate::fixtures::processes::{is_alive, kill, signal, wait_for_end};

fn restart_all(group: &mut Group, lease: Option<Duration>) {
    for id in Group::ids() {
        group.end_agent(id, Signal::TERM);
    }
    group.lease = lease;
    group.start_all();
}

#[test]
fn switching_failover_on_and_off_needs_no_new_state_and_tokens_keep_rising() {
    let mut group = Group::with_lease(None);
    group.start_all();
    let mut latest = 0;
    for lease in [None, Some(LEASE), Some(2 * LEASE), None, Some(LEASE)] {
        restart_all(&mut group, lease);
        for id in Group::ids() {
            let (token, _) = group.enter(id);
            assert!(token > latest, "{token} after {latest}, with {lease:?}");
            latest = token;
        }
    }
}

/// A member that ran with another lease may have acknowledged for longer than it knows, so
/// none goes on before all are heard.
#[test]
fn after_a_change_of_the_lease_all_members_are_heard_before_the_first_entry() {
    let mut group = Group::start(LEASE);
    group.enter(1);
    for id in Group::ids() {
        group.end_agent(id, Signal::TERM);
    }
    group.lease = Some(2 * LEASE);
    group.start_agent(1);
    group.start_agent(2);
    let waiter = group.lock(1, &["-v"], &["true"]);
    let missing = format!("{} (3), not heard yet", group.network.addresses[2]);
    waiter.wait_for(&missing);
    let out = group.wait_for_view(1, "it is in no view", |view| view["number"].is_null());
    assert_eq!(out["members"], serde_json::json!([]));
    group.start_agent(3);
    ends_with(waiter, 0);
}

#[test]
fn a_command_that_was_started_without_failover_is_ended_before_the_agent_takes_part() {
    let mut group = Group::with_lease(None);
    group.start_all();
    let script = "echo supervisor $PPID; echo command $$; exec sleep 10000 >/dev/null 2>&1";
    let client = group.lock(1, &[], &["sh", "-c", script]);
    let pid = |name: &str| -> u32 {
        let line = client.wait_for(&format!("{name} "));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let (supervisor, command) = (pid("supervisor"), pid("command"));
    // Neither has time to see the other die, and the command runs on.
    signal(supervisor, Signal::STOP);
    client.signal(Signal::KILL);
    kill(supervisor);
    client.finish();
    for id in Group::ids() {
        group.end_agent(id, Signal::KILL);
    }
    assert!(is_alive(command));
    group.lease = Some(LEASE);
    group.start_agent(1);
    // It listens only when the command has ended.
    assert!(!is_alive(command));
    wait_for_end(command);
    group
        .agent(1)
        .wait_for("was started without this lease, so it ends now");
    group.start_agent(2);
    group.start_agent(3);
    group.enter(2);
}
