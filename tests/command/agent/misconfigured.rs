//! Agents whose settings contradict each other: both sides report what is wrong with
//! which peer, and neither grants a lock.

use std::fs;

use rustix::process::Signal;

use super::machines::{Machines, ends_with};
use crate::fixtures::ports::Ports;
use crate::fixtures::program::Program;
use crate::fixtures::turno::run;

/// Makes a group key in this file, and returns the path.
fn key(machines: &Machines, name: &str) -> String {
    let file = machines.path(name).display().to_string();
    assert_eq!(run(&["key", &file]).0, Some(0));
    file
}

/// Checks that the status of a machine and a client there report why the peer's
/// datagrams are dropped.
fn is_refused(machines: &Machines, id: usize, peer: usize, why: &str) {
    machines.wait_for_status(id, &format!("    datagrams in its name are dropped: {why}"));
    let status = machines.status(id, &[]);
    let of_peer = format!(
        "  {0} ({peer}) at 127.0.0.1{0}: not heard yet",
        machines.members[peer - 1]
    );
    assert!(status.contains(&of_peer), "{status}");
    let lines = ends_with(
        machines.lock(id, &["-w", "0.1"], "refused", &["echo", "it runs"]),
        123,
    );
    let waiting = format!(
        "not run: {} ({peer}) does not answer, not heard yet, datagrams in its name are dropped: {why}",
        machines.members[peer - 1]
    );
    assert!(lines.last().unwrap().contains(&waiting), "{lines:?}");
}

/// Starts two agents with these options.
fn two(machines: &Machines, options: [&[&str]; 2]) -> [Program; 2] {
    [1, 2].map(|id| machines.agent(id, &machines.socket(id), options[id - 1], &machines.members))
}

#[test]
fn two_agents_with_different_keys_report_that_of_each_other() {
    let machines = Machines::with_agents(2, &[]);
    let keys = [key(&machines, "one.key"), key(&machines, "other.key")];
    let _agents = two(&machines, [&["--key", &keys[0]], &["--key", &keys[1]]]);
    let why = "its signature is wrong: give every member the same --key";
    is_refused(&machines, 1, 2, why);
    is_refused(&machines, 2, 1, why);
}

#[test]
fn two_agents_of_which_one_has_a_key_report_that_of_each_other() {
    let machines = Machines::with_agents(2, &[]);
    let key = key(&machines, "group.key");
    let _agents = two(&machines, [&["--key", &key], &[]]);
    let why = "it is not signed: give every member the same --key";
    is_refused(&machines, 1, 2, why);
    is_refused(
        &machines,
        2,
        1,
        "it is signed, and this process was given no --key",
    );
}

#[test]
fn two_agents_with_different_member_lists_report_that_of_each_other() {
    let machines = Machines::with_agents(2, &[]);
    let longer = [&machines.members[..], &[":1".to_owned()]].concat();
    let _one = machines.agent(1, &machines.socket(1), &[], &machines.members);
    let _other = machines.agent(2, &machines.socket(2), &[], &longer);
    let why = |peer| {
        format!("process {peer} has another member list, or another --failover: give all the same")
    };
    is_refused(&machines, 1, 2, &why(2));
    is_refused(&machines, 2, 1, &why(1));
}

#[test]
fn two_agents_with_one_id_report_that_and_grant_no_lock_until_one_of_them_is_gone() {
    let machines = Machines::with_agents(2, &[]);
    let ports = Ports::reserve(1);
    let elsewhere = format!("127.0.0.1:{}", ports.iter().next().unwrap());
    let agents = two(&machines, [&[], &[]]);
    machines.wait_for_status(1, " ago");
    // Started by mistake, on another machine.
    let options = ["--listen", &elsewhere];
    let double = machines.agent(1, &machines.socket(3), &options, &machines.members);
    let claimed =
        "another node has this member's id: neither may enter until one of the two is stopped";
    let script = "echo it runs; test -e is-gone";
    let waits = [1, 3].map(|machine| {
        machines.wait_for_status(machine, claimed);
        let waits = machines.script(machine, &["-v"], "double", script);
        waits.wait_for(claimed);
        waits
    });
    agents[0].wait_for(claimed);
    double.wait_for(claimed);
    let [here, there] = waits;
    there.signal(Signal::TERM);
    let (_, lines) = there.finish();
    assert!(!lines.contains(&"it runs".to_owned()), "{lines:?}");
    // Without this file the command fails.
    fs::write(machines.path("is-gone"), "").unwrap();
    double.terminate();
    ends_with(here, 0);
}
