//! Invented traces, and traces of the simulation.

mod checking;
mod drawing;
mod files;
mod html;
mod matching;
mod view_drawing;
mod views;

use super::check::report::{Gap, Report};
use super::diagram::Lane;
use super::history::{EventId, TraceError};
use super::vector::{Vector, VectorClocks};
use super::*;
use crate::simulation::{Addresses, Figures, Plan, Recording, Violation, run_plan};

fn header(id: u16) -> Header {
    Header {
        turno_trace: VERSION,
        id,
        members: 2,
        run: format!("{id:016x}"),
        name: None,
    }
}

/// An event that ends in this state.
fn event(at: u64, clock: u64, state: Phase, number: u64) -> Record {
    Record {
        at,
        event: EventKind::Tick,
        message: None,
        ignored: None,
        because: None,
        lock: None,
        clock,
        state,
        request: (state == Phase::Wait).then_some(number),
        token: (state == Phase::Held).then_some(number),
        shared: false,
        view: None,
        queue: Vec::new(),
        sent: Vec::new(),
    }
}

/// A run that enters with this token and leaves.
fn entry(id: u16, at: u64, request: u64, token: u64) -> Run {
    let mut run = Run::new(header(id));
    run.records = vec![
        event(at, request, Phase::Wait, request),
        event(at + 1, token, Phase::Held, token),
        event(at + 2, token + 1, Phase::Free, 0),
    ];
    run
}

/// A reply as its sender and as its receiver records it.
fn reply(from: u16, to: u16, clock: u64) -> (MessageRecord, MessageRecord) {
    let message = |peer| MessageRecord {
        peer,
        kind: MessageKind::Reply,
        clock,
        echo: Some(7),
        lock: None,
        run: Some(header(from).run),
    };
    (message(to), message(from))
}

/// A request as its sender records it.
fn request(from: u16, to: u16, clock: u64) -> MessageRecord {
    MessageRecord {
        kind: MessageKind::Request,
        echo: None,
        ..reply(from, to, clock).0
    }
}

/// Lets the first run reply as it leaves, so that the second enters.
fn handed_over(mut first: Run, mut second: Run) -> [Run; 2] {
    let leaving = first.records.last_mut().unwrap();
    let (sent, received) = reply(first.header.id, second.header.id, leaving.clock);
    leaving.sent.push(sent);
    second.records[1].event = EventKind::Received;
    second.records[1].message = Some(received);
    [first, second]
}

fn checked(runs: &[Run]) -> (History, Report) {
    let history = History::new(runs).unwrap();
    let report = check(&history);
    (history, report)
}

/// Plays a plan; returns its trace and the verdict of the oracle.
fn played(plan: &Plan, addresses: &Addresses) -> (Vec<Run>, Figures, Result<(), Violation>) {
    let mut recording = Recording::default();
    let (figures, verdict) = run_plan(plan, addresses, Some(&mut recording));
    let order = |run: &Run| (run.header.id, run.header.run.clone());
    recording.runs.sort_by_key(order);
    (recording.runs, figures, verdict)
}
