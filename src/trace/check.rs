//! Judges a history: was the section ever held twice, do tokens rise, did anybody
//! let a younger request go first, did a clock run backwards; and who waited for
//! whom.
//!
//! Whoever has kept somebody's permission does not ask, and may enter before an
//! older request that it has not heard of. But who is asked must not reply while
//! its own request is the older one.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::event::{Event, EventId, NameId};
use super::history::History;
use super::record::{EventKind, MessageKind, Phase};
use super::vector::{Vector, VectorClocks};

/// One stay in a critical section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose.
    pub id: u16,
    /// Of which lock; empty for the original's one.
    pub lock: String,
    /// Its fencing token.
    pub token: u64,
    /// The largest that was lent to it, for further entries within it; else its
    /// own.
    pub last_token: u64,
    /// The clock of its request; none where nobody had to be asked.
    pub request: Option<u64>,
    /// To whom that was sent: all others, or those whose permission was not kept.
    pub asked_of: BTreeSet<u16>,
    /// Where it was asked for.
    pub asked: EventId,
    /// Where it begins.
    pub entered: EventId,
    /// Where it ends. None: its node crashed, or the trace ends.
    pub left: Option<EventId>,
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
    /// The first asked the node of the second, whose own request was the older
    /// one, and entered before it.
    Overtaken(Box<(Entry, Entry)>),
    /// A node's clock is lower here than one event before, or than the token of the
    /// entry that it takes up.
    ClockWentBack(EventId),
    /// Tokens are lent here that are not larger than all that this entry had before.
    LentAgain(EventId),
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
pub struct NodeStats {
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
    pub nodes: BTreeMap<u16, NodeStats>,
    /// Requests and replies that were sent.
    pub messages: u64,
    /// Datagrams of any kind that did not arrive, or not yet ([`History::lost`]).
    pub lost: u64,
    /// Datagrams that arrived again.
    pub repeated: u64,
}

/// Judges.
#[must_use]
pub fn check(history: &History) -> Report {
    let mut faults = clocks_that_went_back(history);
    let mut report = Report {
        events: history.order.len(),
        runs: history.runs.len(),
        entries: entries(history, &mut faults),
        gaps: gaps(history),
        ..Report::default()
    };
    for entry in &report.entries {
        let fared = report.nodes.entry(entry.id).or_default();
        let at = |place| history.event(place).at;
        let waited = at(entry.entered).saturating_sub(at(entry.asked));
        fared.entries += 1;
        fared.waited += waited;
        if waited >= fared.longest {
            fared.longest = waited;
            fared.longest_for = entry.last_reply;
        }
    }
    for datagram in &history.datagrams {
        report.repeated += u64::from(datagram.is_repeated);
        if datagram.is_sending {
            let is_counted = matches!(datagram.kind, MessageKind::Request | MessageKind::Reply);
            report.messages += u64::from(is_counted);
        }
    }
    report.lost = history.lost().count() as u64;
    report.faults = faults;
    let open = Open::new(history, &report.gaps);
    // Of three that follow each other the first is before the third, if each is
    // before the next.
    for pair in report.entries.windows(2) {
        if let [first, second] = pair
            && first.lock == second.lock
        {
            let fault = between(first, second);
            report
                .faults
                .extend(fault.filter(|fault| !open.is_for_want_of(fault)));
        }
    }
    report.faults.extend(overtaken(&report.entries));
    report
}

/// The runs whose traces end before they do.
struct Open<'a> {
    history: &'a History,
    runs: HashSet<(u16, &'a str)>,
}

impl<'a> Open<'a> {
    /// Those of which more has arrived than was written down.
    fn new(history: &'a History, gaps: &'a [Gap]) -> Self {
        let runs = gaps.iter().filter_map(|gap| match gap {
            Gap::NotSent(id, run) => Some((*id, &**run)),
            _ => None,
        });
        Open {
            history,
            runs: runs.collect(),
        }
    }

    /// Whether it may only look so, because an entry ended where there is no trace
    /// any more.
    fn is_for_want_of(&self, fault: &Fault) -> bool {
        let Fault::HeldTwice(pair) = fault else {
            return false;
        };
        [&pair.0, &pair.1].into_iter().any(|entry| {
            let run = &self.history.run(entry.entered).header.run;
            entry.left.is_none() && self.runs.contains(&(entry.id, run))
        })
    }
}

fn between(first: &Entry, second: &Entry) -> Option<Fault> {
    let pair = || Box::new((first.clone(), second.clone()));
    if second.is_after(first) {
        return (first.last_token >= second.token).then(|| Fault::TokenDidNotRise(pair()));
    }
    if first.is_after(second) {
        // The larger token came first.
        let pair = Box::new((second.clone(), first.clone()));
        return Some(Fault::TokenDidNotRise(pair));
    }
    Some(Fault::HeldTwice(pair()))
}

/// Who let a younger request go first.
fn overtaken(entries: &[Entry]) -> Vec<Fault> {
    let mut faults = Vec::new();
    // Of the entries so far that asked a node: the one with the youngest request.
    let mut youngest: BTreeMap<(&str, u16), &Entry> = BTreeMap::new();
    for entry in entries {
        if let Some(first) = youngest.get(&(entry.lock.as_str(), entry.id))
            && entry.request.is_some()
            && entry.stamp() < first.stamp()
            && entry.is_after(first)
        {
            let pair = Box::new(((*first).clone(), entry.clone()));
            faults.push(Fault::Overtaken(pair));
        }
        for peer in &entry.asked_of {
            let first = youngest.entry((&entry.lock, *peer)).or_insert(entry);
            if first.stamp() < entry.stamp() {
                *first = entry;
            }
        }
    }
    faults
}

impl Entry {
    /// Where its request is in the order of all requests.
    fn stamp(&self) -> (Option<u64>, u16) {
        (self.request, self.id)
    }

    /// Whether it began after the other one ended, as far as anything tells.
    fn is_after(&self, other: &Entry) -> bool {
        self.knows[usize::from(other.id) - 1] >= other.ends_at
    }
}

/// What is known of a lock at a node on the way through its events.
#[derive(Default)]
struct Course {
    request: Option<u64>,
    asked: Option<EventId>,
    last_reply: Option<u16>,
    /// Its entry, if it is in the section: a place among the entries.
    inside: Option<usize>,
}

impl Course {
    /// Follows an event that an entry does not begin with.
    fn follow(&mut self, place: EventId, event: &Event) {
        if event.is_ignored {
            return;
        }
        if event.occasion == EventKind::Acquire {
            (self.asked, self.last_reply) = (Some(place), None);
        }
        if event.received == Some(MessageKind::Reply) {
            self.last_reply = Some(event.peer);
        }
    }

    /// The entry that begins with this event. It may have asked nobody.
    fn entry(&mut self, place: EventId, event: &Event, history: &History, knows: &Vector) -> Entry {
        Entry {
            id: event.id,
            lock: history.lock(event).to_owned(),
            token: event.token().unwrap_or(0),
            last_token: event.token().unwrap_or(0),
            request: self.request,
            asked_of: BTreeSet::new(),
            asked: self.asked.take().unwrap_or(place),
            entered: place,
            left: None,
            last_reply: self.last_reply.take(),
            knows: knows.clone(),
            ends_at: u32::MAX,
        }
    }
}

/// All entries, by lock and token; and what is wrong with what was lent to them.
fn entries(history: &History, faults: &mut Vec<Fault>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut courses: BTreeMap<(u16, NameId), Course> = BTreeMap::new();
    let mut clocks = VectorClocks::new(history);
    while let Some((place, knows)) = clocks.advance() {
        let event = history.event(place);
        let own = usize::from(event.id) - 1;
        if history.previous(place).is_none() {
            // A new run: the old one's entries ended with it.
            let of_node = (event.id, NameId::NONE)..=(event.id, NameId::LAST);
            for (_, course) in courses.range_mut(of_node) {
                if let Some(inside) = course.inside {
                    entries[inside].ends_at = knows[own] - 1;
                }
                *course = Course::default();
            }
        }
        let course = courses.entry((event.id, event.lock)).or_default();
        course.follow(place, event);
        let token = (event.phase == Phase::Held).then(|| event.token().unwrap_or(0));
        if let Some(inside) = course.inside
            && token != Some(entries[inside].token)
        {
            entries[inside].left = Some(place);
            entries[inside].ends_at = knows[own];
            course.inside = None;
        }
        if event.occasion == EventKind::Resume {
            // What an earlier run began goes on.
            let is_it = |entry: &Entry| (entry.id, Some(entry.token)) == (event.id, token);
            course.inside = entries.iter().rposition(is_it);
            if let Some(inside) = course.inside {
                entries[inside].ends_at = u32::MAX;
            }
        }
        if let Some(inside) = course.inside
            && event.occasion == EventKind::Delegate
            && !event.is_ignored
        {
            // What is lent begins past the clock.
            let before = history.previous(place);
            let before = before.map_or(0, |before| history.event(before).clock);
            if before < entries[inside].last_token {
                faults.push(Fault::LentAgain(place));
            }
            entries[inside].last_token = event.clock;
        }
        if token.is_some() && course.inside.is_none() {
            course.inside = Some(entries.len());
            entries.push(course.entry(place, event, history, knows));
        }
        course.request = event.request();
    }
    entries.sort_by(|one, other| (&one.lock, one.token).cmp(&(&other.lock, other.token)));
    ask_of(&mut entries, history);
    entries
}

/// Finds out to whom the requests of these were sent.
fn ask_of(entries: &mut [Entry], history: &History) {
    let requests = history.datagrams.iter().filter(|datagram| {
        let is_request = datagram.kind == MessageKind::Request;
        is_request && datagram.clock > 0 && datagram.is_sending
    });
    // No clock is that of two requests of a node.
    let mut sent: Vec<(u16, u64, u16)> = requests.map(|it| (it.from, it.clock, it.to)).collect();
    sent.sort_unstable();
    sent.dedup();
    for entry in entries {
        let Some(request) = entry.request else {
            continue;
        };
        let stamp = (entry.id, request);
        let begins = sent.partition_point(|(from, clock, _)| (*from, *clock) < stamp);
        let of_entry = sent[begins..]
            .iter()
            .take_while(|(from, clock, _)| (*from, *clock) == stamp);
        entry.asked_of = of_entry.map(|(_, _, to)| *to).collect();
    }
}

fn clocks_that_went_back(history: &History) -> Vec<Fault> {
    let mut faults = Vec::new();
    for place in history.places() {
        let event = history.event(place);
        let before = history.previous(place);
        let before = before.map(|before| history.event(before).clock);
        let taken_up = event
            .token()
            .filter(|_| event.occasion == EventKind::Resume);
        if before.max(taken_up) > Some(event.clock) {
            faults.push(Fault::ClockWentBack(place));
        }
    }
    faults
}

fn gaps(history: &History) -> Vec<Gap> {
    let mut gaps: BTreeSet<Gap> = history.missing().into_iter().map(Gap::NoTrace).collect();
    let cut = history.runs.iter().filter(|run| run.is_cut);
    gaps.extend(cut.map(|run| Gap::Cut(run.header.id, run.header.run.clone())));
    let runs = history.runs.iter().map(|run| &run.header);
    let runs: HashSet<(u16, &str)> = runs.map(|header| (header.id, &*header.run)).collect();
    for datagram in &history.datagrams {
        let run = history.sender_run(datagram);
        if datagram.sent.is_some() || run.is_empty() {
            continue;
        }
        gaps.insert(if runs.contains(&(datagram.from, run)) {
            Gap::NotSent(datagram.from, run.to_owned())
        } else {
            Gap::NoRun(datagram.from, run.to_owned())
        });
    }
    gaps.into_iter().collect()
}

impl Report {
    /// Whether nothing is wrong, as far as the trace goes.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}
