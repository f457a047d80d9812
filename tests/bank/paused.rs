//! A server that is paused in the middle of its turn, for longer than its lease: it never
//! writes after another one has.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::fixture::{Bank, Client, Server, ServerGroup};
use crate::fixtures::postgres::Postgres;
use crate::fixtures::wait::eventually;

/// How many rounds `TURNO_BANK_PAUSES` asks for, or these.
const ROUNDS: usize = 20;

/// How many rounds a group of three servers plays, at least, and how many groups play at the
/// same time.
const ROUNDS_OF_A_GROUP: usize = 100;
const GROUPS: std::ops::RangeInclusive<usize> = 4..=10;

/// Where the server is paused: its turn has started and its transaction has not; it has read
/// and not written; it has written and not committed.
const STEPS: [&str; 3] = ["turn", "write", "commit"];

/// What the rounds came to.
#[derive(Default)]
struct Counts {
    paused: AtomicUsize,
    refused: AtomicUsize,
}

fn rounds() -> usize {
    let wanted = std::env::var("TURNO_BANK_PAUSES");
    wanted.map_or(ROUNDS, |number| number.parse().expect("a number"))
}

/// Plays some rounds in several groups at once.
fn play(bank: &(dyn Fn() -> Bank + Sync), steps: &[&str]) {
    let rounds = rounds();
    let groups = (rounds / ROUNDS_OF_A_GROUP).clamp(*GROUPS.start(), *GROUPS.end());
    let counts = Counts::default();
    thread::scope(|scope| {
        for group in 0..groups {
            let counts = &counts;
            scope.spawn(move || {
                let mine = (group..rounds).step_by(groups);
                play_group(bank(), mine.map(|round| steps[round % steps.len()]), counts);
            });
        }
    });
    let [paused, refused] =
        [&counts.paused, &counts.refused].map(|count| count.load(Ordering::Relaxed));
    eprintln!("{paused} holders paused, {refused} refused, 0 late writes admitted, 0 cents lost");
    assert_eq!((paused, refused), (rounds, rounds));
}

fn play_group<'a>(bank: Bank, steps: impl Iterator<Item = &'a str>, counts: &Counts) {
    let group = ServerGroup::of(3);
    let file = bank.beside("stop");
    let servers: Vec<Server> = (1..=3)
        .map(|n| {
            let mut command = group.server_command(&bank, n);
            // On a machine that is busy enough another server takes long to have its turn.
            command.args(["--failover", "1s", "--patience", "10m"]);
            if n == 1 {
                command.env("TURNO_BANK_STOP_FILE", &file);
            }
            Server::start(&mut command)
        })
        .collect();
    let mut clients: Vec<Client> = servers.iter().map(Server::client).collect();
    for client in &mut clients {
        done(client, "op:3|rg:1111111111|valor:1.0");
    }
    let mut expected = 1300;
    for step in steps {
        fs::write(&file, step).unwrap();
        let (first, others) = clients.split_at_mut(1);
        thread::scope(|scope| {
            let late = scope.spawn(|| first[0].request("op:3|rg:1111111111|valor:500.0").unwrap());
            eventually("the paused server", || {
                is_stopped(&servers[0]).then_some(())
            });
            counts.paused.fetch_add(1, Ordering::Relaxed);
            // Another server has the turn, and writes.
            done(&mut others[0], "op:3|rg:1111111111|valor:1.0");
            fs::write(bank.beside("stop.continue"), "").unwrap();
            servers[0].program.signal(Signal::CONT);
            let (state, text) = late.join().unwrap();
            assert_eq!(state, "s:1", "{step}: a late write was admitted: {text}");
            assert!(text.starts_with("Não feito: "), "{step}: {text}");
            assert!(text.contains("refused: token "), "{step}: {text}");
            assert!(text.ends_with("; tente de novo"), "{step}: {text}");
            counts.refused.fetch_add(1, Ordering::Relaxed);
        });
        // What the answer says helps, once the server is in the group again.
        done(&mut clients[0], "op:3|rg:1111111111|valor:1.0");
        expected += 200;
        assert_eq!(
            clients[2].balance("1111111111").unwrap(),
            expected,
            "{step}"
        );
    }
    assert_eq!(bank.audit().1, 9000 + expected);
}

/// Requests it until it is done.
fn done(client: &mut Client, request: &str) {
    eventually("an operation that is done", || {
        let (state, text) = client.request(request).unwrap();
        if state != "s:0" {
            assert!(text.starts_with("Não feito: "), "{text}");
            thread::sleep(Duration::from_millis(50));
        }
        (state == "s:0").then_some(())
    });
}

fn is_stopped(server: &Server) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", server.program.pid())).unwrap();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with('T'))
}

#[test]
fn a_paused_server_never_writes_late_into_the_database() {
    let postgres = Arc::new(Postgres::start_for(100));
    play(&|| Bank::in_database(&postgres), &STEPS);
}

#[test]
fn a_paused_server_never_writes_late_into_the_files() {
    play(&Bank::open, &STEPS);
}
