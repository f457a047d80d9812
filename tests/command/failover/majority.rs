//! Members die, and are back: a majority goes on, and a minority does not.

use std::time::Duration;

use rustix::process::Signal;

use super::LEASE;
use super::group::{Group, ends_with};
use super::log::ENDLESS;
use crate::fixtures::program::Program;

/// How soon a member that is back has a lock.
const SOON: Duration = Duration::from_secs(2);

/// How often a member may be back later than that: on a busy machine it starts late.
const MAX_LATE: usize = 4;

#[test]
fn the_others_go_on_without_a_killed_holder_and_it_comes_back_by_itself() {
    let mut group = Group::start(LEASE);
    let took = (0..MAX_LATE).map(|round| {
        let log = group.log(&format!("log-{round}"));
        let holder = group.write(1, &log, "holder", ENDLESS);
        log.wait_for("holder");
        group.end_agent(1, Signal::KILL);
        let next = [2, 3].map(|id| group.write(id, &log, "next", 5));
        for next in next {
            ends_with(next, 0);
        }
        let lines = ends_with(holder, 125).join("\n");
        assert!(
            lines.contains("the command goes on until its lease ends"),
            "{lines}"
        );
        log.judge("holder");
        group.start_agent(1);
        let (token, took) = group.enter(1);
        assert!(log.entries().iter().all(|entry| entry.token < token));
        took
    });
    let took: Vec<Duration> = took
        .scan(false, |is_soon, took| {
            let is_over = std::mem::replace(is_soon, took < SOON);
            (!is_over).then_some(took)
        })
        .collect();
    eprintln!("it is back after {took:?}");
    assert!(took.last().unwrap() < &SOON, "{took:?}");
}

/// Waits until a client reports that a majority is not heard, and which members are not.
fn is_told(waiter: &Program, group: &Group, missing: &[usize]) {
    let line = waiter.wait_for("for a majority of the members, which is not heard: ");
    for id in missing {
        let address = format!("{} ({id}), ", group.network.addresses[id - 1]);
        assert!(line.contains(&address), "{line}");
    }
}

#[test]
fn without_a_majority_no_member_enters_and_all_go_on_when_it_is_back() {
    let group = Group::start(LEASE);
    let log = group.log("log");
    let holder = group.write(1, &log, "holder", ENDLESS);
    log.wait_for("holder");
    for id in Group::ids() {
        group.network.cut(id);
    }
    ends_with(holder, 125);
    let before = log.entries().len();
    let waiters = Group::ids().map(|id| {
        let command = ["sh", "-c", "echo it runs"];
        group.lock(id, &["-v"], &command)
    });
    for (waiter, id) in waiters.iter().zip(Group::ids()) {
        is_told(waiter, &group, &Group::others(id));
        assert_eq!(waiter.count("it runs"), 0);
    }
    assert_eq!(log.entries().len(), before);
    // With two of three there is one again.
    group.network.heal(1);
    group.network.heal(2);
    let [one, two, three] = waiters;
    ends_with(one, 0);
    ends_with(two, 0);
    group.network.heal(3);
    ends_with(three, 0);
    assert!(group.enter(1).0 > log.entries()[0].token);
}

#[test]
fn one_of_three_waits_for_the_others_and_goes_on_when_one_of_them_was_started_again() {
    let mut group = Group::start(LEASE);
    let log = group.log("log");
    let holder = group.write(1, &log, "holder", ENDLESS);
    log.wait_for("holder");
    group.end_agent(2, Signal::KILL);
    group.end_agent(3, Signal::KILL);
    ends_with(holder, 125);
    let waiter = group.write(1, &log, "next", 5);
    is_told(&waiter, &group, &[2, 3]);
    group.start_agent(3);
    ends_with(waiter, 0);
    log.judge("holder");
    group.start_agent(2);
    assert!(group.enter(2).0 > log.entries()[0].token);
}

#[test]
fn a_group_whose_members_were_all_killed_at_once_goes_on() {
    let mut group = Group::start(LEASE);
    let mut latest = 0;
    for _ in 0..2 {
        let tokens = Group::ids().map(|id| group.enter(id).0);
        assert!(latest < tokens[0] && tokens.is_sorted_by(|one, next| one < next));
        latest = tokens[2];
        for id in Group::ids() {
            group.agent(id).signal(Signal::KILL);
        }
        for id in Group::ids() {
            group.end_agent(id, Signal::KILL);
        }
        group.start_all();
    }
    assert!(group.enter(2).0 > latest);
}
