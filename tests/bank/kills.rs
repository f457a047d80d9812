//! Servers that are killed at any moment: no cent appears or vanishes, and each
//! acknowledged transfer is in the files.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::fixture::{Bank, ServerGroup, in_units};
use crate::fixtures::postgres::Postgres;
use crate::workload::{Outcome, Workload};

/// Returns as many operations as `TURNO_BANK_OPERATIONS` says, or these.
fn operations(default: usize) -> usize {
    let wanted = std::env::var("TURNO_BANK_OPERATIONS");
    wanted.map_or(default, |number| number.parse().expect("a number"))
}

fn nothing_is_lost(outcome: &Outcome) {
    eprintln!("{}", outcome.figures);
    assert_eq!(outcome.errors, [""; 0]);
    let (found, _) = outcome.bank.audit();
    assert_eq!(BTreeMap::from_iter(found), outcome.expected);
}

#[test]
fn one_server_is_killed_again_and_again_and_nothing_is_lost() {
    let operations = operations(3000);
    let workload = Workload {
        servers: 1,
        clients: 12,
        operations,
        kills: operations / 100,
        bank: &Bank::open,
        restart_after: 0,
        is_locked: true,
        server: &|bank, _| bank.server_command(),
    };
    nothing_is_lost(&workload.run());
}

#[test]
fn three_servers_are_killed_again_and_again_and_nothing_is_lost() {
    let operations = operations(10_000);
    let group = ServerGroup::of(3);
    let workload = Workload {
        servers: 3,
        clients: 12,
        operations,
        kills: operations / 200,
        bank: &Bank::open,
        restart_after: 0,
        is_locked: true,
        server: &|bank, n| group.server_command(bank, n + 1),
    };
    nothing_is_lost(&workload.run());
}

/// Beside the kills the database is restarted, in order or like in a crash.
#[test]
fn three_servers_and_their_database_are_killed_again_and_again_and_nothing_is_lost() {
    let operations = operations(5000);
    let group = ServerGroup::of(3);
    let postgres = Arc::new(Postgres::start());
    let workload = Workload {
        servers: 3,
        clients: 12,
        operations,
        kills: operations / 250,
        bank: &|| Bank::in_database(&postgres),
        restart_after: 2,
        is_locked: true,
        server: &|bank, n| group.server_command(bank, n + 1),
    };
    nothing_is_lost(&workload.run());
}

/// The same three servers, which all believe to hold the lock. If this lost nothing,
/// the tests above would show nothing.
#[test]
fn without_the_lock_money_is_lost() {
    const MAX_ROUNDS: usize = 20;
    let has_lost = |_| {
        let group = ServerGroup::of(3);
        let workload = Workload {
            servers: 3,
            clients: 12,
            operations: 500,
            kills: 0,
            bank: &Bank::open,
            restart_after: 0,
            is_locked: false,
            server: &|bank: &Bank, n| {
                let mut command = group.server_command(bank, n + 1);
                command.env("TURNO_BANK_WITHOUT_LOCK", "1");
                command
            },
        };
        let outcome = workload.run();
        let (is_sound, printed) = outcome.bank.run("audit");
        let total: i64 = outcome.expected.values().sum();
        let is_there = printed.contains(&format!("total {}\n", in_units(total)));
        eprintln!("{}\n{}", outcome.figures, printed.lines().last().unwrap());
        // Unreadable accounts are not lost yet.
        is_sound && !is_there
    };
    assert!((0..MAX_ROUNDS).any(has_lost), "nothing was lost");
}
