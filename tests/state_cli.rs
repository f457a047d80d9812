//! `turno process --state`: what survives when a process is started anew.

mod support;

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use support::{Group, Program};

/// Process 1, which keeps its clock there.
fn first(group: &Group, folder: &Path, options: &[&str]) -> Program {
    let folder = folder.to_str().unwrap();
    group.process_with(1, &[&["--hold", "0s", "--state", folder], options].concat())
}

fn ends_with_failure(process: Program) -> String {
    let (status, lines) = process.finish();
    assert_eq!(status.code(), Some(1), "{lines:#?}");
    lines.last().unwrap().clone()
}

#[test]
fn a_process_that_was_killed_goes_on_past_every_clock_that_it_may_have_used() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let group = Group::of(2);
    let second = group.process(2, "0s");
    let mut process = first(&group, &state, &[]);
    process.is_welcomed_by(2);
    process.say("x");
    process.wait_for("Process exited CS");
    process.signal(Signal::KILL);
    process.finish();
    second.terminate();

    // Nobody else is up, and it need hear nobody: it asks at once.
    let mut process = first(&group, &state, &[]);
    process.say("x");
    process.wait_for("x: req<1000002,1> sent to 2, clock 1000002");
    let second = group.process(2, "0s");
    second.wait_for("req<1000002,1> received");
    process.wait_for("Process exited CS");
    group.shared.wait_for_nth(2, "interaction with cs begins");
    let lines = group.shared.terminate();
    assert!(lines.contains(&"refused 0".to_owned()), "{lines:#?}");
}

#[test]
fn a_first_start_hears_the_others_before_it_asks() {
    let folder = tempfile::tempdir().unwrap();
    let group = Group::of(2);
    let mut process = first(&group, &folder.path().join("state"), &[]);
    process.say("x");
    process.wait_for("x: asks 2 for the clock first");
    let _second = group.process(2, "0s");
    process.wait_for("Process exited CS");
}

#[test]
fn a_state_that_is_damaged_missing_anothers_or_in_use_is_an_error_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let path = state.display();
    let group = Group::of(1);
    let process = first(&group, &state, &[]);
    process.wait_for("listens at");
    let other = Group::of(1);
    let said = ends_with_failure(first(&other, &state, &[]));
    assert_eq!(
        said,
        format!("turno: the state directory {path} is in use by another node")
    );
    process.terminate();

    let said = ends_with_failure(first(&other, &state, &[]));
    assert!(said.starts_with(&format!(
        "turno: {path}/turno-state.json is of member 1 of group "
    )));
    assert!(said.contains("start each with --new-state"), "{said}");

    let file = state.join("turno-state.json");
    fs::write(&file, "{}").unwrap();
    let said = ends_with_failure(first(&group, &state, &[]));
    assert!(
        said.contains("is damaged (missing field") && said.contains("--new-state"),
        "{said}"
    );

    fs::remove_file(&file).unwrap();
    let said = ends_with_failure(first(&group, &state, &[]));
    assert!(said.contains("turno-state.json is missing: if "), "{said}");

    let mut process = first(&group, &state, &["--new-state"]);
    process.say("x");
    process.wait_for("Process exited CS");
}

#[test]
fn when_the_clock_cannot_be_written_down_nothing_more_is_said_to_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let group = Group::of(2);
    let process = |id: usize| {
        let state = folder.path().join(id.to_string());
        group.process_with(id, &["--hold", "1h", "--state", state.to_str().unwrap()])
    };
    let (mut first, second) = (process(1), process(2));
    first.is_welcomed_by(2);
    first.say("x");
    first.wait_for("Process entered CS");
    // What 2 asks after a restart is past all that 1 has written down, and there
    // 1's disk is full, or as good as that.
    second.terminate();
    fs::create_dir(folder.path().join("1/turno-state.json.new")).unwrap();
    let mut second = process(2);
    second.say("x");
    let asks = second.wait_for("x: req<");
    let (request, _) = asks["x: ".len()..].split_once(' ').unwrap();
    let (status, lines) = first.finish();
    assert_eq!(status.code(), Some(1));
    let says_why = |line: &String| line.starts_with("turno: the clock could not be written down: ");
    assert!(lines.iter().any(says_why), "{lines:#?}");
    for never in [&format!("{request} received"), "exited", "reply<100"] {
        assert!(
            !lines.iter().any(|line| line.contains(never)),
            "{never}: {lines:#?}"
        );
    }
    second.wait_for("waiting 2 s for :");
    second.so_far();
    assert_eq!(second.count("entered"), 0);
    let lines = group.shared.terminate();
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("[PID: 1, Clock: ") && !has("cs ends"), "{lines:#?}");
}
