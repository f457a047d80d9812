//! Traces: what happened to each node of a group, written down, merged, judged
//! and drawn.
//!
//! # The format, version 1
//!
//! A trace is a folder. Every run of every node writes a file of its own there,
//! `node-ID-RUN.jsonl`, one JSON object a line. The first line is the header:
//!
//! ```json
//! {"turno_trace":1,"id":1,"members":3,"run":"9c3f0d5b1a2e4f60"}
//! ```
//!
//! Each other line is an event of the node, in their order:
//!
//! ```json
//! {"at":1795355886123456,"event":"received","message":{"peer":2,"kind":"request",
//! "clock":4,"run":"51be02c7d9a3f418"},"because":"in the section, 5","clock":6,
//! "state":"HELD","token":5,"queue":[[4,2]]}
//! ```
//!
//! | field | meaning |
//! |---|---|
//! | `at` | microseconds since 1970; in a simulation since its beginning |
//! | `event` | `start`, `acquire`, `cancel`, `release`, `tick`, `received` or `timer` |
//! | `message` | of `received`: what arrived, `peer` being the sender |
//! | `ignored` | why the event changed nothing |
//! | `because` | of a request that was answered or deferred: the comparison that decided |
//! | `lock` | the lock; without it the original's one |
//! | `clock`, `state` | the Lamport clock and FREE, WAIT or HELD, after the event |
//! | `request`, `token` | of WAIT, the request's clock; of HELD, the fencing token |
//! | `queue` | whose replies are deferred after it: the requests, `[clock, id]` |
//! | `sent` | what was sent, in order, `peer` being the receiver |
//!
//! A message has `kind` (`request`, `reply`, `overtaken`, `hello`, `welcome`), the
//! `clock` in its head, in an answer as `echo` the clock of the request, a `lock`,
//! and the sender's `run`, which a process of the original has none of.
//!
//! A file whose node was killed may end in half a line: that is left out. Files
//! are only ever appended to. Where no more can be written a file ends with its
//! last whole line, and its node says so and goes on.
//!
//! # How it is read
//!
//! ```text
//! lines ─ reader ─> Event, Datagram ─ matching, history ─> History ─┬─ check ─> Report
//!                   numbers only                                    ├─ diagram ─> svg, html
//!                                                                   └─ export
//! ```
//!
//! A line is read, and kept as numbers of one size, some 140 to 170 bytes an event
//! in all. It is read again where it is quoted or drawn.

mod record;
mod recorder;

#[cfg(feature = "cli")]
mod bars;
#[cfg(feature = "cli")]
mod check;
#[cfg(feature = "cli")]
mod diagram;
#[cfg(feature = "cli")]
mod event;
#[cfg(feature = "cli")]
mod export;
#[cfg(feature = "cli")]
mod history;
#[cfg(feature = "cli")]
mod html;
#[cfg(feature = "cli")]
mod lines;
#[cfg(feature = "cli")]
mod matching;
#[cfg(feature = "cli")]
mod reader;
#[cfg(feature = "cli")]
mod report;
#[cfg(feature = "cli")]
mod run;
#[cfg(feature = "cli")]
mod steps;
#[cfg(feature = "cli")]
mod svg;
#[cfg(feature = "cli")]
mod vector;

pub use record::{EventKind, Header, MessageKind, MessageRecord, Phase, Record, VERSION};
pub use recorder::Traced;

#[cfg(feature = "cli")]
pub use {
    check::{Entry, Fault, Gap, NodeStats, Report, check},
    diagram::{Arrow, Deferral, Diagram, Dot, Ending, Lane, StateSpan, View},
    event::{Datagram, Event, EventId, EventLabel},
    export::{mermaid, shiviz},
    history::{Contradiction, History},
    html::html,
    reader::{Progress, RunEvents, TraceError},
    run::{Run, write},
    svg::svg,
    vector::{Vector, VectorClocks},
};

#[cfg(all(test, feature = "cli"))]
mod tests;
