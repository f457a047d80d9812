//! A report as JSON.

use serde_json::{Value, json};

use super::entries::Entry;
use super::report::{Fault, Gap, Report};
use super::text::events_of;
use crate::trace::history::{EventId, History};

impl Report {
    /// The report as one JSON object, with the lines of the trace that show the
    /// violations. Times are microseconds.
    pub(crate) fn json(&self, history: &History) -> Value {
        let names = history.member_names();
        let nodes = self.nodes.iter().map(|(id, node)| {
            json!({
                "id": id,
                "name": names.get(id),
                "entries": node.entries,
                "waited_us": node.waited,
                "longest_wait_us": node.longest,
                "longest_wait_for": node.longest_for,
            })
        });
        let unordered = self.unordered.iter().map(|(first, second)| {
            json!({ "lock": first.lock, "entries": [entry(first), entry(second)] })
        });
        let violations = self.faults.iter().map(|fault| {
            let lines = events_of(fault, history).into_iter();
            let lines: Vec<Value> = lines.map(|event| quoted(event, history)).collect();
            json!({ "kind": fault.kind(), "what": fault.to_string(), "lines": lines })
        });
        json!({
            "clean": self.is_clean(),
            "whole": self.gaps.is_empty() && self.unordered.is_empty(),
            "events": self.events,
            "runs": self.runs,
            "members": history.members(),
            "entries": self.entries.len(),
            "entries_lost": self.entries.iter().filter(|entry| entry.is_lost).count(),
            "locks": self.locks(),
            "nodes": nodes.collect::<Vec<_>>(),
            "messages": self.messages,
            "datagrams_lost": self.lost,
            "datagrams_repeated": self.repeated,
            "views": self.views,
            "violations": violations.collect::<Vec<_>>(),
            "gaps": self.gaps.iter().map(gap).collect::<Vec<_>>(),
            "unordered": unordered.collect::<Vec<_>>(),
        })
    }

    /// Each lock with the number of its entries and its tokens. The entries are by lock and
    /// token.
    fn locks(&self) -> Vec<Value> {
        let of_locks = self.entries.chunk_by(|one, other| one.lock == other.lock);
        of_locks
            .map(|entries| {
                json!({
                    "lock": entries[0].lock,
                    "entries": entries.len(),
                    "shared": entries.iter().filter(|entry| entry.is_shared).count(),
                    "first_token": entries[0].token,
                    "last_token": entries[entries.len() - 1].last_token,
                })
            })
            .collect()
    }
}

impl Fault {
    /// One word for programs.
    fn kind(&self) -> &'static str {
        match self {
            Fault::HeldTwice(_) => "held_twice",
            Fault::TokenDidNotRise(_) => "token_did_not_rise",
            Fault::Overtaken(_) => "overtaken",
            Fault::ClockWentBack(_) => "clock_went_back",
            Fault::DelegatedAgain(_) => "delegated_again",
            Fault::EnteredWithoutLease(_) => "entered_without_lease",
            Fault::ViewsDiffer(..) => "views_differ",
            Fault::ViewDidNotRise(..) => "view_did_not_rise",
        }
    }
}

fn entry(entry: &Entry) -> Value {
    json!({ "node": entry.id, "token": entry.token })
}

fn gap(gap: &Gap) -> Value {
    let (kind, node, run) = match gap {
        Gap::NoTrace(node) => ("no_trace", node, None),
        Gap::NoRun(node, run) => ("no_run", node, Some(run)),
        Gap::NotSent(node, run) => ("not_sent", node, Some(run)),
        Gap::Cut(node, run) => ("cut", node, Some(run)),
    };
    json!({ "kind": kind, "node": node, "run": run })
}

/// A line of the trace; `null` as its text if it can no longer be read.
fn quoted(event_id: EventId, history: &History) -> Value {
    let run = &history.run(event_id).header;
    let line = history.line(event_id).ok();
    let line = line.map(|line| String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
    json!({
        "node": run.id,
        "run": run.run,
        "line": history.line_number(event_id),
        "text": line,
    })
}
