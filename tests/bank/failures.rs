//! Failures of disks and files: the answer names them, and the server keeps running.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, geteuid, prlimit};

use crate::example::{command, program_path};
use crate::fixture::{Bank, Server};

const DEPOSIT: &str = "op:3|rg:1111111111|valor:1.0";
const DEPOSITED: &str = "Depósito realizado com sucesso";

#[test]
fn a_malformed_account_is_named_and_the_others_are_served() {
    let bank = Bank::open();
    let server = bank.server();
    let mut client = server.client();
    let sound = bank.read("2222222222");
    for (text, why) in [
        ("", "EOF while parsing"),
        ("{\"rg\": \"2222222222\", \"no", "EOF while parsing"),
        (
            "{\"rg\": \"2222222222\", \"nome\": \"J\", \"saldo\": NaN}",
            "expected value",
        ),
        (
            "{\"rg\": \"3\", \"nome\": \"J\", \"saldo\": 1.0}",
            "its rg is not",
        ),
    ] {
        bank.write("2222222222", text);
        let names = ["Erro no servidor", "2222222222.json", why];
        for request in [
            "op:6|rg:2222222222",
            "op:1|rg:2222222222",
            "op:3|rg:2222222222|valor:1.0",
            "op:4|rg_origem:1111111111|rg_destino:2222222222|valor:1.0",
        ] {
            client.expect_error(request, &names);
        }
        client.expect("op:1|rg:1111111111", "s:0", "Saldo: 10.0");
        let (is_sound, printed) = bank.run("audit");
        assert!(
            !is_sound && printed.contains("2222222222.json"),
            "{printed}"
        );
    }
    bank.write("2222222222", &sound);
    client.expect("op:1|rg:2222222222", "s:0", "Saldo: 10.0");
}

#[test]
fn an_account_that_cannot_be_read_is_named() {
    let bank = Bank::open();
    let server = bank.server();
    let mut client = server.client();
    fs::remove_file(bank.path("2222222222")).unwrap();
    fs::create_dir(bank.path("2222222222")).unwrap();
    client.expect_error("op:1|rg:2222222222", &["2222222222.json: Is a directory"]);
    client.expect(DEPOSIT, "s:0", DEPOSITED);
}

#[test]
fn a_missing_folder_is_named_and_may_come_back() {
    let bank = Bank::open();
    let server = bank.server();
    let mut client = server.client();
    let away = bank.accounts().with_extension("away");
    fs::rename(bank.accounts(), &away).unwrap();
    client.expect_error("op:1|rg:1111111111", &["contas", "No such file"]);
    fs::rename(&away, bank.accounts()).unwrap();
    client.expect(DEPOSIT, "s:0", DEPOSITED);
}

/// A limit of the file size has the effect of a full disk.
#[test]
fn a_full_disk_is_named_and_may_have_room_again() {
    let bank = Bank::open();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(program_path());
    let server = Server::start(&mut bank.server_of(shell));
    let mut client = server.client();
    client.expect(DEPOSIT, "s:0", DEPOSITED);
    let pid = Pid::from_raw(i32::try_from(server.program.pid()).unwrap());
    let fill = |max| {
        let limit = Rlimit {
            current: max,
            maximum: None,
        };
        prlimit(pid, Resource::Fsize, limit).unwrap();
    };
    fill(Some(0));
    client.expect_error(DEPOSIT, &["1111111111.json.", "File too large"]);
    client.expect("op:1|rg:1111111111", "s:0", "Saldo: 11.0");
    fill(None);
    client.expect(DEPOSIT, "s:0", DEPOSITED);
    client.expect("op:1|rg:1111111111", "s:0", "Saldo: 12.0");
    let names = fs::read_dir(bank.accounts()).unwrap();
    let left =
        names.filter(|name| name.as_ref().unwrap().path().extension() == Some("new".as_ref()));
    assert_eq!(left.count(), 0, "an unfinished file is left");
}

/// Permissions do not restrict root, so root starts the server as nobody.
#[test]
fn a_read_only_folder_is_named_and_may_become_writable_again() {
    const NOBODY: u32 = 65534;
    let bank = Bank::open();
    let allow = |mode| fs::set_permissions(bank.accounts(), Permissions::from_mode(mode)).unwrap();
    let mut command = bank.server_command();
    if geteuid().is_root() {
        let folder = bank.accounts().parent().unwrap().to_owned();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        // The user nobody may have no access to where the program was built. Another
        // process copies it: a child that another test starts meanwhile would
        // inherit the file from this process, open for writing, and a file that is
        // open for writing cannot be executed.
        let copy = folder.join("bank");
        let copied = Command::new("cp").arg(program_path()).arg(&copy).status();
        assert!(copied.unwrap().success());
        command = bank.server_of(Command::new(copy));
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
    allow(0o555);
    let server = Server::start(&mut command);
    let mut client = server.client();
    client.expect_error(DEPOSIT, &["contas/1111111111.json.", "Permission denied"]);
    allow(0o777);
    client.expect(DEPOSIT, "s:0", DEPOSITED);
    allow(0o555);
    client.expect_error(DEPOSIT, &["contas/1111111111.json.", "Permission denied"]);
    client.expect("op:1|rg:1111111111", "s:0", "Saldo: 11.0");
    allow(0o777);
    client.expect(DEPOSIT, "s:0", DEPOSITED);
}

#[test]
fn an_audit_reports_an_unfinished_batch_and_the_next_server_completes_it() {
    let bank = Bank::open();
    let text = |rg: &str, saldo: &str| {
        format!("{{\\\"rg\\\": \\\"{rg}\\\", \\\"nome\\\": \\\"A\\\", \\\"saldo\\\": {saldo}}}")
    };
    let change = |rg: &str, before: &str, after: &str| {
        let (before, after) = (text(rg, before), text(rg, after));
        format!("{{\"rg\": \"{rg}\", \"before\": \"{before}\", \"after\": \"{after}\"}}")
    };
    bank.add("7", 1000);
    bank.write("7", &text("7", "10.0").replace('\\', ""));
    bank.write("8", &text("8", "14.0").replace('\\', ""));
    let changes = [change("7", "10.0", "6.0"), change("8", "10.0", "14.0")].join(", ");
    let journal = format!("{{\"batch\": 1, \"token\": 3, \"changes\": [{changes}]}}");
    fs::write(bank.accounts().join(".journal"), journal).unwrap();
    let (is_sound, printed) = bank.run("audit");
    assert!(is_sound, "{printed}");
    assert!(
        printed.contains("half done: 7 still has 10.0, and will have 6.0\n"),
        "{printed}"
    );
    assert!(printed.ends_with("12 accounts, total 120.0\n"), "{printed}");

    let server = bank.server();
    let mut client = server.client();
    client.expect("op:1|rg:7", "s:0", "Saldo: 6.0");
    let (_, printed) = bank.run("audit");
    assert!(!printed.contains("half done"), "{printed}");
}

#[test]
fn a_second_single_server_does_not_start() {
    let bank = Bank::open();
    let _first = bank.server();
    let output = bank.server_command().output().unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        printed.contains("another server uses these accounts"),
        "{printed}"
    );
}

#[test]
fn wrong_use_names_the_way_out_and_help_has_examples() {
    let output = command(&["server", "--accounts", "no-such-place"])
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        printed.contains("bank open --accounts no-such-place makes it"),
        "{printed}"
    );
    let output = command(&["audit", "--accounts", "no-such-place"]).output();
    assert_eq!(output.unwrap().status.code(), Some(2));
    for subcommand in ["server", "client", "open", "audit"] {
        let output = command(&[subcommand, "--help"]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        assert!(
            printed.contains(&format!("Examples:\n  bank {subcommand}")),
            "{printed}"
        );
    }
}

#[test]
fn open_leaves_existing_accounts_unchanged() {
    let bank = Bank::open();
    let server = bank.server();
    server.client().expect(DEPOSIT, "s:0", DEPOSITED);
    let (is_done, printed) = bank.run("open");
    assert!(
        is_done && printed.starts_with("0 accounts opened in "),
        "{printed}"
    );
    fs::remove_file(bank.path("5555555555")).unwrap();
    let (_, printed) = bank.run("open");
    assert!(
        printed.contains("; 9 exist already and are unchanged"),
        "{printed}"
    );
    let (accounts, total) = bank.audit();
    assert_eq!((accounts.len(), total), (10, 10_100));
}
