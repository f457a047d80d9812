//! What a group with failover refuses.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::LEASE;
use super::group::{Group, ends_with};
use crate::fixtures::original_peer::OriginalPeer;
use crate::fixtures::ports::Ports;
use crate::fixtures::program::Program;
use crate::fixtures::turno::run;
use crate::fixtures::wait::{TIMEOUT, eventually};

fn members(count: usize) -> (Ports, Vec<String>) {
    let ports = Ports::reserve(count);
    let members = ports.iter().map(|port| format!(":{port}")).collect();
    (ports, members)
}

#[test]
fn a_configuration_that_cannot_have_failover_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let socket = folder.path().join("turno.sock").display().to_string();
    let state = ["--state", &state];
    let refused = |count: usize, options: &[&str], why: &str| {
        let (_ports, members) = members(count);
        let mut arguments = vec!["agent", "--id", "1", "--socket", &socket];
        arguments.extend(options);
        arguments.extend(members.iter().map(String::as_str));
        let (code, _, error) = run(&arguments);
        assert!(code == Some(2) && error.contains(why), "{code:?}: {error}");
    };
    let short = [&["--failover", "999ms"], &state[..]].concat();
    let why = "a lease of 999ms is no lease for failover: give one from 1s to 3600s";
    refused(3, &short, why);
    let enough = [&["--failover", "1s"], &state[..]].concat();
    for few in [1, 2] {
        let why = format!("failover needs three members or more, and the list has {few}: of two");
        refused(few, &enough, &why);
        refused(
            few,
            &enough,
            "add a third machine, which may do nothing but vote",
        );
    }
    let why = "failover needs a state directory, because a member must not forget";
    refused(3, &enough[..2], why);
    refused(3, &enough[..2], "give --state DIR");
}

/// Starts an agent of a group on loopback.
fn agent(
    folder: &tempfile::TempDir,
    id: usize,
    members: &[String],
    lease: Option<&str>,
) -> Program {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (socket, state) = (path(&format!("{id}.sock")), path(&format!("state-{id}")));
    let number = id.to_string();
    let mut arguments = vec![
        "agent", "--id", &number, "--socket", &socket, "--state", &state,
    ];
    arguments.extend(["--resend", "50ms"]);
    arguments.extend(lease.iter().flat_map(|lease| ["--failover", *lease]));
    arguments.extend(members.iter().map(String::as_str));
    Program::start(&format!("agent {id}"), &arguments)
}

/// Waits until the status of a member contains this.
fn wait_for_status(folder: &tempfile::TempDir, id: usize, wanted: &str) {
    let socket = folder
        .path()
        .join(format!("{id}.sock"))
        .display()
        .to_string();
    eventually(&format!("{wanted:?} in the status of {id}"), || {
        let (_, text, _) = run(&["status", "--socket", &socket]);
        text.contains(wanted).then_some(())
    });
}

#[test]
fn members_with_different_leases_report_that_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (_ports, members) = members(3);
    let leases = [Some("1s"), Some("2s"), None];
    let agents: Vec<Program> = (1..)
        .zip(leases)
        .map(|(id, lease)| agent(&folder, id, &members, lease))
        .collect();
    for id in Group::ids() {
        for peer in Group::others(id) {
            let why = format!(
                "datagrams in its name are dropped: process {peer} has another member list, or \
                 another --failover: give all the same"
            );
            wait_for_status(&folder, id, &why);
        }
    }
    drop(agents);
}

#[test]
fn a_datagram_of_the_original_is_dropped_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (_ports, members) = members(3);
    let agents = [1, 3].map(|id| agent(&folder, id, &members, Some("1s")));
    // The original repeats nothing, so both listen before it asks.
    for id in [1, 3] {
        wait_for_status(&folder, id, "not heard yet");
    }
    let section = Program::start("shared", &["shared", "--listen", "127.0.0.1:0"]);
    let hold = Duration::from_millis(1);
    let original = OriginalPeer::start(2, &members, &section.section_address(), hold);
    original.request();
    for id in [1, 3] {
        let why = "datagrams in its name are dropped: it is of a process of the original, which \
                   takes no part in failover";
        wait_for_status(&folder, id, why);
        wait_for_status(&folder, id, "of the original");
    }
    drop(agents);
}

/// It would run its command beyond the lease.
#[test]
fn a_client_that_does_not_know_of_failover_is_refused() {
    let group = Group::start(LEASE);
    let stream = UnixStream::connect(group.socket(1)).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut client = BufReader::new(stream);
    let mut send = |text: &str, wanted: &str| {
        writeln!(client.get_mut(), "{text}").unwrap();
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            assert!(client.read_line(&mut line).unwrap() > 0);
            assert!(line.contains(wanted) || line.contains("waiting"), "{line}");
        }
    };
    send(r#"{"ask":{"name":"job"}}"#, "granted");
    send(
        r#"{"locked":{}}"#,
        "this turno lock is older than the agent, and does not know of failover",
    );
    // The lock is free.
    ends_with(group.lock(2, &[], &["true"]), 0);
}
