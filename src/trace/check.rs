//! Judges a history: was the section ever held twice, do tokens rise, was anybody
//! overtaken by a younger request, did a clock run backwards; and who waited for
//! whom.

use std::collections::BTreeMap;
use std::fmt;

use super::history::{History, Place};
use super::record::{Kind, Occasion, Phase};
use super::vector::{Vector, vector_clocks};

/// One stay in a critical section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub id: u16,
    /// Of which lock; empty for the original's one.
    pub lock: String,
    /// Its fencing token.
    pub token: u64,
    /// The clock of its request; none where nobody had to be asked.
    pub request: Option<u64>,
    /// Where it was asked for.
    pub asked: Place,
    /// Where it begins.
    pub entered: Place,
    /// Where it ends. None: its node crashed, or the trace ends.
    pub left: Option<Place>,
    /// Whose reply came last.
    pub last_reply: Option<u16>,
    /// What the entering knew of each node.
    knows: Vector,
    /// How many events of its node there are up to its end.
    ends_at: u32,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Neither of two entries ended before the other one began.
    HeldTwice(Box<(Entry, Entry)>),
    /// The second happened after the first, and its token is not larger.
    TokenDidNotRise(Box<(Entry, Entry)>),
    /// The second was asked for before the first, and entered after it.
    Overtaken(Box<(Entry, Entry)>),
    /// A node's clock is lower here than one event before.
    ClockWentBack(Place),
}

/// What keeps the judge from saying more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gap {
    /// There is no trace of this node. It may be a process of the original, which
    /// leaves none.
    NoTrace(u16),
    /// Something arrived of a run of this node that left no trace.
    NoRun(u16, String),
    /// Something arrived that no trace has sent: the sender's is not whole.
    NotSent(u16, String),
    /// The file of this run of this node ends in half a line.
    Cut(u16, String),
}

/// How a node fared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fared {
    /// How often it entered.
    pub entries: u64,
    /// How long it waited in all, in microseconds.
    pub waited: u64,
    /// How long at the most.
    pub longest: u64,
    /// Who replied last then.
    pub longest_for: Option<u16>,
}

/// The judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many events there are.
    pub events: usize,
    /// How many runs.
    pub runs: usize,
    /// All entries, by lock and token.
    pub entries: Vec<Entry>,
    /// What must not be.
    pub faults: Vec<Fault>,
    /// What is not in the trace.
    pub gaps: Vec<Gap>,
    /// How each node fared.
    pub nodes: BTreeMap<u16, Fared>,
    /// Requests and replies that were sent.
    pub messages: u64,
    /// Datagrams of any kind that did not arrive, or not yet.
    pub lost: u64,
    /// Datagrams that arrived again.
    pub repeated: u64,
}

/// Judges.
#[must_use]
pub fn check(history: &History) -> Report {
    let mut report = Report {
        events: history.order.len(),
        runs: history.runs.len(),
        entries: entries(history),
        gaps: gaps(history),
        ..Report::default()
    };
    for entry in &report.entries {
        let fared = report.nodes.entry(entry.id).or_default();
        let at = |place| history.record(place).at;
        let waited = at(entry.entered).saturating_sub(at(entry.asked));
        fared.entries += 1;
        fared.waited += waited;
        if waited >= fared.longest {
            fared.longest = waited;
            fared.longest_for = entry.last_reply;
        }
    }
    for datagram in &history.datagrams {
        match (datagram.sent, datagram.received) {
            (Some((place, number)), received) => {
                let kind = history.record(place).sent[number].kind;
                report.messages += u64::from(matches!(kind, Kind::Request | Kind::Reply));
                report.lost += u64::from(received.is_none());
                report.repeated += u64::from(datagram.is_repeated);
            }
            (None, _) => report.repeated += u64::from(datagram.is_repeated),
        }
    }
    report.faults = clocks_that_went_back(history);
    // Of three that follow each other the first is before the third, if each is
    // before the next.
    for pair in report.entries.windows(2) {
        if let [first, second] = pair
            && first.lock == second.lock
        {
            report.faults.extend(between(first, second));
        }
    }
    report
}

fn between(first: &Entry, second: &Entry) -> Option<Fault> {
    let pair = || Box::new((first.clone(), second.clone()));
    let request = |entry: &Entry| Some((entry.request?, entry.id));
    if second.is_after(first) {
        if first.token == second.token {
            return Some(Fault::TokenDidNotRise(pair()));
        }
        let is_overtaken = match (request(first), request(second)) {
            (Some(first), Some(second)) => second < first,
            _ => false,
        };
        return is_overtaken.then(|| Fault::Overtaken(pair()));
    }
    if first.is_after(second) {
        // The larger token came first.
        let pair = Box::new((second.clone(), first.clone()));
        return Some(Fault::TokenDidNotRise(pair));
    }
    Some(Fault::HeldTwice(pair()))
}

impl Entry {
    /// Whether it began after the other one ended, as far as anything tells.
    fn is_after(&self, other: &Entry) -> bool {
        self.knows[usize::from(other.id) - 1] >= other.ends_at
    }
}

/// What is known of a lock at a node on the way through its events.
#[derive(Default)]
struct Course {
    request: Option<u64>,
    asked: Option<Place>,
    last_reply: Option<u16>,
    /// Its entry, if it is in the section: a place among the entries.
    inside: Option<usize>,
}

/// All entries, by lock and token.
fn entries(history: &History) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut courses: BTreeMap<(u16, &str), Course> = BTreeMap::new();
    let mut run_of: BTreeMap<u16, usize> = BTreeMap::new();
    vector_clocks(history, |place, knows| {
        let (id, record) = (history.id(place), history.record(place));
        let own = usize::from(id) - 1;
        if run_of.insert(id, place.run) != Some(place.run) {
            // A new run: the old one's entries ended with it.
            for (_, course) in courses.range_mut((id, "")..(id + 1, "")) {
                if let Some(inside) = course.inside {
                    entries[inside].ends_at = knows[own] - 1;
                }
                *course = Course::default();
            }
        }
        let lock = record.lock.as_deref().unwrap_or_default();
        let course = courses.entry((id, lock)).or_default();
        if record.event == Occasion::Acquire && record.ignored.is_none() {
            course.asked = Some(place);
        }
        if let Some(said) = &record.message
            && said.kind == Kind::Reply
            && record.ignored.is_none()
        {
            course.last_reply = Some(said.peer);
        }
        let is_inside = record.state == Phase::Held;
        if is_inside && course.inside.is_none() {
            course.inside = Some(entries.len());
            entries.push(Entry {
                id,
                lock: lock.to_owned(),
                token: record.token.unwrap_or(0),
                request: course.request,
                asked: course.asked.unwrap_or(place),
                entered: place,
                left: None,
                last_reply: course.last_reply.take(),
                knows: knows.clone(),
                ends_at: u32::MAX,
            });
        }
        if let Some(inside) = course.inside
            && !is_inside
        {
            entries[inside].left = Some(place);
            entries[inside].ends_at = knows[own];
            course.inside = None;
        }
        course.request = record.request;
    });
    entries.sort_by(|one, other| (&one.lock, one.token).cmp(&(&other.lock, other.token)));
    entries
}

fn clocks_that_went_back(history: &History) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (run, of_run) in history.runs.iter().enumerate() {
        for (place, pair) in of_run.records.windows(2).enumerate() {
            if pair[1].clock < pair[0].clock {
                let record = place + 1;
                faults.push(Fault::ClockWentBack(Place { run, record }));
            }
        }
    }
    faults
}

fn gaps(history: &History) -> Vec<Gap> {
    let mut gaps: Vec<Gap> = history.missing().into_iter().map(Gap::NoTrace).collect();
    let cut = history.runs.iter().filter(|run| run.is_cut);
    gaps.extend(cut.map(|run| Gap::Cut(run.header.id, run.header.run.clone())));
    let has_trace = |id: u16, run: &str| {
        let mut runs = history.runs.iter();
        runs.any(|of| of.header.id == id && of.header.run == run)
    };
    for datagram in &history.datagrams {
        let (None, Some(place)) = (datagram.sent, datagram.received) else {
            continue;
        };
        let Some(said) = &history.record(place).message else {
            continue;
        };
        if let Some(run) = &said.run {
            let gap = if has_trace(said.peer, run) {
                Gap::NotSent(said.peer, run.clone())
            } else {
                Gap::NoRun(said.peer, run.clone())
            };
            gaps.push(gap);
        }
    }
    gaps.sort();
    gaps.dedup();
    gaps
}

impl Report {
    /// Whether nothing is wrong, as far as the trace goes.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    /// The judgement in words, with the lines of the trace that it is about.
    pub fn tell<'a>(&'a self, history: &'a History) -> impl fmt::Display + 'a {
        Told {
            report: self,
            history,
        }
    }
}

struct Told<'a> {
    report: &'a Report,
    history: &'a History,
}

impl fmt::Display for Told<'_> {
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
                "never held twice, tokens rise, nobody overtaken by a younger request, no clock ran backwards",
            ),
            (true, false) => f.write_str(
                "as far as the trace goes: never held twice, tokens rise, nobody overtaken by a younger request, no clock ran backwards",
            ),
            (false, true) => f.write_str("the trace is whole: this is a true violation"),
            (false, false) => f.write_str(
                "the trace is not whole: what looks wrong may be for want of what is not in it",
            ),
        }
    }
}

impl Told<'_> {
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
                "the first entry's request is younger than the second's",
                both,
            ),
            Fault::ClockWentBack(place) => {
                writeln!(f, "VIOLATION: a clock ran backwards")?;
                let before = Place {
                    record: place.record - 1,
                    ..*place
                };
                self.quote(f, before)?;
                self.quote(f, *place)
            }
        }
    }

    fn quote(&self, f: &mut fmt::Formatter<'_>, place: Place) -> fmt::Result {
        let line = serde_json::to_string(self.history.record(place)).map_err(|_| fmt::Error)?;
        // The header is line 1.
        let number = place.record + 2;
        writeln!(
            f,
            "  node {}, line {number}: {line}",
            self.history.id(place)
        )
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
