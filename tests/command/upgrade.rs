//! A group is upgraded, one machine after another, while commands run on all of them. Here
//! both builds are this one, under two paths; `scripts/upgrade-check.sh` takes any two.

use std::fs;
use std::process::Command;

use crate::fixtures::ports::Ports;
use crate::fixtures::turno::TURNO;

fn upgrade(options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let builds = ["old", "new"].map(|name| folder.path().join(name));
    for build in &builds {
        fs::copy(TURNO, build).unwrap();
    }
    let ports = Ports::reserve(3);
    let ports: Vec<String> = ports.iter().map(|port| port.to_string()).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/upgrade-check.sh");
    let mut command = Command::new(script);
    command.args(["--ports", &ports.join(",")]).args(options);
    let output = command.args(&builds).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{errors}");
    for machine in 1..=3 {
        let step = format!("machine {machine} has the new build: ");
        assert!(said.contains(&step), "{said}");
    }
    let last = said.lines().last().unwrap();
    assert!(
        last.contains(" commands one at a time with rising tokens, "),
        "{said}"
    );
    assert!(last.contains("long commands ended with 0 0 0; "), "{said}");
}

#[test]
fn an_upgrade_of_one_machine_after_another_ends_no_command() {
    upgrade(&[]);
}

#[test]
fn an_upgrade_with_failover_ends_no_command() {
    upgrade(&["--failover", "10s"]);
}
