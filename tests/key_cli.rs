//! `turno key`, and groups that have one.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::process::Signal;
use support::{Group, Program};

fn make_key(file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_turno"))
        .args(["key".as_ref(), file.as_os_str()])
        .output()
        .unwrap()
}

/// A folder with two keys in it.
fn two_keys() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (
        folder.path().join("one.key"),
        folder.path().join("other.key"),
    );
    for file in [&one, &other] {
        assert!(make_key(file).status.success());
    }
    (folder, one, other)
}

#[test]
fn a_key_is_its_owners_alone_and_never_overwritten() {
    let (_folder, one, other) = two_keys();
    let key = fs::read(&one).unwrap();
    assert_ne!(key, fs::read(&other).unwrap());
    let mode = fs::metadata(&one).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = make_key(&one);
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("it exists, and is not overwritten"), "{said}");
    assert_eq!(fs::read(&one).unwrap(), key);
}

#[test]
fn a_key_file_that_others_can_read_or_that_holds_no_key_is_refused() {
    let (_folder, one, other) = two_keys();
    let group = Group::of(1);
    let refused = |file: &Path, why: &str| {
        let process = group.process_with(1, &["--key", file.to_str().unwrap()]);
        let (status, lines) = process.finish();
        assert_eq!(status.code(), Some(1));
        let said = lines.last().unwrap();
        assert!(said.contains(why), "{said}");
    };
    fs::set_permissions(&one, PermissionsExt::from_mode(0o640)).unwrap();
    refused(
        &one,
        "others than its owner can read or write it: chmod 600 ",
    );
    fs::write(&other, "not a key\n").unwrap();
    refused(&other, "turno key makes one");
    refused(
        Path::new("/nowhere/turno.key"),
        "the key file /nowhere/turno.key: ",
    );
}

#[test]
fn a_group_with_a_key_takes_turns_and_hears_nobody_without_it() {
    let (_folder, one, other) = two_keys();
    let (one, other) = (one.to_str().unwrap(), other.to_str().unwrap());
    let group = Group::of(3);
    let shared = Program::start(
        "shared with a key",
        &["shared", "--listen", "127.0.0.1:0", "--key", one],
    );
    let section = shared.listens_at();
    let with_key = ["--hold", "0s", "--shared", &section, "--key", one];
    let process = |id, options: &[&str]| {
        let addresses: Vec<&str> = group.addresses.iter().map(String::as_str).collect();
        Program::start(
            &format!("process {id}"),
            &[&["process", id], options, &addresses[..]].concat(),
        )
    };
    let mut first = process("1", &with_key);
    let second = process("2", &with_key);
    first.is_welcomed_by(2);
    second.is_welcomed_by(1);

    // The third has no key, then another one; then theirs.
    let mut unsigned = process("3", &["--shared", &section]);
    first.wait_for(
        "dropped, it is not signed: give every member the same --key, clock 1: \"req<0,3>",
    );
    unsigned.wait_for("dropped, it is signed, and this process was given no --key");
    unsigned.say("x");
    unsigned.wait_for("x: asks 1, 2 for the clock first");
    unsigned.terminate();
    let forged = process("3", &["--shared", &section, "--key", other]);
    let wrong = "its signature is wrong: give every member the same --key";
    first.wait_for(&format!("dropped, {wrong}, clock 1: \"req<0,3>"));
    forged.wait_for("dropped, its signature is wrong");
    forged.terminate();
    let _third = process("3", &with_key);
    first.is_welcomed_by(3);
    first.say("x");
    first.wait_for("Process exited CS");
    shared.wait_for("interaction with cs ends");

    first.signal(Signal::USR1);
    let counts = first.wait_for("dropped so far: not signed ");
    assert!(counts.contains(", signature wrong "), "{counts}");
    let lines = shared.terminate();
    assert!(lines.contains(&"entries 1".to_owned()), "{lines:#?}");
}

#[test]
fn who_listens_beyond_its_own_machine_without_a_key_says_so_once() {
    let ports = support::Ports::reserve(1);
    let member = format!("127.0.0.1:{}", ports.iter().next().unwrap());
    let listen = member.replace("127.0.0.1", "0.0.0.0");
    let process = Program::start("1", &["process", "1", &member, "--listen", &listen]);
    process.wait_for("WARNING: no --key, so whoever can send to 0.0.0.0:");
    process.wait_for("turno key makes one");
    assert_eq!(
        process
            .terminate()
            .iter()
            .filter(|line| line.contains("WARNING"))
            .count(),
        1
    );
}
