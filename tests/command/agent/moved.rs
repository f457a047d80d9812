//! Members whose names have other addresses than at the start, in network namespaces.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::machines::{ends_with, run_status};
use crate::fixtures::network::Network;
use crate::fixtures::program::Program;
use crate::fixtures::turno::run;
use crate::fixtures::wait::eventually;

/// The addresses of beta: those of its machine, at first and later, and one that no
/// machine has, which the resolver puts first.
const OLD: &str = "10.77.0.2";
const NEW: &str = "10.77.0.99";
const NOBODY: &str = "10.77.0.3";

/// Two machines, alpha and beta, each with an /etc/hosts of its own.
struct Named {
    // Agents end before their files and their network go.
    agents: [Option<Program>; 2],
    folder: TempDir,
    network: Network,
    has_key: bool,
}

impl Named {
    /// `None` where there is no right to make namespaces.
    fn new(has_key: bool) -> Option<Self> {
        let named = Named {
            network: Network::of_names(2)?,
            folder: tempfile::tempdir().unwrap(),
            agents: [None, None],
            has_key,
        };
        if has_key {
            assert_eq!(run(&["key", &named.path("key")]).0, Some(0));
        }
        named.set_hosts(1, &[OLD]);
        named.set_hosts(2, &[OLD]);
        Some(named)
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn hosts(&self, id: usize) -> PathBuf {
        self.folder.path().join(format!("hosts-{id}"))
    }

    /// The addresses that beta has in the file of this machine.
    fn set_hosts(&self, id: usize, of_beta: &[&str]) {
        let beta: String = of_beta.iter().map(|ip| format!("{ip} beta\n")).collect();
        let text = format!("127.0.0.1 localhost\n10.77.0.1 alpha\n{beta}");
        // In place, since it is mounted.
        fs::write(self.hosts(id), text).unwrap();
    }

    fn socket(&self, id: usize) -> String {
        self.path(&format!("{id}.sock"))
    }

    fn start(&mut self, id: usize) {
        let mut command = self.network.turno_with_names(id, &self.hosts(id));
        command.args(["agent", "--id", &id.to_string()]);
        command.args(["--socket", &self.socket(id), "--resend", "50ms"]);
        command.args(["--beat", "1s"]);
        if self.has_key {
            command.args(["--key", &self.path("key")]);
        }
        command.args(["alpha:7001", "beta:7001"]);
        command.stdin(Stdio::null());
        let agent = Program::spawn(&format!("agent {id}"), &mut command);
        self.agents[id - 1] = Some(agent);
        let socket = self.socket(id);
        eventually(&format!("an answer of agent {id}"), || {
            run_status(&socket, &[]).status.success().then_some(())
        });
    }

    fn end(&mut self, id: usize) {
        let agent = self.agents[id - 1].take().unwrap();
        agent.signal(Signal::TERM);
        agent.finish();
    }

    fn alpha(&self) -> &Program {
        self.agents[0].as_ref().unwrap()
    }

    fn lock(&self, id: usize, limit: &str) -> Program {
        let socket = self.socket(id);
        let arguments = [
            "lock", "--socket", &socket, "-w", limit, "job", "--", "true",
        ];
        Program::start_with("lock", &arguments, Stdio::null())
    }

    fn enter(&self, id: usize) {
        ends_with(self.lock(id, "60"), 0);
    }

    fn status(&self, arguments: &[&str]) -> String {
        let output = run_status(&self.socket(1), arguments);
        String::from_utf8(output.stdout).unwrap()
    }

    /// What alpha's agent knows of beta.
    fn beta(&self) -> Value {
        let status: Value = serde_json::from_str(&self.status(&["--json"])).unwrap();
        status["node"]["peers"][0].clone()
    }

    /// Beta is started again at its new address.
    fn move_beta(&mut self) {
        self.end(2);
        self.network.readdress(2, OLD, NEW);
        self.start(2);
    }

    fn waits_for_the_move(&self) {
        let moved = format!("is at {NEW}:7001 now, was {OLD}:7001");
        let line = self.alpha().wait_for(&moved);
        assert!(
            line.ends_with(&format!(" INFO beta:7001 (2) {moved}")),
            "{line}"
        );
        self.enter(1);
        self.enter(2);
        let status = self.status(&[]);
        assert!(
            status.contains(&format!("  beta:7001 (2) at {NEW}:7001: heard ")),
            "{status}"
        );
        assert!(status.contains(&format!("\n    {moved}\n")), "{status}");
        let beta = self.beta();
        assert_eq!(beta["name"], "beta:7001");
        assert_eq!(beta["address"], format!("{NEW}:7001"));
        assert_eq!(beta["moved_from"], format!("{OLD}:7001"));
        assert_eq!(
            self.alpha().count(" now, was "),
            1,
            "{:#?}",
            self.alpha().lines()
        );
    }
}

#[test]
fn a_member_whose_name_has_another_address_is_found_without_a_restart_of_the_others() {
    for has_key in [false, true] {
        let Some(mut group) = Named::new(has_key) else {
            return;
        };
        group.start(1);
        group.start(2);
        group.enter(1);
        for id in [1, 2] {
            group.set_hosts(id, &[NEW]);
        }
        group.move_beta();
        group.waits_for_the_move();
    }
}

/// The name servers of alpha know nothing of it yet.
#[test]
fn with_a_key_a_member_that_has_moved_is_found_though_its_name_has_the_old_address() {
    let Some(mut group) = Named::new(true) else {
        return;
    };
    group.start(1);
    group.start(2);
    group.enter(1);
    group.set_hosts(2, &[NEW]);
    group.move_beta();
    group.waits_for_the_move();
}

/// Beta is cut off until its datagrams, which would say where it is, are over.
#[test]
fn a_silent_member_is_looked_up_again() {
    for has_key in [false, true] {
        let Some(mut group) = Named::new(has_key) else {
            return;
        };
        group.start(1);
        group.start(2);
        group.enter(2);
        // Beta is silent and does not know where alpha is; alpha asks it.
        group.end(2);
        group.network.readdress(2, OLD, NEW);
        let waiting = group.lock(1, "60");
        group.set_hosts(1, &[NEW]);
        group
            .alpha()
            .wait_for(&format!("is at {NEW}:7001 now, was {OLD}:7001"));
        group.set_hosts(2, &[NEW]);
        group.start(2);
        ends_with(waiting, 0);
    }
}

#[test]
fn a_name_with_two_addresses_leads_to_the_one_at_which_the_agent_listens() {
    for has_key in [false, true] {
        let Some(mut group) = Named::new(has_key) else {
            return;
        };
        group.set_hosts(1, &[NOBODY, NEW]);
        group.set_hosts(2, &[NEW]);
        group.network.readdress(2, OLD, NEW);
        group.start(1);
        assert_eq!(group.beta()["address"], format!("{NOBODY}:7001"));
        group.start(2);
        group.enter(1);
        group.enter(2);
        eventually("the address that answers", || {
            (group.beta()["address"] == format!("{NEW}:7001")).then_some(())
        });
    }
}

#[test]
fn a_peer_whose_name_is_not_known_is_a_member_that_is_not_heard_until_it_is() {
    for has_key in [false, true] {
        let Some(mut group) = Named::new(has_key) else {
            return;
        };
        group.set_hosts(1, &[]);
        group.start(1);
        let unknown = "cannot find host beta: ";
        let line = group.alpha().wait_for(unknown);
        assert!(line.contains(" WARN cannot find host beta: "), "{line}");
        let end = "beta:7001 (2) is not heard until its name is known, which is looked up again";
        assert!(line.ends_with(end), "{line}");
        let others = "the other members: beta:7001 (2), whose address is not known";
        group.alpha().wait_for(others);
        let status = group.status(&[]);
        for part in [
            "  beta:7001 (2) at no known address: not heard yet",
            unknown,
        ] {
            assert!(status.contains(part), "{status}");
        }
        assert_eq!(group.beta()["address"], "");
        let lines = ends_with(group.lock(1, "0.1"), 123);
        let why = format!("beta:7001 (2) does not answer, not heard yet, {unknown}");
        assert!(lines.last().unwrap().contains(&why), "{lines:?}");

        group.start(2);
        group.set_hosts(1, &[OLD]);
        group.enter(1);
        group.enter(2);
        assert_eq!(group.beta()["address"], format!("{OLD}:7001"));
        eventually("the name is found", || {
            group.beta()["not_found"].is_null().then_some(())
        });
    }
}

#[test]
fn the_own_name_must_be_known() {
    let Some(group) = Named::new(false) else {
        return;
    };
    group.set_hosts(2, &[]);
    let mut command = group.network.turno_with_names(2, &group.hosts(2));
    command.args(["agent", "--id", "2", "--socket", &group.socket(2)]);
    let output = command.args(["alpha:7001", "beta:7001"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    let end = "; it is the host of beta:7001 (2), this member itself\n";
    assert!(
        error.starts_with("turno: cannot find host beta: "),
        "{error}"
    );
    assert!(error.ends_with(end), "{error}");
}
