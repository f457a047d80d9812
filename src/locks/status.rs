//! How a node of the library stands, for people and programs to look at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
