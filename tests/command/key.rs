//! `turno key`, and groups with a key.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::fixtures::group::Group;
use crate::fixtures::ports::Ports;
use crate::fixtures::program::Program;
use crate::fixtures::turno::TURNO;
use rustix::process::Signal;

/// Runs `turno key` for this file.
fn make_key(file: &Path) -> Output {
    Command::new(TURNO)
        .args(["key".as_ref(), file.as_os_str()])
        .output()
        .unwrap()
}

/// Makes two keys in a folder.
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
fn a_key_is_private_to_its_owner_and_never_overwritten() {
    let (_folder, one, other) = two_keys();
    let key = fs::read(&one).unwrap();
    assert_ne!(key, fs::read(&other).unwrap());
    let mode = fs::metadata(&one).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = make_key(&one);
    assert_eq!(again.status.code(), Some(1));
    let error = String::from_utf8(again.stderr).unwrap();
    assert!(
        error.contains("it exists, and is not overwritten"),
        "{error}"
    );
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
        let error = lines.last().unwrap();
        assert!(error.contains(why), "{error}");
    };
    fs::set_permissions(&one, PermissionsExt::from_mode(0o640)).unwrap();
    refused(&one, "other users can read or write it: chmod 600 ");
    fs::write(&other, "not a key\n").unwrap();
    refused(&other, "turno key makes one");
    refused(
        Path::new("/nowhere/turno.key"),
        "the key file /nowhere/turno.key: ",
    );
}

#[test]
fn a_group_with_a_key_takes_turns_and_accepts_no_datagram_without_it() {
    let (_folder, one, other) = two_keys();
    let (one, other) = (one.to_str().unwrap(), other.to_str().unwrap());
    let group = Group::of(3);
    let section = Program::start(
        "shared with a key",
        &["shared", "--listen", "127.0.0.1:0", "--key", one],
    );
    let section_address = section.section_address();
    let with_key = ["--hold", "0s", "--shared", &section_address, "--key", one];
    let process = |id, options: &[&str]| {
        let addresses: Vec<&str> = group.addresses.iter().map(String::as_str).collect();
        Program::start(
            &format!("process {id}"),
            &[&["process", id], options, &addresses[..]].concat(),
        )
    };
    let mut first = process("1", &with_key);
    let second = process("2", &with_key);
    first.wait_for_welcome(2);
    second.wait_for_welcome(1);

    // The third process has no key, then another one, then the group's.
    let mut unsigned = process("3", &["--shared", &section_address]);
    first.wait_for(
        "dropped, it is not signed: give every member the same --key, clock 1: \"req<0,3>",
    );
    unsigned.wait_for("dropped, it is signed, and this process was given no --key");
    unsigned.send_line("x");
    unsigned.wait_for("x: asks 1, 2 for the clock first");
    unsigned.terminate();
    let forged = process("3", &["--shared", &section_address, "--key", other]);
    let wrong = "its signature is wrong: give every member the same --key";
    first.wait_for(&format!("dropped, {wrong}, clock 1: \"req<0,3>"));
    forged.wait_for("dropped, its signature is wrong");
    forged.terminate();
    let _third = process("3", &with_key);
    first.wait_for_welcome(3);
    first.send_line("x");
    first.wait_for("Process exited CS");
    section.wait_for("interaction with cs ends");

    first.signal(Signal::USR1);
    let counts = first.wait_for("dropped so far: not signed ");
    assert!(counts.contains(", signature wrong "), "{counts}");
    let lines = section.terminate();
    assert!(lines.contains(&"entries 1".to_owned()), "{lines:#?}");
}

#[test]
fn a_process_that_listens_beyond_its_machine_without_a_key_warns_once() {
    let ports = Ports::reserve(1);
    let member = format!("127.0.0.1:{}", ports.iter().next().unwrap());
    let listen = member.replace("127.0.0.1", "0.0.0.0");
    let process = Program::start("1", &["process", "1", &member, "--listen", &listen]);
    process.wait_for("WARNING: no --key, so any host that can send to 0.0.0.0:");
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
