//! On real sockets, between real processes, a network that loses, repeats and
//! reorders; and processes that are killed, stopped and started anew. Whatever
//! happens: never two at once, tokens rise, and everybody who asks enters.

#![forbid(unsafe_code)]

mod support;

use std::time::Duration;

use rustix::process::Signal;
use support::judge::{judge, obituary};
use support::players::{ASKS, BAD, ENTERED, EXITED, Players};
use support::random::Random;
use support::relay::Faults;
use support::relayed::Relayed;
use support::seed_peer::SeedPeer;
use turno::internals::wire::{BEGINS, ENDS};

fn hold(time: &str) -> Vec<String> {
    vec!["--hold".into(), time.into()]
}

/// All ask at once, so often, and all enter so often.
fn all_take_turns(members: usize, rounds: usize) {
    let mut players = Players::start(members, &mut Random::seeded(), |_| hold("3ms"));
    for _ in 0..rounds {
        players.all_ask();
        players.all_leave();
    }
    let entries = players.group.ids().map(|id| (id, rounds)).collect();
    assert_eq!(players.group.entries(), entries);
    players.finish();
}

#[test]
fn three_take_turns_on_a_bad_network() {
    all_take_turns(3, 10);
}

#[test]
fn five_take_turns_on_a_bad_network() {
    all_take_turns(5, 3);
}

/// A seed peer never asks again, so nothing is lost here. Its replies go to the
/// socket that asked: on the way back through the relay too.
#[test]
fn a_seed_peer_takes_turns_where_datagrams_are_repeated_and_late() {
    const ROUNDS: usize = 30;
    let mut random = Random::seeded();
    let faults = Faults { lost: 0, ..BAD };
    let group = Relayed::of(3, faults, random.split());
    let mut processes = [1, 2].map(|id| group.process(id, &["--hold", "3ms"]));
    for process in &processes {
        process.wait_for("listens at");
    }
    let (list, section) = (&group.list, &group.section);
    let seed = SeedPeer::start_behind(&group.listen[2], 3, list, section, Duration::from_millis(3));
    for round in 1..=ROUNDS {
        processes.iter_mut().for_each(|process| process.say("x"));
        seed.want();
        for process in &processes {
            process.wait_for_nth(round, EXITED);
        }
        seed.has_left();
    }
    assert_eq!(
        group.entries(),
        group.ids().map(|id| (id, ROUNDS)).collect()
    );
    eprintln!("{}", group.relay.figures());
}

/// One of them is killed as it waits, as it enters, or whenever; so may others
/// be, at the same time and again as they start.
#[test]
fn the_killed_come_back_with_the_clock_that_they_wrote_down() {
    let mut random = Random::seeded();
    let folder = tempfile::tempdir().unwrap();
    let state = |id: usize| folder.path().join(id.to_string()).display().to_string();
    let mut players = Players::start(3, &mut random, |id| {
        [hold("3ms"), vec!["--state".into(), state(id)]].concat()
    });
    for _ in 0..4 {
        players.all_ask();
        let first = random.within(1..=3) as usize;
        let moment = *random.pick(&[ASKS, ENTERED]);
        players.player(first).has_said(moment);
        let others = players.group.ids().filter(|id| *id != first);
        let dead: Vec<usize> = others
            .filter(|_| random.chance(30))
            .chain([first])
            .collect();
        for &id in &dead {
            players.kill(id);
        }
        for &id in &dead {
            players.revive(id);
            while random.chance(20) {
                players.kill(id);
                players.revive(id);
            }
            players.player(id).ask();
        }
        players.all_leave();
    }
    players.finish();
}

/// Nothing is written down, so one at a time: whoever comes back hears all the
/// others first.
#[test]
fn the_killed_come_back_and_hear_everybodys_clock() {
    let mut random = Random::seeded();
    let mut players = Players::start(3, &mut random, |_| hold("3ms"));
    players.all_ask();
    players.all_leave();
    for _ in 0..4 {
        players.all_ask();
        let id = random.within(1..=3) as usize;
        let moment = *random.pick(&[ASKS, ENTERED]);
        players.player(id).has_said(moment);
        players.kill(id);
        players.revive(id);
        players.player(id).ask();
        players.all_leave();
    }
    players.finish();
}

/// Has this one ask, while nobody else does, and enter.
fn enters(players: &mut Players, id: usize) {
    players.group.shared.so_far();
    let before = players.group.shared.count(BEGINS);
    players.player(id).ask();
    players.group.shared.wait_for_nth(before + 1, BEGINS);
}

/// Whether the last that the section heard before its latest note is that
/// somebody entered.
fn somebody_is_inside(players: &Players) -> bool {
    let lines = players.group.shared.lines();
    lines[lines.len() - 2].ends_with(BEGINS)
}

/// The others ask, and say twice whom they wait for. Nobody comes in.
fn all_others_wait_in_vain(players: &mut Players, holder: usize) {
    let before = players.group.shared.count(BEGINS);
    let others = players.players.iter_mut().filter(|p| p.id != holder);
    for player in others {
        player.ask();
    }
    let waits_for = format!(" {holder} (");
    for player in players.players.iter().filter(|p| p.id != holder) {
        player.run().wait_until("two reports", |lines| {
            let since_asked = lines.rsplit(|line| line.starts_with(ASKS)).next()?;
            let reports = since_asked.iter().filter(|l| l.starts_with("waiting "));
            (reports.filter(|l| l.contains(&waits_for)).count() >= 2).then_some(())
        });
    }
    players.group.note("the others have waited");
    assert_eq!(players.group.shared.count(BEGINS), before);
}

#[test]
fn a_killed_holder_lets_nobody_in_before_it_is_back() {
    let mut players = Players::start(3, &mut Random::seeded(), |_| hold("300ms"));
    players.all_ask();
    players.all_leave();
    let killed_inside = |players: &mut Players| {
        enters(players, 1);
        players.kill(1);
        somebody_is_inside(players)
    };
    // Killed too late, it has left already.
    while !killed_inside(&mut players) {
        players.revive(1);
    }
    all_others_wait_in_vain(&mut players, 1);
    players.revive(1);
    players.player(1).ask();
    players.finish();
}

#[test]
fn a_stopped_holder_keeps_everybody_out_however_long_it_is_stopped() {
    let mut players = Players::start(3, &mut Random::seeded(), |_| hold("300ms"));
    players.all_ask();
    players.all_leave();
    let stopped_inside = |players: &mut Players| {
        enters(players, 1);
        players.player(1).run().signal(Signal::STOP);
        players.group.note("stopped");
        somebody_is_inside(players)
    };
    // Stopped too late, it has left already.
    while !stopped_inside(&mut players) {
        players.player(1).run().signal(Signal::CONT);
        players.player(1).has_said(EXITED);
    }
    all_others_wait_in_vain(&mut players, 1);
    players.player(1).run().signal(Signal::CONT);
    players.finish();
}

/// In the section, as it waits, or whenever: for as long as the others do not
/// get on without it.
#[test]
fn the_stopped_go_on_where_they_were() {
    let mut random = Random::seeded();
    let mut players = Players::start(3, &mut random, |_| hold("3ms"));
    players.all_ask();
    players.all_leave();
    for _ in 0..6 {
        let stopped = random.within(1..=3) as usize;
        players.all_ask();
        let moment = *random.pick(&[ASKS, "received", ENTERED]);
        players.player(stopped).has_said(moment);
        players.player(stopped).run().signal(Signal::STOP);
        for player in players.players.iter().filter(|p| p.id != stopped) {
            player
                .run()
                .wait_until("it enters or asks in vain", |lines| {
                    let since_asked = lines.rsplit(|line| line.starts_with(ASKS)).next()?;
                    let repeats = since_asked.iter().filter(|l| l.contains("sent again to"));
                    let has_left = since_asked.iter().any(|line| line == EXITED);
                    (has_left || repeats.count() >= 5).then_some(())
                });
        }
        players.player(stopped).run().signal(Signal::CONT);
        players.all_leave();
    }
    players.finish();
}

#[test]
fn the_judge_finds_what_is_wrong() {
    let begins = |id: usize, clock: u64| format!("[PID: {id}, Clock: {clock}] {BEGINS}");
    let ends = |id: usize, clock: u64| format!("[PID: {id}, Clock: {clock}] {ENDS}");
    let overlap = |id: usize| format!("overlap: process {id} has not said that it left");
    let died = |id: usize| format!("undecodable, it begins with none: \"{}\"", obituary(id));
    for (lines, is_right) in [
        (
            vec![begins(1, 5), ends(1, 6), begins(2, 7), ends(2, 7)],
            true,
        ),
        (vec![begins(1, 5), ends(1, 6), begins(2, 6)], false),
        (vec![begins(1, 5), ends(1, 9), begins(2, 8)], false),
        (vec![begins(1, 5), begins(2, 7), overlap(1)], false),
        (vec![begins(1, 5), begins(1, 7)], false),
        (vec![begins(1, 5), ends(2, 6)], false),
        (vec![begins(1, 5), ends(1, 6), ends(1, 6)], false),
        (vec![begins(1, 5), ends(1, 4)], false),
        (vec![begins(1, 5), died(1), begins(2, 7), overlap(1)], true),
        (vec![begins(1, 5), died(2), begins(2, 7), overlap(1)], false),
        (
            vec![
                begins(1, 5),
                died(1),
                begins(2, 7),
                overlap(1),
                begins(3, 9),
                overlap(2),
            ],
            false,
        ),
        (
            vec![
                begins(1, 5),
                died(1),
                begins(1, 7),
                begins(2, 9),
                overlap(1),
            ],
            false,
        ),
        (vec!["refused, repeated: ".into()], false),
    ] {
        assert_eq!(judge(&lines).is_ok(), is_right, "{lines:#?}");
    }
}
