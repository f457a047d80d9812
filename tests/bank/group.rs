//! Several servers on the same accounts, kept apart by the lock.

use std::fs;

use rustix::process::Signal;

use crate::house::{Group, House};

const DEPOSIT: &str = "op:3|rg:1111111111|valor:1.0";
const DEPOSITED: &str = "Depósito realizado com sucesso";
const BALANCE: &str = "op:1|rg:1111111111";

/// What the audit says of the account 1111111111: its last writer's token.
fn token(house: &House) -> u64 {
    let (_, said) = house.run("audit");
    let line = said.lines().find(|line| line.starts_with("1111111111"));
    let (_, token) = line.unwrap().split_once("token ").expect(&said);
    token.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn what_one_server_writes_the_others_read_and_tokens_rise() {
    let house = House::open();
    let servers = Group::of(3).servers(&house);
    let mut latest = 0;
    for (n, server) in servers.iter().chain(&servers).enumerate() {
        let mut caller = server.logged_in("1111111111");
        caller.expect(BALANCE, "s:0", &format!("Saldo: {}.0", 10 + n));
        caller.expect(DEPOSIT, "s:0", DEPOSITED);
        let token = token(&house);
        assert!(token > latest, "{token} after {latest}");
        latest = token;
    }
    assert_eq!(house.audit().1, 10_600);
}

#[test]
fn a_write_with_an_older_token_is_refused_and_the_server_goes_on() {
    let house = House::open();
    let servers = Group::of(2).servers(&house);
    let mut caller = servers[0].call();
    caller.expect(DEPOSIT, "s:0", DEPOSITED);
    // Somebody else has had a turn much later.
    let done = house.accounts().join(".journal.done");
    let journal = fs::read_to_string(&done).unwrap();
    let later = "{\"batch\": 9, \"token\": 9000000000, \"changes\": []}";
    fs::write(&done, later).unwrap();
    let names = ["refused: token ", " is older than 9000000000"];
    caller.expect_error(DEPOSIT, &names);
    servers[1].call().expect_error(DEPOSIT, &names);
    fs::write(&done, journal).unwrap();
    caller.expect(BALANCE, "s:0", "Saldo: 11.0");
    caller.expect(DEPOSIT, "s:0", DEPOSITED);
    servers[1].call().expect(BALANCE, "s:0", "Saldo: 12.0");
}

#[test]
fn while_a_server_is_down_the_others_wait_for_it_and_say_so() {
    let house = House::open();
    let group = Group::of(2);
    let mut servers = group.servers(&house);
    let mut callers = [servers[0].call(), servers[1].call()];
    // The second has the permission of the first, and not the other way round.
    for caller in &mut callers {
        caller.expect(DEPOSIT, "s:0", DEPOSITED);
    }
    servers.pop().unwrap().kill();
    let [mut caller, _] = callers;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| caller.expect(BALANCE, "s:0", "Saldo: 12.0"));
        let said = servers[0].program.wait_for("bank: lock \"bank\": waiting ");
        assert!(said.contains(" (2), heard "), "{said}");
        assert!(!waiting.is_finished());
        servers.push(group.server(&house, 2));
        waiting.join().unwrap();
    });
}

#[test]
fn a_server_that_is_told_to_end_ends_in_order_though_its_turn_does_not_come() {
    let house = House::open();
    let group = Group::of(2);
    let alone = house.server();
    alone.call().expect(DEPOSIT, "s:0", DEPOSITED);
    let (status, _) = alone.end(Signal::INT);
    assert_eq!(status.code(), Some(0));
    let first = group.server(&house, 1);
    let mut caller = first.call();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| caller.ask(DEPOSIT));
        first.program.wait_for("bank: lock \"bank\": waiting ");
        let (status, _) = first.end(Signal::TERM);
        assert_eq!(status.code(), Some(0));
        // It was promised nothing, and nothing was done.
        assert!(waiting.join().unwrap().is_err());
    });
    let servers = group.servers(&house);
    servers[1].call().expect(BALANCE, "s:0", "Saldo: 11.0");
}

#[test]
fn a_server_that_is_alone_and_those_of_a_group_do_not_share_accounts() {
    let house = House::open();
    let group = Group::of(2);
    let names_group = |said: &str| {
        assert!(
            said.contains("contas/.group: servers of the group :"),
            "{said}"
        );
    };
    let refused = |mut command: std::process::Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let alone = house.server();
    let said = refused(group.server_command(&house, 1));
    assert!(said.contains("without a group"), "{said}");
    drop(alone);

    let servers = group.servers(&house);
    let said = refused(house.server_command());
    assert!(said.contains("have an --id"), "{said}");
    names_group(&refused(Group::of(3).server_command(&house, 3)));
    // It lasts: their machine may be another.
    drop(servers);
    names_group(&refused(house.server_command()));
    let mut command = group.server_command(&house, 2);
    command.args(["--lock", "other"]);
    names_group(&refused(command));

    fs::remove_file(house.accounts().join(".group")).unwrap();
    house.server().call().expect(DEPOSIT, "s:0", DEPOSITED);
}

#[test]
fn a_group_that_cannot_be_is_wrong_use_and_leaves_the_accounts_to_others() {
    let house = House::open();
    for (group, why) in [
        (["--id", "3", ":1", ":2"], "3"),
        (
            ["--id", "1", ":1", "nowhere"],
            "\"nowhere\" is not an address",
        ),
    ] {
        let mut command = house.server_command();
        let output = command.args(group).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(why), "{said}");
    }
    house.server().call().expect(DEPOSIT, "s:0", DEPOSITED);
}

/// Without the state directories its clocks begin anew, and so would its tokens.
#[test]
fn a_group_that_begins_anew_is_not_taken_for_one_that_comes_too_late() {
    let house = House::open();
    let done = "{\"batch\": 9, \"token\": 9000000000, \"changes\": []}";
    fs::write(house.accounts().join(".journal.done"), done).unwrap();
    let servers = Group::of(2).servers(&house);
    for server in &servers {
        server.call().expect(DEPOSIT, "s:0", DEPOSITED);
    }
    assert!(token(&house) > 9_000_000_000);
}
