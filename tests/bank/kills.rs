//! Servers that are killed at any moment: no cent appears or vanishes, and what
//! was acknowledged is in the files.

use std::collections::BTreeMap;

use crate::house::{Group, House, in_units};
use crate::players::{Game, Played};

/// As many operations as `TURNO_BANK_OPERATIONS` says, or else these.
fn operations(usual: usize) -> usize {
    let wanted = std::env::var("TURNO_BANK_OPERATIONS");
    wanted.map_or(usual, |number| number.parse().expect("a number"))
}

fn nothing_is_lost(played: &Played) {
    eprintln!("{}", played.figures);
    assert_eq!(played.surprises, [""; 0]);
    let (found, _) = played.house.audit();
    assert_eq!(BTreeMap::from_iter(found), played.expected);
}

#[test]
fn one_server_is_killed_again_and_again_and_nothing_is_lost() {
    let operations = operations(3000);
    let game = Game {
        servers: 1,
        clients: 12,
        operations,
        kills: operations / 100,
        is_locked: true,
        server: &|house, _| house.server_command(),
    };
    nothing_is_lost(&game.play());
}

#[test]
fn three_servers_are_killed_again_and_again_and_nothing_is_lost() {
    let operations = operations(10_000);
    let group = Group::of(3);
    let game = Game {
        servers: 3,
        clients: 12,
        operations,
        kills: operations / 200,
        is_locked: true,
        server: &|house, n| group.server_command(house, n + 1),
    };
    nothing_is_lost(&game.play());
}

/// The same three servers, which all believe to have the lock. If this lost
/// nothing, the tests that find nothing lost would prove nothing.
#[test]
fn without_the_lock_money_is_lost() {
    const MOST_ROUNDS: usize = 20;
    let has_lost = |_| {
        let group = Group::of(3);
        let game = Game {
            servers: 3,
            clients: 12,
            operations: 500,
            kills: 0,
            is_locked: false,
            server: &|house: &House, n| {
                let mut command = group.server_command(house, n + 1);
                command.env("TURNO_BANK_WITHOUT_LOCK", "1");
                command
            },
        };
        let played = game.play();
        let (is_sound, said) = played.house.run("audit");
        let total: i64 = played.expected.values().sum();
        let is_there = said.contains(&format!("total {}\n", in_units(total)));
        eprintln!("{}\n{}", played.figures, said.lines().last().unwrap());
        // Accounts that cannot be read are no loss yet.
        is_sound && !is_there
    };
    assert!((0..MOST_ROUNDS).any(has_lost), "nothing was lost");
}
