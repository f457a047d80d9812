//! A report in words.

use std::fmt;

use super::entries::Entry;
use super::report::{Fault, Gap, Report};
use crate::printable::Printable;
use crate::trace::history::{EventId, History};

/// What holds if there is no violation.
const CLEAN: &str = "the critical section was never held twice, tokens rose with every entry, \
     no member let a younger request go first, no clock ran backwards";

impl Report {
    /// The report in words, with the lines of the trace that show the violations.
    pub fn text(&self, history: &History) -> String {
        let (events, runs, entries) = (self.events, self.runs, self.entries.len());
        let mut lines = vec![format!("{events} events of {runs} runs, {entries} entries")];
        for (id, node) in &self.nodes {
            let (mean, longest) = (Span(node.waited / node.entries.max(1)), Span(node.longest));
            let (entries, peer) = (node.entries, node.longest_for);
            let peer = peer.map_or_else(String::new, |id| format!(", for the reply of node {id}"));
            lines.push(format!(
                "node {id}: {entries} entries, waited {mean} on average, {longest} at most{peer}"
            ));
        }
        let each = self.messages as f64 / (entries.max(1)) as f64;
        lines.push(format!(
            "{} requests and replies sent, {each:.1} an entry; of all datagrams {} did not arrive, {} arrived again",
            self.messages, self.lost, self.repeated
        ));
        let gaps = self.gaps.iter();
        lines.extend(gaps.map(|gap| format!("not in the trace: {gap}")));
        for fault in &self.faults {
            lines.push(format!("VIOLATION: {fault}"));
            lines.extend(proof(fault, history));
        }
        lines.push(match (self.is_clean(), self.gaps.is_empty()) {
            (true, true) => CLEAN.to_owned(),
            (true, false) => format!("as far as the trace goes: {CLEAN}"),
            (false, true) => "the trace is whole: this is a true violation".to_owned(),
            (false, false) => {
                "the trace is not whole: what it lacks may explain what looks like a violation"
                    .to_owned()
            }
        });
        lines.join("\n")
    }
}

/// The lines of the trace that show a violation.
fn proof(fault: &Fault, history: &History) -> Vec<String> {
    let events = match fault {
        Fault::HeldTwice(pair) | Fault::TokenDidNotRise(pair) | Fault::Overtaken(pair) => {
            let ends = |entry: &Entry| match entry.left {
                Some(left) => quote(left, history),
                None => format!("  node {} did not leave", entry.id),
            };
            let quotes =
                [&pair.0, &pair.1].map(|entry| [quote(entry.entered, history), ends(entry)]);
            return quotes.concat();
        }
        Fault::ClockWentBack(event_id) => [history.previous(*event_id), Some(*event_id)],
        Fault::DelegatedAgain(event_id) => [None, Some(*event_id)],
    };
    let events = events.into_iter().flatten();
    events.map(|event_id| quote(event_id, history)).collect()
}

fn quote(event_id: EventId, history: &History) -> String {
    let id = history.event(event_id).id;
    let number = history.line_number(event_id);
    match history.line(event_id) {
        Ok(line) => {
            let line = Printable::whole(line.trim_ascii_end());
            format!("  node {id}, line {number}: {line}")
        }
        Err(error) => format!("  node {id}, line {number}: {error}"),
    }
}

/// Microseconds, in a unit that is easy to read.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            micros @ 0..10_000 => write!(f, "{:.1} ms", micros as f64 / 1e3),
            micros @ 10_000..10_000_000 => write!(f, "{} ms", micros / 1_000),
            micros => write!(f, "{} s", micros / 1_000_000),
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gap::NoTrace(id) => write!(f, "node {id}"),
            Gap::NoRun(id, run) => write!(f, "run {run} of node {id}"),
            Gap::Cut(id, run) => {
                write!(f, "the end of run {run} of node {id}, which is cut short")
            }
            Gap::NotSent(id, run) => write!(f, "a datagram that run {run} of node {id} sent"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::HeldTwice(_) => {
                "the critical section was held twice: neither entry ended before the other began"
            }
            Fault::TokenDidNotRise(_) => "the token of the later entry is not larger",
            Fault::Overtaken(_) => {
                "the first member asked the second, whose own request was older, and entered before it"
            }
            Fault::ClockWentBack(_) => "a clock ran backwards",
            Fault::DelegatedAgain(_) => "tokens were delegated that had been delegated before",
        })
    }
}
