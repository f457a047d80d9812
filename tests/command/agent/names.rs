//! Members with names.

use serde_json::Value;

use super::machines::{Machines, ends_with};
use crate::fixtures::turno::run;

/// The list of these machines, with these names.
fn named(machines: &Machines, names: &[&str]) -> Vec<String> {
    let members = machines.members.iter().zip(names);
    let named = members.map(|(address, name)| match *name {
        "" => address.clone(),
        name => format!("{name}={address}"),
    });
    named.collect()
}

#[test]
fn members_with_and_without_names_are_one_group_and_messages_use_the_names() {
    let machines = Machines::with_agents(3, &[]);
    let trace = machines.path("trace").display().to_string();
    let list = named(&machines, &["alpha", "beta", "gamma"]);
    let first = machines.agent(1, &machines.socket(1), &["--trace", &trace], &list);
    let second = machines.agent(
        2,
        &machines.socket(2),
        &["--trace", &trace],
        &machines.members,
    );
    let lines = ends_with(machines.lock(1, &["-w", "0.1"], "job", &["true"]), 123);
    let waiting = "not run: gamma (3) does not answer, not heard yet";
    assert!(lines.last().unwrap().contains(waiting), "{lines:?}");

    let third = machines.agent(3, &machines.socket(3), &[], &list);
    for id in 1..=3 {
        ends_with(machines.lock(id, &[], "job", &["true"]), 0);
    }
    let status = machines.status(1, &[]);
    assert!(
        status.starts_with("member 1 (alpha) listens at "),
        "{status}"
    );
    let address = &machines.members[1];
    let row = format!("  beta (2) at {address} [127.0.0.1{address}]: heard ");
    assert!(status.contains(&row), "{status}");
    let status: Value = serde_json::from_str(&machines.status(1, &["--json"])).unwrap();
    let peer = &status["node"]["peers"][0];
    assert_eq!(
        (&peer["called"], &peer["name"]),
        (&"beta".into(), &address.as_str().into())
    );
    let metrics = machines.status(1, &["--prometheus"]);
    let row = format!(r#"turno_peer_info{{peer="2",name="beta",address="{address}"}} 1"#);
    assert!(metrics.contains(&row), "{metrics}");
    // The second was given no names.
    let row = format!("  {0} (1) at 127.0.0.1{0}: heard ", machines.members[0]);
    assert!(machines.status(2, &[]).contains(&row));

    for agent in [first, second, third] {
        agent.terminate();
    }
    let (code, report, _) = run(&["trace", "check", &trace]);
    assert_eq!(code, Some(0), "{report}");
    assert!(report.contains("node 1 (alpha): "), "{report}");
    let (_, drawn, _) = run(&["trace", "draw", &trace]);
    assert!(drawn.contains(">alpha<title>alpha</title>"), "{drawn}");
}

#[test]
fn two_members_of_one_name_are_wrong_use() {
    let (code, _, error) = run(&["agent", "--id", "1", "a=:7001", "a=:7002"]);
    assert_eq!(code, Some(2));
    assert!(
        error.contains("have the same name, a; give each its own"),
        "{error}"
    );
}
