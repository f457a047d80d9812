//! `turno agent --check`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::machines::Machines;
use crate::fixtures::turno::run;

/// Checks the agent of a member with these options; returns its exit code, its findings
/// and its errors.
fn check(
    machines: &Machines,
    id: usize,
    options: &[&str],
    members: &[String],
) -> (Option<i32>, String, String) {
    let (socket, id) = (machines.socket(id), id.to_string());
    let mut arguments = vec!["agent", "--check", "--id", &id, "--socket", &socket];
    arguments.extend(options);
    arguments.extend(members.iter().map(String::as_str));
    run(&arguments)
}

/// What is wrong, without what is fine.
fn wrong(text: &str) -> Vec<&str> {
    let wrong = text.lines().filter_map(|line| line.strip_prefix("WRONG: "));
    wrong.collect()
}

#[test]
fn a_check_of_a_good_configuration_finds_nothing_and_makes_nothing() {
    let machines = Machines::with_agents(3, &[]);
    let key = machines.path("turno.key").display().to_string();
    assert_eq!(run(&["key", &key]).0, Some(0));
    let state = machines.path("new/state").display().to_string();
    let options = ["--key", &key, "--state", &state, "--failover", "2s"];
    let (code, text, error) = check(&machines, 1, &options, &machines.members);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{text}");
    assert!(
        text.contains("ok: a lease of 2s: 2 of 3 members go on"),
        "{text}"
    );
    assert!(text.contains(&format!("the state directory, {state}, will be made")));
    assert!(!machines.path("new").exists());
    assert!(!machines.path("1.sock").exists());
}

#[test]
fn a_check_names_everything_that_is_wrong_at_once() {
    let machines = Machines::with_agents(2, &[]);
    let key = machines.path("turno.key");
    fs::write(&key, "no key").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let state = machines.path("state");
    fs::create_dir(&state).unwrap();
    fs::write(machines.path("1.sock"), "").unwrap();
    let (key, state) = (key.display().to_string(), state.display().to_string());
    let options = ["--key", &key, "--state", &state, "--failover", "2s"];
    let options = [&options[..], &["--socket-group", "no such group"]].concat();
    let (code, text, error) = check(&machines, 1, &options, &machines.members);
    assert_eq!(code, Some(2), "{text}");
    for part in [
        "failover needs three members or more",
        "other users can read or write it: chmod 600",
        "turno-state.json is missing",
        "1.sock exists and is not a socket",
        "there is no group \"no such group\"",
    ] {
        let found = wrong(&text)
            .iter()
            .filter(|line| line.contains(part))
            .count();
        assert_eq!(found, 1, "{part}: {text}");
    }
    assert_eq!(error, "turno: 5 things are wrong; see above\n", "{text}");
}

#[test]
fn a_check_names_members_that_are_not_found_and_an_address_of_another_host() {
    let machines = Machines::with_agents(1, &[]);
    let list = ["192.0.2.7:7001", "no-such-host.invalid:7001"].map(str::to_owned);
    let (code, text, _) = check(&machines, 1, &[], &list);
    assert_eq!(code, Some(2));
    let start = "\nnote: no-such-host.invalid:7001 (2): cannot find host no-such-host.invalid";
    assert!(text.contains(start), "{text}");
    assert!(text.contains("; the agent starts without it, and looks it up again\n"));
    let (code, text, _) = check(&machines, 2, &[], &list);
    assert_eq!(code, Some(2));
    let start = "no-such-host.invalid:7001 (2), this member: cannot find host";
    assert!(wrong(&text)[0].starts_with(start), "{text}");
    let (_, text, _) = check(&machines, 1, &[], &list[..1]);
    let start = "192.0.2.7:7001 (1) is at 192.0.2.7, which is no address of this host";
    assert!(wrong(&text)[0].starts_with(start), "{text}");
}

#[test]
fn a_check_beside_a_running_agent_knows_that_the_port_is_its_own() {
    let machines = Machines::start(2);
    let state = machines.path("state-1").display().to_string();
    let options = ["--state", &state];
    let (code, text, error) = check(&machines, 1, &options, &machines.members);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{text}");
    assert!(text.contains("listens at 127.0.0.1:"), "{text}");
    assert!(text.contains(": its agent runs\n"), "{text}");

    // The second member with the first one's state and socket.
    let socket = machines.socket(1);
    let other = ["--state", &state, "--socket", &socket];
    let mut arguments = vec!["agent", "--check", "--id", "2"];
    arguments.extend(other);
    arguments.extend(machines.members.iter().map(String::as_str));
    let (code, text, _) = run(&arguments);
    assert_eq!(code, Some(2));
    let wrong = wrong(&text);
    for part in [
        "the port is in use",
        "belongs to member 1",
        "the agent of member 1 listens at",
    ] {
        assert!(
            wrong.iter().any(|line| line.contains(part)),
            "{part}: {text}"
        );
    }
}
