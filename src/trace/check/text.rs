//! A report in words.

use std::fmt;

use super::entries::Entry;
use super::report::{Fault, Gap, Report};
use crate::printable::Printable;
use crate::trace::event::EventId;
use crate::trace::history::History;

impl Report {
    /// The report in words, with the lines of the trace that show the violations.
    pub fn text<'a>(&'a self, history: &'a History) -> impl fmt::Display + 'a {
        ReportText {
            report: self,
            history,
        }
    }
}

struct ReportText<'a> {
    report: &'a Report,
    history: &'a History,
}

/// What holds if there is no violation.
const CLEAN: &str = "the critical section was never held twice, tokens rose with every entry, \
     no member let a younger request go first, no clock ran backwards";

impl fmt::Display for ReportText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let (events, runs, entries) = (report.events, report.runs, report.entries.len());
        writeln!(f, "{events} events of {runs} runs, {entries} entries")?;
        for (id, node) in &report.nodes {
            let (mean, longest) = (Span(node.waited / node.entries.max(1)), Span(node.longest));
            let entries = node.entries;
            write!(
                f,
                "node {id}: {entries} entries, waited {mean} on average, {longest} at most"
            )?;
            match node.longest_for {
                Some(peer) => writeln!(f, ", for the reply of node {peer}")?,
                None => writeln!(f)?,
            }
        }
        let each = report.messages as f64 / (entries.max(1)) as f64;
        writeln!(
            f,
            "{} requests and replies sent, {each:.1} an entry; of all datagrams {} did not arrive, {} arrived again",
            report.messages, report.lost, report.repeated
        )?;
        for gap in &report.gaps {
            writeln!(f, "not in the trace: {gap}")?;
        }
        for fault in &report.faults {
            self.write_fault(f, fault)?;
        }
        match (report.is_clean(), report.gaps.is_empty()) {
            (true, true) => f.write_str(CLEAN),
            (true, false) => write!(f, "as far as the trace goes: {CLEAN}"),
            (false, true) => f.write_str("the trace is whole: this is a true violation"),
            (false, false) => f.write_str(
                "the trace is not whole: its gaps may be the reason for what looks like a violation",
            ),
        }
    }
}

impl ReportText<'_> {
    fn write_fault(&self, f: &mut fmt::Formatter<'_>, fault: &Fault) -> fmt::Result {
        let what = match fault {
            Fault::HeldTwice(_) => {
                "the critical section was held twice: neither entry ended before the other began"
            }
            Fault::TokenDidNotRise(_) => "the token of the later entry is not larger",
            Fault::Overtaken(_) => {
                "the first member asked the second, whose own request was older, and entered before it"
            }
            Fault::ClockWentBack(_) => "a clock ran backwards",
            Fault::DelegatedAgain(_) => "tokens were delegated that had been delegated before",
        };
        writeln!(f, "VIOLATION: {what}")?;
        match fault {
            Fault::HeldTwice(pair) | Fault::TokenDidNotRise(pair) | Fault::Overtaken(pair) => {
                self.quote_entry(f, &pair.0)?;
                self.quote_entry(f, &pair.1)
            }
            Fault::ClockWentBack(event_id) => {
                if let Some(previous) = self.history.previous(*event_id) {
                    self.quote(f, previous)?;
                }
                self.quote(f, *event_id)
            }
            Fault::DelegatedAgain(event_id) => self.quote(f, *event_id),
        }
    }

    fn quote_entry(&self, f: &mut fmt::Formatter<'_>, entry: &Entry) -> fmt::Result {
        self.quote(f, entry.entered)?;
        match entry.left {
            Some(left) => self.quote(f, left),
            None => writeln!(f, "  node {} did not leave", entry.id),
        }
    }

    fn quote(&self, f: &mut fmt::Formatter<'_>, event_id: EventId) -> fmt::Result {
        let id = self.history.event(event_id).id;
        let number = self.history.line_number(event_id);
        match self.history.line(event_id) {
            Ok(line) => {
                let line = Printable::whole(line.trim_ascii_end());
                writeln!(f, "  node {id}, line {number}: {line}")
            }
            Err(error) => writeln!(f, "  node {id}, line {number}: {error}"),
        }
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
