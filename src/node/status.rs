//! How a node of the library stands, for people and programs to look at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lock_table::LockTable;
use crate::engine::{Engine, Observer, missing};
use crate::mutex::{LockName, RicartAgrawala, State};
use crate::system::millis;

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Which member it is.
    pub id: u16,
    /// What its Lamport clock shows.
    pub clock: u64,
    /// Where it listens.
    pub listens_at: String,
    /// Whether the group has a key.
    pub has_key: bool,
    /// Another node claims to be this member: neither may enter until one of them is
    /// gone.
    pub is_claimed: bool,
    /// The locks that somebody here has or wants, or that a peer waits for.
    pub locks: Vec<LockStatus>,
    /// The other members.
    pub peers: Vec<PeerStatus>,
    /// How many datagrams were dropped, by cause.
    pub dropped: BTreeMap<String, u64>,
    /// How many entries there were here.
    pub entries: u64,
}

/// How a lock stands, as one node sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LockStatus {
    /// Its name.
    pub name: String,
    /// `FREE`, `WAIT` or `HELD`, of this node.
    pub state: String,
    /// The ticket of the caller who holds it here.
    pub holder: Option<u64>,
    /// The fencing token of his entry.
    pub token: Option<u64>,
    /// For how long he has held it.
    pub held_ms: Option<u64>,
    /// It is lent to this process: the holder may be inside or not, and others
    /// may have been since.
    pub is_on_loan: bool,
    /// The tickets of those who wait here, in order.
    pub waiting: Vec<u64>,
    /// The members that keep this node waiting.
    pub waits_for: Vec<u16>,
    /// The members that wait for this node, in the order in which they asked.
    pub deferred: Vec<u16>,
}

/// What a node knows of another member.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Which member it is.
    pub id: u16,
    /// Where it is.
    pub address: String,
    /// How long ago it was heard; none if it never was.
    pub heard_ms: Option<u64>,
    /// How long the fastest reply took: a round trip, and what the other one
    /// needed.
    pub fastest_reply_us: Option<u64>,
    /// How many datagrams were sent to it again, for want of an answer.
    pub sent_again: u64,
    /// Why the latest datagram in its name was dropped; none if it was heard since.
    /// Anybody may have sent that.
    pub dropped: Option<String>,
}

/// How a node stands.
pub(super) fn status<O: Observer>(engine: &mut Engine<O, LockTable>) -> Status {
    let has_key = engine.has_key();
    let (_, table, view) = engine.split();
    let (member, group) = (view.member, view.group);
    let in_use = |(name, lock): (&LockName, &RicartAgrawala)| {
        let is_used = *lock.state() != State::Free || !lock.reply_queue().is_empty();
        is_used.then(|| name.clone())
    };
    let mut names: BTreeSet<LockName> = member.locks().filter_map(in_use).collect();
    names.extend(table.queues().map(|(name, _)| name.clone()));
    let locks = names.into_iter().map(|name| {
        let waits_for = missing(member, &name).unwrap_or_default();
        let deferred = member.reply_queue(&name).iter();
        let queue = table.line(&name);
        let since = queue.and_then(|queue| queue.since);
        LockStatus {
            state: member.state(&name).to_string(),
            holder: queue.and_then(|queue| queue.holder()),
            token: since.map(|(_, token)| token.clock()),
            held_ms: since.map(|(since, _)| millis(since.elapsed())),
            is_on_loan: queue.is_some_and(|queue| queue.is_delegated_here()),
            waiting: queue.map(|queue| queue.tickets()).unwrap_or_default(),
            waits_for: waits_for.iter().map(|id| id.0).collect(),
            deferred: deferred.map(|deferred| deferred.request.id.0).collect(),
            name: name.as_str().to_owned(),
        }
    });
    let locks = locks.collect();
    let peers = member.peers().iter().map(|&id| {
        let known = view.peer_stats.get(&id);
        PeerStatus {
            id: id.0,
            address: group
                .address(id)
                .map(|it| it.to_string())
                .unwrap_or_default(),
            heard_ms: view.heard.get(&id).map(|at| millis(at.elapsed())),
            fastest_reply_us: known.and_then(|it| it.fastest_reply).map(micros),
            sent_again: known.map_or(0, |stats| stats.sent_again),
            dropped: known
                .and_then(|stats| stats.dropped)
                .map(|why| why.to_string()),
        }
    });
    Status {
        id: member.id().0,
        clock: member.clock(),
        listens_at: group.listen.to_string(),
        has_key,
        is_claimed: member.has_duplicate_id(),
        locks,
        peers: peers.collect(),
        dropped: view
            .drops
            .iter()
            .map(|(cause, count)| ((*cause).to_owned(), *count))
            .collect(),
        entries: table.entries(),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
