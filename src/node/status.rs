//! The state of a node, for people and programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Not;
#[cfg(feature = "cli")]
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lock_table::{LockTable, WaitQueue};
use crate::engine::{Engine, NodeView, Observer, missing};
use crate::mutex::{LockName, Mode, NodeId, RicartAgrawala, State, ViewNumber};
#[cfg(feature = "cli")]
use crate::system::rough;
use crate::system::{micros, millis};

/// The state of a node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// The member's id.
    pub id: u16,
    /// Its name: the member list's, else its host as the list has it. Empty from an older
    /// agent.
    #[serde(default)]
    pub called: String,
    /// Its Lamport clock.
    pub clock: u64,
    /// The address that it listens at.
    pub listens_at: String,
    /// Whether the group has a key.
    pub has_key: bool,
    /// The names of the keys that it accepts; the first one signs. They tell nothing of
    /// the keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Another node uses this member's id: neither may enter until one of the two is
    /// stopped.
    #[serde(rename = "is_claimed")]
    pub has_duplicate_id: bool,
    /// The locks that a caller has or wants, or that a peer waits for.
    pub locks: Vec<LockStatus>,
    /// The other members.
    pub peers: Vec<PeerStatus>,
    /// How many datagrams were dropped, by cause.
    pub dropped: BTreeMap<String, u64>,
    /// How many callers of this node were granted a lock.
    pub entries: u64,
    /// The view of the group. `None` without failover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<ViewStatus>,
}

/// Which members go on together, as one node sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ViewStatus {
    /// The number of the view: a counter, and the id of the member that proposed it. A
    /// later view has a larger one. `None`: this member is in no view yet.
    pub number: Option<(u64, u16)>,
    /// The members in it.
    pub members: Vec<u16>,
    /// The length of the membership lease, in milliseconds.
    pub lease_ms: u64,
    /// How much of it is left if it is not renewed. `None`: this member has no lease, and
    /// may not enter.
    pub left_ms: Option<u64>,
    /// The members that are not in the view.
    pub out: Vec<OutStatus>,
    /// How often this member has joined a view since it was started.
    pub changes: u64,
    /// The latest views that it has joined, the oldest first.
    pub recent: Vec<ViewChange>,
}

/// A member that is not in the view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OutStatus {
    /// Its id.
    pub id: u16,
    /// Why, as far as this node can tell.
    pub why: String,
}

/// A view that was joined.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ViewChange {
    /// Its number: counter and proposer.
    pub number: (u64, u16),
    /// Its members.
    pub members: Vec<u16>,
    /// How long ago it was joined, in milliseconds.
    pub ago_ms: u64,
}

/// The state of a lock, as one node sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LockStatus {
    /// Its name.
    pub name: String,
    /// The state of this node.
    pub state: LockState,
    /// The ticket of the caller that holds it here, or that has held it for longest.
    pub holder: Option<u64>,
    /// The mode of this node's request or entry is shared.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub is_shared: bool,
    /// The tickets of further callers that hold it here, in shared mode, each with how long
    /// it has held it, in milliseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sharing: Vec<(u64, u64)>,
    /// The fencing token of that caller's entry.
    pub token: Option<u64>,
    /// The clock of the request for which this node waits: of two requests the one with the
    /// smaller (clock, id) comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// How long that caller has held it, in milliseconds.
    pub held_ms: Option<u64>,
    /// It is delegated to this process: the holder may be in the section or not, and
    /// other callers may have been since.
    #[serde(rename = "is_on_loan")]
    pub is_delegated: bool,
    /// The tickets of the callers that wait here, in order.
    pub waiting: Vec<u64>,
    /// The members whose permission is missing.
    pub waits_for: Vec<u16>,
    /// The members whose requests this node defers, in the order in which they came.
    pub deferred: Vec<u16>,
}

/// What a node does about a lock (Ricart and Agrawala 1981).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum LockState {
    /// It has not requested the lock. A caller may want it already: the node requests it
    /// when it knows the clocks of all members.
    Free,
    /// It has asked, and a permission is missing.
    Wait,
    /// It is in the critical section.
    Held,
}

/// What a node knows of another member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PeerStatus {
    /// The member's id.
    pub id: u16,
    /// Its address, as the member list has it.
    #[serde(default)]
    pub name: String,
    /// Its name: the member list's, else its host as the list has it. Empty from an older
    /// agent.
    #[serde(default)]
    pub called: String,
    /// Whether the list gives it that name.
    #[serde(default)]
    pub is_named: bool,
    /// The address that it is sent to. Empty while its name is not known.
    pub address: String,
    /// The address that it was sent to before, if it has moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<String>,
    /// Why its name has no address, if the latest look-up found none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_found: Option<String>,
    /// How long ago it was heard, in milliseconds. `None` if never.
    pub heard_ms: Option<u64>,
    /// Whether it is up, as far as this node can tell: it says so, or answers. `None`: it has
    /// not been needed lately, and does not say so (the original, or an older turno).
    #[serde(default)]
    pub is_up: Option<bool>,
    /// It has said that it ends, and was not heard since.
    #[serde(default)]
    pub has_stopped: bool,
    /// Its host says that its port is closed. Probed only with a query, and forgotten when the
    /// member is heard.
    #[serde(default)]
    pub is_closed: bool,
    /// Whether it hears this member, as it says: a link may work one way only. `None`: it does
    /// not say so (the original, or an older turno), or is not heard itself.
    #[serde(default)]
    pub hears_us: Option<bool>,
    /// How long ago it last heard this member, in milliseconds, as it says. `None`: never, or
    /// it does not say so.
    #[serde(default)]
    pub heard_us_ms: Option<u64>,
    /// How long its fastest answer took, in microseconds: a round trip, and what the
    /// peer needed.
    pub fastest_reply_us: Option<u64>,
    /// How many datagrams were sent to it again because no answer came.
    pub sent_again: u64,
    /// Why the latest datagram in its name was dropped. `None` if it was heard since.
    /// Anybody may have sent that datagram.
    pub dropped: Option<String>,
}

#[cfg(feature = "cli")]
impl PeerStatus {
    /// `gamma (3)` if the list gives it that name, else `gamma:7001 (3)`. An older agent does
    /// not send the name, but always the address.
    pub(crate) fn shown_name(&self) -> String {
        let name = match (self.is_named, &*self.name) {
            (true, _) => &self.called,
            (false, "") => &self.address,
            (false, _) => &self.name,
        };
        format!("{name} ({})", self.id)
    }

    /// `it does not hear this member: last heard it 12 s ago, as it says`, of a peer that says
    /// so.
    pub(crate) fn deafness(&self) -> String {
        let last = match self.heard_us_ms {
            Some(ms) => format!("last heard it {} ago", rough(Duration::from_millis(ms))),
            None => "has not heard it yet".to_owned(),
        };
        format!("it does not hear this member: {last}, as it says")
    }
}

impl From<&State> for LockState {
    fn from(state: &State) -> Self {
        match state {
            State::Free => LockState::Free,
            State::Wait { .. } => LockState::Wait,
            State::Held { .. } => LockState::Held,
        }
    }
}

/// FREE, WAIT or HELD.
impl fmt::Display for LockState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LockState::Free => "FREE",
            LockState::Wait => "WAIT",
            LockState::Held => "HELD",
        })
    }
}

/// The state of a node.
pub(super) fn status<O: Observer>(engine: &mut Engine<O, LockTable>) -> Status {
    let (has_key, keys) = (engine.has_key(), engine.key_names());
    let (_, table, view) = engine.split();
    let member = view.member;
    let dropped = view.drops.iter();
    Status {
        id: member.id().0,
        called: view.group.called(member.id()).to_owned(),
        clock: member.clock(),
        listens_at: view.group.listen.to_string(),
        has_key,
        keys,
        has_duplicate_id: member.has_duplicate_id(),
        locks: locks(table, &view),
        peers: member.peers().iter().map(|id| peer(*id, &view)).collect(),
        dropped: dropped
            .map(|(cause, count)| ((*cause).to_owned(), *count))
            .collect(),
        entries: table.entries(),
        view: view_status(&view),
    }
}

/// What the node knows of the other members.
#[cfg(feature = "cli")]
pub(super) fn peers<O: Observer>(engine: &mut Engine<O, LockTable>) -> Vec<PeerStatus> {
    let (_, _, view) = engine.split();
    let peers = view.member.peers().iter();
    peers.map(|id| peer(*id, &view)).collect()
}

fn view_status(view: &NodeView<'_>) -> Option<ViewStatus> {
    let report = view.view_report()?;
    let ids = |members: &mut dyn Iterator<Item = &NodeId>| members.map(|id| id.0).collect();
    let number = |number: ViewNumber| (number.counter, number.proposer);
    let recent = view.views.recent.iter().map(|(at, joined)| ViewChange {
        number: number(joined.number),
        members: ids(&mut joined.members.iter()),
        ago_ms: millis(at.elapsed()),
    });
    let members = report.view.iter().flat_map(|(_, members)| members);
    Some(ViewStatus {
        members: ids(&mut { members }),
        number: report.view.as_ref().map(|(of, _)| number(*of)),
        lease_ms: millis(report.lease),
        left_ms: report.left.map(millis),
        out: report
            .out
            .into_iter()
            .map(|(id, why)| OutStatus { id: id.0, why })
            .collect(),
        changes: view.views.changes,
        recent: recent.collect(),
    })
}

fn locks(table: &mut LockTable, view: &NodeView<'_>) -> Vec<LockStatus> {
    let member = view.member;
    let in_use = |(name, lock): (&LockName, &RicartAgrawala)| {
        let is_used = *lock.state() != State::Free || !lock.reply_queue().is_empty();
        is_used.then(|| name.clone())
    };
    let mut names: BTreeSet<LockName> = member.locks().filter_map(in_use).collect();
    names.extend(table.queues().map(|(name, _)| name.clone()));
    let lock = |name: LockName| {
        let waits_for = missing(member, &name).unwrap_or_default();
        let deferred = member.reply_queue(&name).iter();
        let queue = table.queue(&name);
        let since = queue.and_then(|queue| queue.since);
        let holders = queue.into_iter().flat_map(WaitQueue::holders);
        let holders: Vec<(u64, u64)> = holders
            .map(|(ticket, since)| (ticket, millis(since.elapsed())))
            .collect();
        LockStatus {
            state: LockState::from(member.state(&name)),
            request: match member.state(&name) {
                State::Wait { request, .. } => Some(request.clock),
                State::Free | State::Held { .. } => None,
            },
            holder: holders.first().map(|(ticket, _)| *ticket),
            is_shared: member.mode(&name) == Mode::Shared,
            sharing: holders.iter().skip(1).copied().collect(),
            token: since.map(|(_, token)| token.get()),
            held_ms: holders.first().map(|(_, held_ms)| *held_ms),
            is_delegated: queue.is_some_and(WaitQueue::is_delegated),
            waiting: queue.map(WaitQueue::tickets).unwrap_or_default(),
            waits_for: waits_for.iter().map(|id| id.0).collect(),
            deferred: deferred.map(|deferred| deferred.request.id.0).collect(),
            name: name.as_str().to_owned(),
        }
    };
    names.into_iter().map(lock).collect()
}

fn peer(id: NodeId, view: &NodeView<'_>) -> PeerStatus {
    let stats = view.peer_stats.get(&id).copied().unwrap_or_default();
    let address = view.group.address(id);
    PeerStatus {
        id: id.0,
        name: view.group.listed(id).to_owned(),
        called: view.group.called(id).to_owned(),
        is_named: view.group.is_named(id),
        address: address.map(|it| it.to_string()).unwrap_or_default(),
        moved_from: view.moved_from.get(&id).map(ToString::to_string),
        not_found: view.group.unknown(id).map(ToOwned::to_owned),
        heard_ms: view.heard.get(&id).map(|at| millis(at.elapsed())),
        is_up: view.is_up(id),
        has_stopped: view.presence.has_stopped(id),
        hears_us: view.reaches(id),
        heard_us_ms: view.reach.heard_by(id).map(|at| millis(at.elapsed())),
        fastest_reply_us: stats.fastest_reply.map(micros),
        sent_again: stats.sent_again,
        is_closed: view.is_closed(id),
        dropped: stats.dropped().map(|reason| reason.to_string()),
    }
}
