//! Real processes on real sockets, in a network that loses, repeats and reorders;
//! some are killed, stopped and restarted. Whatever happens: never two at once,
//! tokens rise, and each process that asks enters.

use std::time::Duration;

use rustix::process::Signal;
use turno::internals::wire::BEGINS;

use crate::attackers::relay::Faults;
use crate::fixtures::original_peer::OriginalPeer;
use crate::fixtures::random::Random;
use crate::fixtures::relayed_group::RelayedGroup;
use crate::fixtures::restarted_group::{ASKS, BAD, ENTERED, EXITED, RestartedGroup};

fn hold(time: &str) -> Vec<String> {
    vec!["--hold".into(), time.into()]
}

/// Makes all ask at once, `rounds` times, and checks that all enter as often.
fn all_take_turns(members: usize, rounds: usize) {
    let mut members = RestartedGroup::start(members, &mut Random::seeded(), |_| hold("3ms"));
    for _ in 0..rounds {
        members.all_request();
        members.wait_until_all_left();
    }
    let entries = members.group.ids().map(|id| (id, rounds)).collect();
    assert_eq!(members.group.entries(), entries);
    members.finish();
}

#[test]
fn three_take_turns_on_a_bad_network() {
    all_take_turns(3, 10);
}

#[test]
fn five_take_turns_on_a_bad_network() {
    all_take_turns(5, 3);
}

/// A process of the original never repeats a request, so nothing is lost here. Its
/// replies go to the socket that asked, on the way back through the relay too.
#[test]
fn a_process_of_the_original_takes_turns_where_datagrams_are_repeated_and_late() {
    const ROUNDS: usize = 30;
    let mut random = Random::seeded();
    let faults = Faults { lost: 0, ..BAD };
    let group = RelayedGroup::of(3, faults, random.split());
    let mut processes = [1, 2].map(|id| group.process(id, &["--hold", "3ms"]));
    for process in &processes {
        process.wait_for("listens at");
    }
    let original = OriginalPeer::start_behind(
        &group.listen_addresses[2],
        3,
        &group.addresses,
        &group.section_address,
        Duration::from_millis(3),
    );
    for round in 1..=ROUNDS {
        processes
            .iter_mut()
            .for_each(|process| process.send_line("x"));
        original.request();
        for process in &processes {
            process.wait_for_nth(round, EXITED);
        }
        original.wait_for_exit();
    }
    assert_eq!(
        group.entries(),
        group.ids().map(|id| (id, ROUNDS)).collect()
    );
    eprintln!("{}", group.relay.figures());
}

/// In each round one process is killed as it waits or as it enters. Others may be
/// killed too, at the same time and again as they start.
#[test]
fn killed_processes_come_back_with_the_clock_of_their_state_file() {
    let mut random = Random::seeded();
    let folder = tempfile::tempdir().unwrap();
    let state = |id: usize| folder.path().join(id.to_string()).display().to_string();
    let mut members = RestartedGroup::start(3, &mut random, |id| {
        [hold("3ms"), vec!["--state".into(), state(id)]].concat()
    });
    for _ in 0..4 {
        members.all_request();
        let first = random.within(1..=3) as usize;
        let moment = *random.pick(&[ASKS, ENTERED]);
        members.member(first).wait_for_latest(moment);
        let others = members.group.ids().filter(|id| *id != first);
        let dead: Vec<usize> = others
            .filter(|_| random.chance(30))
            .chain([first])
            .collect();
        for &id in &dead {
            members.kill(id);
        }
        for &id in &dead {
            members.restart(id);
            while random.chance(20) {
                members.kill(id);
                members.restart(id);
            }
            members.member(id).request();
        }
        members.wait_until_all_left();
    }
    members.finish();
}

/// Without state files one is killed at a time: a process that comes back first
/// receives the clocks of all the others.
#[test]
fn killed_processes_come_back_and_receive_the_clock_of_each_peer() {
    let mut random = Random::seeded();
    let mut members = RestartedGroup::start(3, &mut random, |_| hold("3ms"));
    members.all_request();
    members.wait_until_all_left();
    for _ in 0..4 {
        members.all_request();
        let id = random.within(1..=3) as usize;
        let moment = *random.pick(&[ASKS, ENTERED]);
        members.member(id).wait_for_latest(moment);
        members.kill(id);
        members.restart(id);
        members.member(id).request();
        members.wait_until_all_left();
    }
    members.finish();
}

/// Makes this member ask while no other does, and waits until it has entered.
fn enter(members: &mut RestartedGroup, id: usize) {
    members.group.section.report();
    let before = members.group.section.count(BEGINS);
    members.member(id).request();
    members.group.section.wait_for_nth(before + 1, BEGINS);
}

/// Whether the last line of the section before the latest note is a beginning.
fn is_occupied(members: &RestartedGroup) -> bool {
    let lines = members.group.section.lines();
    lines[lines.len() - 2].ends_with(BEGINS)
}

/// Makes the others ask, waits until each has reported twice that it waits for the
/// holder, and checks that none enters.
fn all_others_wait_in_vain(members: &mut RestartedGroup, holder: usize) {
    let before = members.group.section.count(BEGINS);
    let others = members.members.iter_mut().filter(|m| m.id != holder);
    for member in others {
        member.request();
    }
    let waits_for = format!(" ({holder}), ");
    for member in members.members.iter().filter(|m| m.id != holder) {
        member.run().wait_until("two reports", |lines| {
            let since_request = lines.rsplit(|line| line.starts_with(ASKS)).next()?;
            let reports = since_request.iter().filter(|l| l.starts_with("waiting "));
            (reports.filter(|l| l.contains(&waits_for)).count() >= 2).then_some(())
        });
    }
    members.group.note("the others have waited");
    assert_eq!(members.group.section.count(BEGINS), before);
}

#[test]
fn while_a_killed_holder_is_down_no_other_enters() {
    let mut members = RestartedGroup::start(3, &mut Random::seeded(), |_| hold("300ms"));
    members.all_request();
    members.wait_until_all_left();
    let killed_inside = |members: &mut RestartedGroup| {
        enter(members, 1);
        members.kill(1);
        is_occupied(members)
    };
    // A holder that is killed too late has left already.
    while !killed_inside(&mut members) {
        members.restart(1);
    }
    all_others_wait_in_vain(&mut members, 1);
    members.restart(1);
    members.member(1).request();
    members.finish();
}

#[test]
fn while_a_holder_is_stopped_no_other_enters() {
    let mut members = RestartedGroup::start(3, &mut Random::seeded(), |_| hold("300ms"));
    members.all_request();
    members.wait_until_all_left();
    let stopped_inside = |members: &mut RestartedGroup| {
        enter(members, 1);
        members.member(1).run().signal(Signal::STOP);
        members.group.note("stopped");
        is_occupied(members)
    };
    // A holder that is stopped too late has left already.
    while !stopped_inside(&mut members) {
        members.member(1).run().signal(Signal::CONT);
        members.member(1).wait_for_latest(EXITED);
    }
    all_others_wait_in_vain(&mut members, 1);
    members.member(1).run().signal(Signal::CONT);
    members.finish();
}

/// A process is stopped in the section, as it waits, or at any other moment, for
/// as long as the others make no progress without it.
#[test]
fn stopped_processes_continue_where_they_were() {
    let mut random = Random::seeded();
    let mut members = RestartedGroup::start(3, &mut random, |_| hold("3ms"));
    members.all_request();
    members.wait_until_all_left();
    for _ in 0..6 {
        let stopped = random.within(1..=3) as usize;
        members.all_request();
        let moment = *random.pick(&[ASKS, "received", ENTERED]);
        members.member(stopped).wait_for_latest(moment);
        members.member(stopped).run().signal(Signal::STOP);
        for member in members.members.iter().filter(|m| m.id != stopped) {
            member
                .run()
                .wait_until("it enters or asks in vain", |lines| {
                    let since_request = lines.rsplit(|line| line.starts_with(ASKS)).next()?;
                    let repeats = since_request.iter().filter(|l| l.contains("sent again to"));
                    let has_left = since_request.iter().any(|line| line == EXITED);
                    (has_left || repeats.count() >= 5).then_some(())
                });
        }
        members.member(stopped).run().signal(Signal::CONT);
        members.wait_until_all_left();
    }
    members.finish();
}
