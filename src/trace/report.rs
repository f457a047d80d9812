//! A judgement in words.

use std::fmt;

use super::check::{Entry, Fault, Gap, Report};
use super::event::EventId;
use super::history::History;
use crate::printable::Printable;

impl Report {
    /// The judgement in words, with the lines of the trace that it is about.
    pub fn tell<'a>(&'a self, history: &'a History) -> impl fmt::Display + 'a {
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

impl fmt::Display for ReportText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.report;
        let (events, runs, entries) = (report.events, report.runs, report.entries.len());
        writeln!(f, "{events} events of {runs} runs, {entries} entries")?;
        for (id, fared) in &report.nodes {
            let (mean, longest) = (fared.waited / fared.entries.max(1), fared.longest);
            write!(
                f,
                "node {id}: {} entries, waited {} on average, {} at most",
                fared.entries,
                Span(mean),
                Span(longest)
            )?;
            match fared.longest_for {
                Some(peer) => writeln!(f, ", that for node {peer}")?,
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
            self.tell_fault(f, fault)?;
        }
        match (report.is_clean(), report.gaps.is_empty()) {
            (true, true) => f.write_str(
                "never held twice, tokens rise, nobody let a younger request go first, no clock ran backwards",
            ),
            (true, false) => f.write_str(
                "as far as the trace goes: never held twice, tokens rise, nobody let a younger request go first, no clock ran backwards",
            ),
            (false, true) => f.write_str("the trace is whole: this is a true violation"),
            (false, false) => f.write_str(
                "the trace is not whole: what looks wrong may be for want of what is not in it",
            ),
        }
    }
}

impl ReportText<'_> {
    fn tell_fault(&self, f: &mut fmt::Formatter<'_>, fault: &Fault) -> fmt::Result {
        let pair = |f: &mut fmt::Formatter<'_>, what: &str, pair: &(Entry, Entry)| {
            writeln!(f, "VIOLATION: {what}")?;
            for entry in [&pair.0, &pair.1] {
                self.quote(f, entry.entered)?;
                match entry.left {
                    Some(left) => self.quote(f, left)?,
                    None => writeln!(f, "  node {} did not leave", entry.id)?,
                }
            }
            Ok(())
        };
        match fault {
            Fault::HeldTwice(both) => pair(
                f,
                "held twice: neither entry ended before the other began",
                both,
            ),
            Fault::TokenDidNotRise(both) => pair(f, "the later entry's token is not larger", both),
            Fault::Overtaken(both) => pair(
                f,
                "the first asked the second, whose request is older, and entered before it",
                both,
            ),
            Fault::ClockWentBack(place) => {
                writeln!(f, "VIOLATION: a clock ran backwards")?;
                if let Some(before) = self.history.previous(*place) {
                    self.quote(f, before)?;
                }
                self.quote(f, *place)
            }
            Fault::LentAgain(place) => {
                writeln!(f, "VIOLATION: tokens are lent that were lent before")?;
                self.quote(f, *place)
            }
        }
    }

    fn quote(&self, f: &mut fmt::Formatter<'_>, place: EventId) -> fmt::Result {
        let id = self.history.event(place).id;
        let number = self.history.line_number(place);
        match self.history.line(place) {
            Ok(line) => {
                let line = Printable::whole(line.trim_ascii_end());
                writeln!(f, "  node {id}, line {number}: {line}")
            }
            Err(error) => writeln!(f, "  node {id}, line {number}: {error}"),
        }
    }
}

/// Microseconds, as one reads them.
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
            Gap::NotSent(id, run) => write!(f, "something that run {run} of node {id} sent"),
        }
    }
}
