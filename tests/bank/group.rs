//! Several servers on the same accounts, which take turns by the lock.

use std::fs;

use rustix::process::Signal;

use crate::fixture::{Bank, ServerGroup};
use crate::fixtures::wait::eventually;

const DEPOSIT: &str = "op:3|rg:1111111111|valor:1.0";
const DEPOSITED: &str = "Depósito realizado com sucesso";
const BALANCE: &str = "op:1|rg:1111111111";

/// Returns the token of the last writer of account 1111111111, from the audit.
fn token(bank: &Bank) -> u64 {
    let (_, printed) = bank.run("audit");
    let line = printed.lines().find(|line| line.starts_with("1111111111"));
    let (_, token) = line.unwrap().split_once("token ").expect(&printed);
    token.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn servers_read_what_the_others_wrote_and_tokens_rise() {
    let bank = Bank::open();
    let servers = ServerGroup::of(3).servers(&bank);
    let mut latest = 0;
    for (n, server) in servers.iter().chain(&servers).enumerate() {
        let mut client = server.logged_in("1111111111");
        client.expect(BALANCE, "s:0", &format!("Saldo: {}.0", 10 + n));
        client.expect(DEPOSIT, "s:0", DEPOSITED);
        let token = token(&bank);
        assert!(token > latest, "{token} after {latest}");
        latest = token;
    }
    assert_eq!(bank.audit().1, 10_600);
}

#[test]
fn a_write_with_an_older_token_is_refused_and_the_server_keeps_running() {
    let bank = Bank::open();
    let servers = ServerGroup::of(2).servers(&bank);
    let mut client = servers[0].client();
    client.expect(DEPOSIT, "s:0", DEPOSITED);
    // Another server has had the lock much later.
    let done = bank.accounts().join(".journal.done");
    let journal = fs::read_to_string(&done).unwrap();
    let later = "{\"batch\": 9, \"token\": 9000000000, \"changes\": []}";
    fs::write(&done, later).unwrap();
    let names = ["refused: token ", " is older than 9000000000"];
    client.expect_error(DEPOSIT, &names);
    servers[1].client().expect_error(DEPOSIT, &names);
    fs::write(&done, journal).unwrap();
    client.expect(BALANCE, "s:0", "Saldo: 11.0");
    client.expect(DEPOSIT, "s:0", DEPOSITED);
    servers[1].client().expect(BALANCE, "s:0", "Saldo: 12.0");
}

#[test]
fn while_a_server_is_down_the_others_wait_for_it_and_report_that() {
    let bank = Bank::open();
    let group = ServerGroup::of(2);
    let mut servers = group.servers(&bank);
    let mut clients = [servers[0].client(), servers[1].client()];
    // The second server has the permission of the first, not the other way round.
    for client in &mut clients {
        client.expect(DEPOSIT, "s:0", DEPOSITED);
    }
    servers.pop().unwrap().kill();
    let [mut client, _] = clients;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.expect(BALANCE, "s:0", "Saldo: 12.0"));
        let printed = servers[0].program.wait_for("bank: lock \"bank\": waiting ");
        assert!(printed.contains(" (2), heard "), "{printed}");
        assert!(!waiting.is_finished());
        servers.push(group.server(&bank, 2));
        waiting.join().unwrap();
    });
}

#[test]
fn while_a_server_is_down_the_clients_of_the_others_are_told() {
    let bank = Bank::open();
    let group = ServerGroup::of(2);
    let options = ["--patience", "300ms"];
    let servers = [1, 2].map(|n| group.server_with(&bank, n, &options));
    let [first, second] = servers;
    for server in [&first, &second] {
        server.client().expect(DEPOSIT, "s:0", DEPOSITED);
    }
    second.kill();
    let mut client = first.client();
    for request in [DEPOSIT, BALANCE, DEPOSIT] {
        let names = ["Não feito: o banco espera por ", " (2)", "; tente de novo"];
        client.expect_error(request, &names);
    }
    // What was answered as not done is not done later either.
    let _second = group.server_with(&bank, 2, &options);
    eventually("the balance", || {
        let (state, text) = client.request(BALANCE).unwrap();
        (state == "s:0").then(|| assert_eq!(text, "Saldo: 12.0"))
    });
}

#[test]
fn with_failover_the_others_go_on_without_a_dead_server() {
    let bank = Bank::open();
    let group = ServerGroup::of(3);
    let options = ["--failover", "1s", "--patience", "30s"];
    let mut servers: Vec<_> = (1..=3)
        .map(|n| group.server_with(&bank, n, &options))
        .collect();
    for server in &servers {
        server.client().expect(DEPOSIT, "s:0", DEPOSITED);
    }
    servers.pop().unwrap().kill();
    servers[0].client().expect(DEPOSIT, "s:0", DEPOSITED);
    servers[1].client().expect(BALANCE, "s:0", "Saldo: 14.0");
    // It comes back by itself.
    let third = group.server_with(&bank, 3, &options);
    third.client().expect(BALANCE, "s:0", "Saldo: 14.0");
}

#[test]
fn a_server_that_waits_for_the_lock_ends_in_order_on_a_signal() {
    let bank = Bank::open();
    let group = ServerGroup::of(2);
    let alone = bank.server();
    alone.client().expect(DEPOSIT, "s:0", DEPOSITED);
    let (status, _) = alone.end(Signal::INT);
    assert_eq!(status.code(), Some(0));
    let first = group.server(&bank, 1);
    let mut client = first.client();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.request(DEPOSIT));
        first.program.wait_for("bank: lock \"bank\": waiting ");
        let (status, _) = first.end(Signal::TERM);
        assert_eq!(status.code(), Some(0));
        // The client got no answer, and nothing was written.
        assert!(waiting.join().unwrap().is_err());
    });
    let servers = group.servers(&bank);
    servers[1].client().expect(BALANCE, "s:0", "Saldo: 11.0");
}

#[test]
fn a_single_server_and_servers_of_a_group_do_not_share_accounts() {
    let bank = Bank::open();
    let group = ServerGroup::of(2);
    let names_group = |printed: &str| {
        assert!(
            printed.contains("contas/.group: servers of the group :"),
            "{printed}"
        );
    };
    let refused = |mut command: std::process::Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let alone = bank.server();
    let printed = refused(group.server_command(&bank, 1));
    assert!(printed.contains("without a group"), "{printed}");
    drop(alone);

    let servers = group.servers(&bank);
    let printed = refused(bank.server_command());
    assert!(printed.contains("have an --id"), "{printed}");
    names_group(&refused(ServerGroup::of(3).server_command(&bank, 3)));
    // The claim of a group lasts, because its servers may run on other machines.
    drop(servers);
    names_group(&refused(bank.server_command()));
    let mut command = group.server_command(&bank, 2);
    command.args(["--lock", "other"]);
    names_group(&refused(command));

    fs::remove_file(bank.accounts().join(".group")).unwrap();
    bank.server().client().expect(DEPOSIT, "s:0", DEPOSITED);
}

#[test]
fn an_invalid_group_is_wrong_use_and_does_not_claim_the_accounts() {
    let bank = Bank::open();
    for (group, why) in [
        (["--id", "3", ":1", ":2"], "3"),
        (
            ["--id", "1", ":1", "nowhere"],
            "\"nowhere\" is not an address",
        ),
    ] {
        let mut command = bank.server_command();
        let output = command.args(group).output().unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{printed}");
        assert!(printed.contains(why), "{printed}");
    }
    bank.server().client().expect(DEPOSIT, "s:0", DEPOSITED);
}

/// Without the state folders the clocks start again, and so would the tokens.
#[test]
fn a_group_without_its_state_gets_tokens_above_those_of_the_journal() {
    let bank = Bank::open();
    let done = "{\"batch\": 9, \"token\": 9000000000, \"changes\": []}";
    fs::write(bank.accounts().join(".journal.done"), done).unwrap();
    let servers = ServerGroup::of(2).servers(&bank);
    for server in &servers {
        server.client().expect(DEPOSIT, "s:0", DEPOSITED);
    }
    assert!(token(&bank) > 9_000_000_000);
}

#[test]
fn a_server_that_is_dead_for_good_is_left_out_and_tokens_go_on_rising() {
    let bank = Bank::open();
    let group = ServerGroup::of(3);
    let mut servers = group.servers(&bank);
    for server in &servers {
        server.client().expect(DEPOSIT, "s:0", DEPOSITED);
    }
    let before = token(&bank);
    while let Some(server) = servers.pop() {
        server.kill();
    }
    fs::remove_file(bank.accounts().join(".group")).unwrap();
    let (group, dead) = group.without_the_last();
    let options = ["--adopt-list", "--without", &dead];
    let servers = [1, 2].map(|id| group.server_with(&bank, id, &options));
    servers[1].client().expect(DEPOSIT, "s:0", DEPOSITED);
    let after = token(&bank);
    assert!(after > before + (1 << 32), "{after} after {before}");
    servers[0].client().expect(BALANCE, "s:0", "Saldo: 14.0");
}
