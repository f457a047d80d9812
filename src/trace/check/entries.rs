//! The entries of a history.

use std::collections::{BTreeMap, BTreeSet};

use super::leases::Leases;
use crate::trace::history::{EventId, History, NameId};
use crate::trace::record::{EventKind, MessageKind, Phase};
use crate::trace::vector::{Vector, VectorClocks};
use crate::trace::view_record::Number;

/// One stay in a critical section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The member.
    pub id: u16,
    /// The lock; empty for the original's one lock.
    pub lock: String,
    pub token: u64,
    /// Whether other members may be in the section at the same time.
    pub is_shared: bool,
    /// The largest token that was delegated for further entries within this one; its
    /// own token if there is none.
    pub last_token: u64,
    /// The clock of its request; `None` if all permissions were kept.
    pub request: Option<u64>,
    /// The receivers of the request: all peers, or those whose permission was not kept.
    pub asked_of: BTreeSet<u16>,
    /// The event at which the caller asked.
    pub asked: EventId,
    /// The event at which it begins.
    pub entered: EventId,
    /// The event at which it ends. `None`: its node crashed, or the trace ends.
    pub left: Option<EventId>,
    /// The sender of the last reply.
    pub last_reply: Option<u16>,
    /// The view that it was made in; `None` without failover.
    pub view: Option<Number>,
    /// Whether it ended with its member's lease.
    pub is_lost: bool,
    /// When it ended, by its member's clock. With failover, that of a killed node ended
    /// with the last recorded lease.
    pub(super) ended_at: Option<u64>,
    /// How many events of each node happened before its beginning.
    knows: Vector,
    /// How many events its node had when it ended.
    ends_at: u32,
}

impl Entry {
    /// The place of its request in the order of all requests.
    pub(super) fn timestamp(&self) -> (Option<u64>, u16) {
        (self.request, self.id)
    }

    /// It ends at this event. `knows` are the events of its node until then.
    pub(super) fn end(&mut self, event_id: EventId, knows: u32, at: u64) {
        self.left = Some(event_id);
        self.ends_at = knows;
        // A resumed entry ends with the lease of the run before, at the latest.
        self.ended_at = Some(self.ended_at.map_or(at, |until| until.min(at)));
    }

    /// Whether it began after the other one ended, by happened-before.
    pub(super) fn is_after(&self, other: &Entry) -> bool {
        self.knows[usize::from(other.id) - 1] >= other.ends_at
    }
}

/// One lock at one node, followed through the history.
#[derive(Default)]
struct Tracker {
    request: Option<u64>,
    asked: Option<EventId>,
    last_reply: Option<u16>,
    /// While the node is in the critical section: the index of the entry.
    inside: Option<usize>,
    /// The token of an entry that was lost: the node defers until its caller leaves.
    lost: Option<u64>,
}

/// Returns all entries, by lock and token, and the events that delegate tokens which
/// are not larger than all before.
pub(super) fn entries(history: &History) -> (Vec<Entry>, Vec<EventId>) {
    let mut entries: Vec<Entry> = Vec::new();
    let mut delegated_again = Vec::new();
    let mut trackers: BTreeMap<(u16, NameId), Tracker> = BTreeMap::new();
    let mut leases = Leases::new(history);
    let mut clocks = VectorClocks::new(history);
    while let Some((event_id, knows)) = clocks.advance() {
        let event = history.event(event_id);
        let own = usize::from(event.id) - 1;
        let previous = history.previous(event_id);
        if previous.is_none() {
            // A new run: the entries of the earlier run ended with it.
            let of_node = (event.id, NameId::NONE)..=(event.id, NameId::LAST);
            for (_, tracker) in trackers.range_mut(of_node) {
                if let Some(inside) = tracker.inside {
                    entries[inside].ends_at = knows[own] - 1;
                    entries[inside].ended_at = leases.until(event.id).map(|it| it.min(event.at));
                }
                *tracker = Tracker::default();
            }
        }
        leases.follow(event_id);
        for lock in history.views.lapse(event_id).iter().flat_map(|it| &it.lost) {
            let tracker = trackers.entry((event.id, *lock)).or_default();
            if let Some(inside) = tracker.inside.take() {
                leases.lose(&mut entries[inside], event_id, knows[own]);
                tracker.lost = Some(entries[inside].token);
            }
        }
        let tracker = trackers.entry((event.id, event.lock)).or_default();
        if event.kind == EventKind::Acquire && !event.is_ignored {
            (tracker.asked, tracker.last_reply) = (Some(event_id), None);
        }
        if event.received == Some(MessageKind::Reply) && !event.is_ignored {
            tracker.last_reply = Some(event.peer);
        }
        let number = event.number().unwrap_or(0);
        let token = (event.phase == Phase::Held).then_some(number);
        if let Some(inside) = tracker.inside
            && token != Some(entries[inside].token)
        {
            entries[inside].end(event_id, knows[own], event.at);
            tracker.inside = None;
        }
        if event.kind == EventKind::Resume {
            // The entry of an earlier run continues.
            let is_it = |entry: &Entry| (entry.id, Some(entry.token)) == (event.id, token);
            let found = entries.iter().rposition(is_it);
            (tracker.inside, tracker.lost) = match found {
                Some(inside) if entries[inside].is_lost => (None, token),
                found => (found, None),
            };
            if let Some(inside) = tracker.inside {
                entries[inside].ends_at = u32::MAX;
                entries[inside].ended_at = leases.until(event.id);
            }
        }
        if let Some(inside) = tracker.inside
            && event.kind == EventKind::Delegate
            && !event.is_ignored
        {
            // Delegated tokens begin after the clock.
            let clock_before = previous.map_or(0, |previous| history.event(previous).clock);
            if clock_before < entries[inside].last_token {
                delegated_again.push(event_id);
            }
            entries[inside].last_token = event.clock;
        }
        tracker.lost = tracker.lost.filter(|lost| Some(*lost) == token);
        if token.is_some() && tracker.inside.is_none() && tracker.lost.is_none() {
            tracker.inside = Some(entries.len());
            entries.push(Entry {
                id: event.id,
                lock: history.lock(event).to_owned(),
                token: number,
                is_shared: event.is_shared,
                last_token: number,
                request: tracker.request,
                asked_of: BTreeSet::new(),
                asked: tracker.asked.take().unwrap_or(event_id),
                entered: event_id,
                left: None,
                last_reply: tracker.last_reply.take(),
                view: leases.view(event_id),
                is_lost: false,
                ended_at: None,
                knows: knows.clone(),
                ends_at: u32::MAX,
            });
        }
        tracker.request = event.number().filter(|_| event.phase == Phase::Wait);
    }
    for (_, tracker) in trackers {
        if let Some(inside) = tracker.inside {
            let entry = &mut entries[inside];
            entry.ended_at = entry.ended_at.or_else(|| leases.until(entry.id));
        }
    }
    entries.sort_by(|one, other| (&one.lock, one.token).cmp(&(&other.lock, other.token)));
    set_asked_of(&mut entries, history);
    (entries, delegated_again)
}

/// Finds the receivers of the entries' requests.
fn set_asked_of(entries: &mut [Entry], history: &History) {
    let requests = history.datagrams.iter().filter(|datagram| {
        let is_request = datagram.kind == MessageKind::Request;
        is_request && datagram.clock > 0 && datagram.is_sending
    });
    let view = |event_id: EventId| history.views.after(event_id)?.view;
    let sent = requests.map(|it| (it.from, it.clock, it.to, it.sent.and_then(view)));
    // Two requests of a node never have the same clock. In a new view it is sent again.
    let mut sent: Vec<(u16, u64, u16, Option<Number>)> = sent.collect();
    sent.sort_unstable();
    sent.dedup();
    for entry in entries {
        let Some(request) = entry.request else {
            continue;
        };
        let key = (entry.id, request);
        let begin = sent.partition_point(|(from, clock, ..)| (*from, *clock) < key);
        let later = sent[begin..].iter();
        let of_entry = later.take_while(|(from, clock, ..)| (*from, *clock) == key);
        let of_view = of_entry.filter(|(.., view)| *view == entry.view);
        entry.asked_of = of_view.map(|(_, _, to, _)| *to).collect();
    }
}
