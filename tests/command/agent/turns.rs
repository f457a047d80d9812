//! A turn that its client does not take up goes to the next.

use std::fs;

use rustix::process::Signal;

use super::machines::{Machines, ends_with};
use super::raw_client::RawClient;
use crate::fixtures::processes::signal;

#[test]
fn the_turn_of_a_stopped_waiter_goes_to_the_next_and_it_asks_again_when_it_wakes() {
    let machines = Machines::start(2);
    let until_end = "echo $$ > command; while ! [ -e end ]; do sleep 0.01; done";
    let holder = machines.script(1, &[], "turn", until_end);
    machines.line_in("command");
    let stopped = machines.lock(1, &["-v"], "turn", &["echo", "it runs"]);
    machines.wait_for_status(1, "waiting for ");
    stopped.signal(Signal::STOP);
    machines.wait_for_status(1, ", stopped: echo it runs");
    fs::write(machines.path("end"), "").unwrap();
    ends_with(holder, 0);
    machines.wait_for_status(1, ", has not begun, stopped: echo it runs");
    ends_with(machines.lock(2, &[], "turn", &["true"]), 0);
    ends_with(machines.lock(1, &[], "turn", &["true"]), 0);
    stopped.signal(Signal::CONT);
    let lines = ends_with(stopped, 0);
    assert!(lines.contains(&"it runs".to_owned()), "{lines:?}");
}

#[test]
fn the_turn_of_a_client_that_is_stopped_after_go_stands() {
    let machines = Machines::start(1);
    let holder = machines.script(1, &[], "stands", "echo $$ > command; exec sleep 10000");
    machines.line_in("command");
    holder.signal(Signal::STOP);
    machines.wait_for_status(1, ", stopped: sh -c ");
    let waits = machines.lock(1, &["-v"], "stands", &["true"]);
    waits.wait_for("waiting 4 s");
    holder.signal(Signal::CONT);
    holder.signal(Signal::TERM);
    ends_with(holder, 128 + 15);
    ends_with(waits, 0);
}

#[test]
fn an_agent_that_was_stopped_itself_reads_first_whether_a_turn_was_taken_up() {
    let machines = Machines::start(1);
    let agent = machines.agents[0].as_ref().unwrap().pid();
    let mut client = RawClient::connect(&machines, 1);
    client.send(r#"{"ask":{"name":"late"}}"#);
    client.token();
    signal(agent, Signal::STOP);
    client.send(r#"{"locked":{}}"#);
    // This one is told that its agent is silent when the time of a turn is over.
    let other = machines.lock(1, &[], "other", &["true"]);
    other.wait_for(" does not answer");
    signal(agent, Signal::CONT);
    assert_eq!(client.receive(), "{\"go\":{}}\n");
    ends_with(other, 0);
}

/// A client of another program may ask again on the same connection.
#[test]
fn a_client_whose_turn_went_to_the_next_is_told_to_ask_again() {
    let machines = Machines::start(1);
    let mut client = RawClient::connect(&machines, 1);
    client.send(r#"{"ask":{"name":"again"}}"#);
    let first = client.token();
    let answer = client.receive();
    assert!(
        answer.contains("was not taken up within two seconds")
            && answer.contains(r#""again":true"#),
        "{answer}"
    );
    client.send(r#"{"ask":{"name":"again"}}"#);
    assert!(client.token() > first);
    client.send(r#"{"locked":{}}"#);
    assert_eq!(client.receive(), "{\"go\":{}}\n");
}
