//! `turno process --state`: what survives a restart.

use std::fs;
use std::path::Path;

use crate::fixtures::group::Group;
use crate::fixtures::program::Program;
use rustix::process::Signal;

/// Starts process 1, which keeps its clock in this folder.
fn first(group: &Group, folder: &Path, options: &[&str]) -> Program {
    let folder = folder.to_str().unwrap();
    group.process_with(1, &[&["--hold", "0s", "--state", folder], options].concat())
}

/// Waits until a process has failed, and returns its last line.
fn failure(process: Program) -> String {
    let (status, lines) = process.finish();
    assert_eq!(status.code(), Some(1), "{lines:#?}");
    lines.last().unwrap().clone()
}

#[test]
fn a_killed_process_continues_past_every_clock_that_it_may_have_used() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let group = Group::of(2);
    let second = group.process(2, "0s");
    let mut process = first(&group, &state, &[]);
    process.wait_for_welcome(2);
    process.send_line("x");
    process.wait_for("Process exited CS");
    process.signal(Signal::KILL);
    process.finish();
    second.terminate();

    // Its peer is down, but it needs no clock of it: it asks at once.
    let mut process = first(&group, &state, &[]);
    process.send_line("x");
    process.wait_for("x: req<1000002,1> sent to 2, clock 1000002");
    let second = group.process(2, "0s");
    second.wait_for("req<1000002,1> received");
    process.wait_for("Process exited CS");
    group.section.wait_for_nth(2, "interaction with cs begins");
    let lines = group.section.terminate();
    assert!(lines.contains(&"refused 0".to_owned()), "{lines:#?}");
}

#[test]
fn a_process_without_a_state_receives_the_clocks_of_its_peers_before_it_asks() {
    let folder = tempfile::tempdir().unwrap();
    let group = Group::of(2);
    let mut process = first(&group, &folder.path().join("state"), &[]);
    process.send_line("x");
    process.wait_for("x: asks 2 for the clock first");
    let _second = group.process(2, "0s");
    process.wait_for("Process exited CS");
}

#[test]
fn a_state_that_is_damaged_missing_foreign_or_in_use_is_an_error_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let path = state.display();
    let group = Group::of(1);
    let process = first(&group, &state, &[]);
    process.wait_for("listens at");
    let other = Group::of(1);
    let error = failure(first(&other, &state, &[]));
    assert_eq!(
        error,
        format!("turno: the state directory {path} is in use by another node")
    );
    process.terminate();

    let error = failure(first(&other, &state, &[]));
    assert!(error.starts_with(&format!(
        "turno: {path}/turno-state.json belongs to member 1 of group "
    )));
    assert!(error.contains("start each with --adopt-list"), "{error}");

    let file = state.join("turno-state.json");
    fs::write(&file, "{}").unwrap();
    let error = failure(first(&group, &state, &[]));
    assert!(
        error.contains("is damaged (missing field") && error.contains("--new-state"),
        "{error}"
    );

    fs::remove_file(&file).unwrap();
    let error = failure(first(&group, &state, &[]));
    assert!(
        error.contains("turno-state.json is missing. If "),
        "{error}"
    );

    let mut process = first(&group, &state, &["--new-state"]);
    process.send_line("x");
    process.wait_for("Process exited CS");
}

#[test]
fn when_the_clock_cannot_be_persisted_no_further_datagram_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let group = Group::of(2);
    let process = |id: usize| {
        let state = folder.path().join(id.to_string());
        group.process_with(id, &["--hold", "1h", "--state", state.to_str().unwrap()])
    };
    let (mut first, second) = (process(1), process(2));
    first.wait_for_welcome(2);
    first.send_line("x");
    first.wait_for("Process entered CS");
    // After its restart the request of 2 is past all that 1 has persisted. A folder
    // in the place of the new file has the effect of a full disk.
    second.terminate();
    fs::create_dir(folder.path().join("1/turno-state.json.new")).unwrap();
    let mut second = process(2);
    second.send_line("x");
    let asks = second.wait_for("x: req<");
    let (request, _) = asks["x: ".len()..].split_once(' ').unwrap();
    let (status, lines) = first.finish();
    assert_eq!(status.code(), Some(1));
    let is_reason =
        |line: &String| line.starts_with("turno: the clock could not be written down: ");
    assert!(lines.iter().any(is_reason), "{lines:#?}");
    for never in [&format!("{request} received"), "exited", "reply<100"] {
        assert!(
            !lines.iter().any(|line| line.contains(never)),
            "{never}: {lines:#?}"
        );
    }
    second.wait_for("waiting 2 s for :");
    second.report();
    assert_eq!(second.count("entered"), 0);
    let lines = group.section.terminate();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("[PID: 1, Clock: ") && !has("cs ends"), "{lines:#?}");
}
