//! Disks and files that are not as they should be: an answer that names them, and
//! the server goes on.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, geteuid, prlimit};

use crate::example::{bank, command};
use crate::house::{House, Server};

const DEPOSIT: &str = "op:3|rg:1111111111|valor:1.0";
const DEPOSITED: &str = "Depósito realizado com sucesso";

#[test]
fn a_malformed_account_is_named_and_the_others_are_served() {
    let house = House::open();
    let server = house.server();
    let mut caller = server.call();
    let sound = house.read("2222222222");
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
        house.write("2222222222", text);
        let names = ["Erro no servidor", "2222222222.json", why];
        for request in [
            "op:6|rg:2222222222",
            "op:1|rg:2222222222",
            "op:3|rg:2222222222|valor:1.0",
            "op:4|rg_origem:1111111111|rg_destino:2222222222|valor:1.0",
        ] {
            caller.expect_error(request, &names);
        }
        caller.expect("op:1|rg:1111111111", "s:0", "Saldo: 10.0");
        let (is_sound, said) = house.run("audit");
        assert!(!is_sound && said.contains("2222222222.json"), "{said}");
    }
    house.write("2222222222", &sound);
    caller.expect("op:1|rg:2222222222", "s:0", "Saldo: 10.0");
}

#[test]
fn an_account_that_cannot_be_read_is_named() {
    let house = House::open();
    let server = house.server();
    let mut caller = server.call();
    fs::remove_file(house.path("2222222222")).unwrap();
    fs::create_dir(house.path("2222222222")).unwrap();
    caller.expect_error("op:1|rg:2222222222", &["2222222222.json: Is a directory"]);
    caller.expect(DEPOSIT, "s:0", DEPOSITED);
}

#[test]
fn a_directory_that_is_gone_is_named_and_may_come_back() {
    let house = House::open();
    let server = house.server();
    let mut caller = server.call();
    let away = house.accounts().with_extension("away");
    fs::rename(house.accounts(), &away).unwrap();
    caller.expect_error("op:1|rg:1111111111", &["contas", "No such file"]);
    fs::rename(&away, house.accounts()).unwrap();
    caller.expect(DEPOSIT, "s:0", DEPOSITED);
}

/// The limit of what may be written takes the place of a disk that is full.
#[test]
fn a_full_disk_is_named_and_may_have_room_again() {
    let house = House::open();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(bank());
    let server = Server::start(&mut house.server_of(shell));
    let mut caller = server.call();
    caller.expect(DEPOSIT, "s:0", DEPOSITED);
    let pid = Pid::from_raw(i32::try_from(server.program.pid()).unwrap());
    let fill = |most| {
        let limit = Rlimit {
            current: most,
            maximum: None,
        };
        prlimit(pid, Resource::Fsize, limit).unwrap();
    };
    fill(Some(0));
    caller.expect_error(DEPOSIT, &["1111111111.json.", "File too large"]);
    caller.expect("op:1|rg:1111111111", "s:0", "Saldo: 11.0");
    fill(None);
    caller.expect(DEPOSIT, "s:0", DEPOSITED);
    caller.expect("op:1|rg:1111111111", "s:0", "Saldo: 12.0");
    let names = fs::read_dir(house.accounts()).unwrap();
    let left =
        names.filter(|name| name.as_ref().unwrap().path().extension() == Some("new".as_ref()));
    assert_eq!(left.count(), 0, "what could not be written takes no room");
}

/// Rights do not bind root, so the server is nobody then.
#[test]
fn a_directory_that_is_read_only_is_named_and_may_be_written_again() {
    const NOBODY: u32 = 65534;
    let house = House::open();
    let allow = |mode| fs::set_permissions(house.accounts(), Permissions::from_mode(mode)).unwrap();
    let mut command = house.server_command();
    if geteuid().is_root() {
        let folder = house.accounts().parent().unwrap().to_owned();
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        // Its way to where it was built may be closed to nobody. Another process
        // copies it: a child that a test beside this one starts meanwhile would
        // inherit the file from us, open to be written, and then it cannot be run.
        let copy = folder.join("bank");
        let copied = Command::new("cp").arg(bank()).arg(&copy).status();
        assert!(copied.unwrap().success());
        command = house.server_of(Command::new(copy));
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
    allow(0o555);
    let server = Server::start(&mut command);
    let mut caller = server.call();
    caller.expect_error(DEPOSIT, &["contas/1111111111.json.", "Permission denied"]);
    allow(0o777);
    caller.expect(DEPOSIT, "s:0", DEPOSITED);
    allow(0o555);
    caller.expect_error(DEPOSIT, &["contas/1111111111.json.", "Permission denied"]);
    caller.expect("op:1|rg:1111111111", "s:0", "Saldo: 11.0");
    allow(0o777);
    caller.expect(DEPOSIT, "s:0", DEPOSITED);
}

#[test]
fn an_audit_finds_what_is_half_done_and_the_next_server_completes_it() {
    let house = House::open();
    let text = |rg: &str, saldo: &str| {
        format!("{{\\\"rg\\\": \\\"{rg}\\\", \\\"nome\\\": \\\"A\\\", \\\"saldo\\\": {saldo}}}")
    };
    let change = |rg: &str, before: &str, after: &str| {
        let (before, after) = (text(rg, before), text(rg, after));
        format!("{{\"rg\": \"{rg}\", \"before\": \"{before}\", \"after\": \"{after}\"}}")
    };
    house.add("7", 1000);
    house.write("7", &text("7", "10.0").replace('\\', ""));
    house.write("8", &text("8", "14.0").replace('\\', ""));
    let changes = [change("7", "10.0", "6.0"), change("8", "10.0", "14.0")].join(", ");
    let journal = format!("{{\"batch\": 1, \"token\": 3, \"changes\": [{changes}]}}");
    fs::write(house.accounts().join(".journal"), journal).unwrap();
    let (is_sound, said) = house.run("audit");
    assert!(is_sound, "{said}");
    assert!(
        said.contains("half done: 7 still has 10.0, and will have 6.0\n"),
        "{said}"
    );
    assert!(said.ends_with("12 accounts, total 120.0\n"), "{said}");

    let server = house.server();
    let mut caller = server.call();
    caller.expect("op:1|rg:7", "s:0", "Saldo: 6.0");
    let (_, said) = house.run("audit");
    assert!(!said.contains("half done"), "{said}");
}

#[test]
fn two_servers_that_each_believe_to_be_alone_are_not_started() {
    let house = House::open();
    let _first = house.server();
    let output = house.server_command().output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("another server uses these accounts"),
        "{said}"
    );
}

#[test]
fn wrong_use_names_the_way_out_and_help_has_examples() {
    let output = command(&["server", "--accounts", "no-such-place"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("bank open --accounts no-such-place makes it"),
        "{said}"
    );
    let output = command(&["audit", "--accounts", "no-such-place"]).output();
    assert_eq!(output.unwrap().status.code(), Some(2));
    for subcommand in ["server", "client", "open", "audit"] {
        let output = command(&[subcommand, "--help"]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success());
        assert!(
            said.contains(&format!("Examples:\n  bank {subcommand}")),
            "{said}"
        );
    }
}

#[test]
fn accounts_that_are_there_are_left_as_they_are() {
    let house = House::open();
    let server = house.server();
    server.call().expect(DEPOSIT, "s:0", DEPOSITED);
    let (is_done, said) = house.run("open");
    assert!(
        is_done && said.starts_with("0 accounts opened in "),
        "{said}"
    );
    fs::remove_file(house.path("5555555555")).unwrap();
    let (_, said) = house.run("open");
    assert!(
        said.contains("; 9 exist already and are unchanged"),
        "{said}"
    );
    let (accounts, total) = house.audit();
    assert_eq!((accounts.len(), total), (10, 10_100));
}
