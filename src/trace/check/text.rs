//! A report in words.

use std::fmt;

use super::entries::Entry;
use super::report::{Fault, Gap, Report};
use crate::printable::Printable;
use crate::trace::history::{EventId, History};

/// What holds if there is no violation.
const CLEAN: &str = "the critical section was never held twice, tokens rose with every entry, \
     no member let a younger request go first, no clock ran backwards";

/// What holds besides with failover.
const CLEAN_VIEWS: &str = ", every entry had a lease, every view one set of members, \
     and the numbers of views rose";

/// How many pairs of entries without an order are listed.
const MAX_LISTED: usize = 10;

impl Report {
    /// The report in words, with the lines of the trace that show the violations.
    pub fn text(&self, history: &History) -> String {
        let (events, runs, entries) = (self.events, self.runs, self.entries.len());
        let mut lines = vec![format!("{events} events of {runs} runs, {entries} entries")];
        let shared = self.entries.iter().filter(|entry| entry.is_shared).count();
        if shared > 0 {
            lines.push(format!(
                "{shared} of the entries were shared: these may overlap each other, and no other"
            ));
        }
        let names = history.member_names();
        for (id, node) in &self.nodes {
            let name = names
                .get(id)
                .map(|name| format!(" ({})", Printable::whole(name.as_bytes())));
            let name = name.unwrap_or_default();
            let (mean, longest) = (Span(node.waited / node.entries.max(1)), Span(node.longest));
            let (entries, peer) = (node.entries, node.longest_for);
            let peer = peer.map_or_else(String::new, |id| format!(", for the reply of node {id}"));
            lines.push(format!(
                "node {id}{name}: {entries} entries, waited {mean} on average, {longest} at most{peer}"
            ));
        }
        let each = self.messages as f64 / (entries.max(1)) as f64;
        lines.push(format!(
            "{} requests and replies sent, {each:.1} an entry; of all datagrams {} did not arrive, {} arrived again",
            self.messages, self.lost, self.repeated
        ));
        if let Some(views) = self.views {
            let lost = self.entries.iter().filter(|entry| entry.is_lost).count();
            lines.push(format!(
                "{views} views, {lost} entries ended with their lease"
            ));
        }
        lines.extend(self.unordered());
        let gaps = self.gaps.iter();
        lines.extend(gaps.map(|gap| format!("not in the trace: {gap}")));
        for fault in &self.faults {
            lines.push(format!("VIOLATION: {fault}"));
            lines.extend(proof(fault, history));
        }
        let views = self.views.map_or("", |_| CLEAN_VIEWS);
        let is_whole = self.gaps.is_empty() && self.unordered.is_empty();
        lines.push(match (self.is_clean(), is_whole) {
            (true, true) => format!("{CLEAN}{views}"),
            (true, false) => format!("as far as the trace goes: {CLEAN}{views}"),
            (false, true) => "the trace is whole: this is a true violation".to_owned(),
            (false, false) => {
                "the trace is not whole: what it lacks may explain what looks like a violation"
                    .to_owned()
            }
        });
        lines.join("\n")
    }

    /// Where the members' clocks cannot be compared.
    fn unordered(&self) -> Vec<String> {
        let one = |(first, second): &(Entry, Entry)| {
            let name = |entry: &Entry| format!("token {} of node {}", entry.token, entry.id);
            let lock = Printable::whole(first.lock.as_bytes());
            format!(
                "not known: whether {} ended before {} began, in lock '{lock}': \
                 the clocks of the two cannot be compared so closely",
                name(first),
                name(second)
            )
        };
        let mut lines: Vec<String> = self.unordered.iter().take(MAX_LISTED).map(one).collect();
        if let more @ 1.. = self.unordered.len().saturating_sub(MAX_LISTED) {
            lines.push(format!(
                "not known: so, too, of {more} more pairs of entries"
            ));
        }
        lines
    }
}

/// The lines of the trace that show a violation.
fn proof(fault: &Fault, history: &History) -> Vec<String> {
    match fault {
        Fault::HeldTwice(pair) | Fault::TokenDidNotRise(pair) | Fault::Overtaken(pair) => {
            let ends = |entry: &Entry| match entry.left {
                Some(left) => quote(left, history),
                None => format!("  node {} did not leave", entry.id),
            };
            let quotes =
                [&pair.0, &pair.1].map(|entry| [quote(entry.entered, history), ends(entry)]);
            quotes.concat()
        }
        _ => {
            let events = events_of(fault, history).into_iter();
            events.map(|event_id| quote(event_id, history)).collect()
        }
    }
}

/// The events that show a violation.
pub(super) fn events_of(fault: &Fault, history: &History) -> Vec<EventId> {
    let both = |pair: &(Entry, Entry)| {
        let (first, second) = (&pair.0, &pair.1);
        [
            Some(first.entered),
            first.left,
            Some(second.entered),
            second.left,
        ]
    };
    let events = match fault {
        Fault::HeldTwice(pair) | Fault::TokenDidNotRise(pair) | Fault::Overtaken(pair) => {
            both(pair)
        }
        Fault::ClockWentBack(event) => [history.previous(*event), Some(*event), None, None],
        Fault::DelegatedAgain(event) | Fault::EnteredWithoutLease(event) => {
            [Some(*event), None, None, None]
        }
        Fault::ViewsDiffer(first, second) | Fault::ViewDidNotRise(first, second) => {
            [Some(*first), Some(*second), None, None]
        }
    };
    events.into_iter().flatten().collect()
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
            Fault::EnteredWithoutLease(_) => "a member entered without a lease or a view",
            Fault::ViewsDiffer(..) => "two views of one number have different members",
            Fault::ViewDidNotRise(..) => "the number of a member's view did not rise",
        })
    }
}
