//! A test that needs tmux or Chromium never passes silently without it.

use std::process::{Command, Output};

use rustix::process::geteuid;

/// Runs one test of this program where no program can be found.
fn run_without_programs(test: &str, skip: &str) -> (Output, String) {
    let this_program = std::env::current_exe().unwrap();
    let output = Command::new(this_program)
        .args(["--exact", test])
        .env("PATH", "/nowhere")
        .env("TURNO_SKIP", skip)
        .output()
        .unwrap();
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("running 1 test"), "{text}");
    (output, text)
}

/// A test of each program.
const TESTS: [(&str, &str); 2] = [
    ("tmux", "screen::it_can_be_suspended_and_resumed"),
    ("chromium", "viewer::text_of_a_trace_is_not_taken_for_html"),
];

#[test]
fn a_test_without_its_program_fails_and_names_the_command_to_install_it() {
    for (program, test) in TESTS {
        let (output, text) = run_without_programs(test, "");
        assert!(!output.status.success(), "{text}");
        let expected = format!("{program} is missing: apt-get install {program}");
        assert!(text.contains(&expected), "{text}");
    }
}

/// Root makes network namespaces, or the test fails; another user has no right to make them.
#[test]
fn a_test_of_root_that_cannot_make_namespaces_fails_and_names_the_command_to_install_ip() {
    if !geteuid().is_root() {
        return;
    }
    let test = "failover::majority::a_group_whose_members_were_all_killed_at_once_goes_on";
    let (output, text) = run_without_programs(test, "");
    assert!(!output.status.success(), "{text}");
    let expected = "iproute2 is missing: apt-get install iproute2";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_test_of_a_skipped_program_says_so_on_standard_error() {
    for (program, test) in TESTS {
        let (output, text) = run_without_programs(test, "tmux,chromium");
        assert!(output.status.success(), "{text}");
        let error = String::from_utf8(output.stderr).unwrap();
        let expected = format!("skipped: {test} needs {program}");
        assert!(error.contains(&expected), "{text}");
    }
}
