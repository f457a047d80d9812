//! The bank in PostgreSQL: a database that goes away, is full or refuses the server; and text
//! from it.

use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::example::command;
use crate::fixture::{Bank, Client, Server, ServerGroup};
use crate::fixtures::postgres::Postgres;
use crate::fixtures::wait::eventually;

const DEPOSIT: &str = "op:3|rg:1111111111|valor:1.0";
const DEPOSITED: &str = "Depósito realizado com sucesso";
const BALANCE: &str = "op:1|rg:1111111111";

fn refused(command: &mut Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn server_at(url: &str) -> Command {
    command(&["server", "--port", "0", "--accounts", url])
}

/// Waits until a deposit is done. Until then each answer says that it is not.
fn deposited(client: &mut Client) {
    eventually("a deposit", || {
        let (state, text) = client.request(DEPOSIT).unwrap();
        if state == "s:1" {
            assert!(
                text.starts_with("Não feito: postgres://127.0.0.1:"),
                "{text}"
            );
            assert!(text.ends_with("; tente de novo"), "{text}");
            assert!(!text.contains("secret"), "{text}");
            thread::sleep(Duration::from_millis(20));
        }
        (state == "s:0").then_some(())
    });
}

#[test]
fn three_servers_read_what_the_others_wrote_in_the_database() {
    let bank = Bank::in_database(&Postgres::shared());
    let servers = ServerGroup::of(3).servers(&bank);
    for (n, server) in servers.iter().chain(&servers).enumerate() {
        let mut client = server.logged_in("1111111111");
        client.expect(BALANCE, "s:0", &format!("Saldo: {}.0", 10 + n));
        client.expect(DEPOSIT, "s:0", DEPOSITED);
    }
    let (accounts, total) = bank.audit();
    assert_eq!((accounts.len(), total), (10, 10_600));
    let (is_done, printed) = bank.run("open");
    assert!(
        is_done && printed.contains("; 10 exist already"),
        "{printed}"
    );
}

#[test]
fn a_database_that_goes_away_is_named_and_may_come_back() {
    let postgres = Arc::new(Postgres::start());
    let bank = Bank::in_database(&postgres);
    let server = bank.server();
    let mut client = server.client();
    client.expect(DEPOSIT, "s:0", DEPOSITED);
    // Its connection is lost, and the next one is as good.
    for n in 1..=3 {
        postgres.end(Signal::INT);
        postgres.run();
        client.expect(DEPOSIT, "s:0", DEPOSITED);
        client.expect(BALANCE, "s:0", &format!("Saldo: {}.0", 11 + n));
    }
    postgres.end(Signal::QUIT);
    for request in [DEPOSIT, BALANCE] {
        client.expect_error(
            request,
            &["Não feito: ", "Connection refused", "; tente de novo"],
        );
    }
    let (is_sound, printed) = bank.run("audit");
    assert!(
        !is_sound && printed.contains("Connection refused"),
        "{printed}"
    );
    postgres.run();
    deposited(&mut client);
    client.expect(BALANCE, "s:0", "Saldo: 15.0");
}

#[test]
fn a_server_starts_while_its_database_is_down() {
    let postgres = Arc::new(Postgres::start());
    let bank = Bank::in_database(&postgres);
    postgres.end(Signal::INT);
    let group = ServerGroup::of(2);
    for servers in [vec![bank.server()], group.servers(&bank)] {
        let mut client = servers[0].client();
        let warning = "until it is back, no operation is done";
        servers[0].program.wait_for(warning);
        client.expect_error(DEPOSIT, &["Não feito: ", "Connection refused"]);
        postgres.run();
        deposited(&mut client);
        drop(servers);
        postgres.end(Signal::INT);
    }
}

#[test]
fn a_database_that_hangs_leaves_no_client_without_an_answer() {
    let postgres = Arc::new(Postgres::start());
    let bank = Bank::in_database(&postgres);
    let server = Server::start(bank.server_command().args(["--patience", "1s"]));
    let (mut first, mut second) = (server.client(), server.client());
    first.expect(DEPOSIT, "s:0", DEPOSITED);
    postgres.signal_all(Signal::STOP);
    first.expect_error(
        DEPOSIT,
        &["Resultado desconhecido: ", "; consulte o saldo antes"],
    );
    second.expect_error(DEPOSIT, &["Não feito: ", "as contas não respondem"]);
    postgres.signal_all(Signal::CONT);
    // The first deposit is done now, once; the second never.
    eventually("a balance", || {
        let (state, text) = first.request(BALANCE).unwrap();
        (state == "s:0").then(|| assert_eq!(text, "Saldo: 12.0"))
    });
}

#[test]
fn a_database_without_a_free_connection_is_named() {
    let postgres = Arc::new(Postgres::start());
    let bank = Bank::in_database(&postgres);
    let server = bank.server();
    let mut client = server.client();
    client.expect(DEPOSIT, "s:0", DEPOSITED);
    // The server loses its connection, and others take all there are.
    bank.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bank'",
    );
    let mut others = Vec::new();
    while let Ok(other) = postgres::Client::connect(bank.url(), postgres::NoTls) {
        others.push(other);
    }
    client.expect_error(DEPOSIT, &["Não feito: ", "(53300)", "; tente de novo"]);
    drop(others);
    deposited(&mut client);
    client.expect(BALANCE, "s:0", "Saldo: 12.0");
}

#[test]
fn a_database_that_refuses_the_server_ends_it_with_the_reason() {
    let postgres = Postgres::shared();
    let bank = Bank::in_database(&postgres);
    let wrong = bank.url().replace("secret", "guessed");
    let (code, printed) = refused(&mut server_at(&wrong));
    assert_eq!(code, Some(1));
    assert!(
        printed.contains("password authentication failed"),
        "{printed}"
    );
    assert!(!printed.contains("guessed"), "{printed}");

    let (_, printed) = refused(&mut server_at(&postgres.url("nowhere")));
    assert!(
        printed.contains("database \"nowhere\" does not exist"),
        "{printed}"
    );
    let (_, printed) = refused(&mut server_at(&postgres.database()));
    assert!(
        printed.contains("there is no bank in this database; bank open"),
        "{printed}"
    );
    let (code, printed) = refused(&mut server_at("postgres://:no:port/x"));
    assert_eq!(code, Some(2), "{printed}");
    assert!(
        printed.contains("--accounts: not the URL of a database"),
        "{printed}"
    );

    bank.sql("INSERT INTO bank_schema VALUES (9)");
    let (code, printed) = refused(&mut server_at(bank.url()));
    assert_eq!(code, Some(1));
    assert!(
        printed.contains("its tables are of version 9, and this program knows 1"),
        "{printed}"
    );
    let (is_opened, printed) = bank.run("open");
    assert!(!is_opened && printed.contains("of version 9"), "{printed}");
}

#[test]
fn the_password_may_be_in_the_environment() {
    let bank = Bank::in_database(&Postgres::shared());
    let url = bank.url().replace(":secret", "");
    let mut command = server_at(&url);
    command.env("PGPASSWORD", "secret");
    Server::start(&mut command)
        .client()
        .expect(DEPOSIT, "s:0", DEPOSITED);
}

#[test]
fn servers_that_would_not_take_turns_are_refused_by_the_database() {
    let bank = Bank::in_database(&Postgres::shared());
    let first = bank.server();
    let mut client = first.client();
    client.expect(DEPOSIT, "s:0", DEPOSITED);
    // A second single server takes over.
    let second = bank.server();
    second.client().expect(DEPOSIT, "s:0", DEPOSITED);
    client.expect_error(DEPOSIT, &["Não feito: ", "refused: token "]);

    let group = ServerGroup::of(2);
    let servers = group.servers(&bank);
    servers[0].client().expect(DEPOSIT, "s:0", DEPOSITED);
    second.client().expect_error(DEPOSIT, &["refused: token "]);
    let share = "share these accounts by the lock \"bank\"";
    for mut command in [
        bank.server_command(),
        ServerGroup::of(3).server_command(&bank, 3),
    ] {
        let (code, printed) = refused(&mut command);
        assert_eq!(code, Some(1));
        assert!(printed.contains(share), "{printed}");
    }
    drop(servers);
    bank.sql("DELETE FROM bank_group");
    bank.server().client().expect(BALANCE, "s:0", "Saldo: 13.0");
}

#[test]
fn text_of_the_database_does_not_control_the_terminal() {
    let bank = Bank::in_database(&Postgres::shared());
    bank.sql("UPDATE bank_account SET nome = E'\\x1b[2J\\n' WHERE rg = '1111111111'");
    let (is_sound, printed) = bank.run("audit");
    assert!(is_sound && printed.contains(r"\u{1b}[2J\n"), "{printed}");
    bank.sql(
        "CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION E'\\x1b[2J\\nno'; END $$ LANGUAGE plpgsql;
         CREATE TRIGGER refuse BEFORE UPDATE ON bank_account FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let server = bank.server();
    let mut client = server.client();
    client.expect_error(DEPOSIT, &["Erro no servidor: ", r"\u{1b}[2J\nno (P0001)"]);
    client.expect(BALANCE, "s:0", "Saldo: 10.0");
    assert!(!printed.contains('\x1b'));
}
