//! Servers that are killed at any moment: no cent appears or vanishes, and what
//! was acknowledged is in the files.

use std::collections::BTreeMap;

use crate::house::{House, in_units};
use crate::players::Game;

/// As many operations as `TURNO_BANK_OPERATIONS` says, or else these.
fn operations(usual: usize) -> usize {
    let wanted = std::env::var("TURNO_BANK_OPERATIONS");
    wanted.map_or(usual, |number| number.parse().expect("a number"))
}

#[test]
fn one_server_is_killed_again_and_again_and_nothing_is_lost() {
    let operations = operations(3000);
    let game = Game {
        servers: 1,
        clients: 12,
        operations,
        kills: operations / 100,
        server: &|house, _| house.server_command(),
    };
    let played = game.play();
    eprintln!("{}", played.figures);
    assert_eq!(played.surprises, [""; 0]);
    let (found, _) = played.house.audit();
    assert_eq!(BTreeMap::from_iter(found), played.expected);
}

/// Three servers that all believe to have the lock. If this lost nothing, the
/// tests that find nothing lost would prove nothing.
#[test]
fn without_the_lock_money_is_lost() {
    let game = Game {
        servers: 3,
        clients: 12,
        operations: operations(3000),
        kills: 0,
        server: &|house: &House, _| {
            let mut command = house.server_command();
            command.env("TURNO_BANK_WITHOUT_LOCK", "1");
            command
        },
    };
    let played = game.play();
    eprintln!("{}", played.figures);
    let (_, said) = played.house.run("audit");
    let total: i64 = played.expected.values().sum();
    let wanted = format!("total {}\n", in_units(total));
    assert!(!said.contains(&wanted), "nothing was lost:\n{said}");
}
