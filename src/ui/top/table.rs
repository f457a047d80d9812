//! What is shown of one status: text that is safe to show, and figures.

use std::cmp::Reverse;

use crate::agent::protocol::AgentStatus;
use crate::narrate::lock_called;
use crate::printable::Printable;
use crate::wire::CallerReport;
use crate::{PeerStatus, Status};

/// What the rows of locks are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    Name,
    /// The longest hold first.
    Held,
    /// The most waiters first.
    Waiting,
}

impl Order {
    pub(super) fn next(self) -> Self {
        match self {
            Order::Name => Order::Held,
            Order::Held => Order::Waiting,
            Order::Waiting => Order::Name,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Order::Name => "name",
            Order::Held => "time held",
            Order::Waiting => "waiters",
        }
    }
}

/// A status, in rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    /// This machine's member.
    pub(super) head: String,
    /// With failover, its view and what is left of its lease.
    pub(super) view: Option<String>,
    pub(super) lease: Option<String>,
    pub(super) members: Vec<Member>,
    pub(super) locks: Vec<Lock>,
    /// The members that have not told what is held there.
    pub(super) unanswered: Vec<String>,
}

/// A row of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) state: MemberState,
    /// The fastest round trip, in microseconds.
    pub(super) round_trip_us: Option<u64>,
    pub(super) heard_ms: Option<u64>,
    pub(super) sent_again: u64,
}

/// What a member does, as this one knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MemberState {
    This,
    Up,
    Down,
    Stopped,
    /// The link works one way only.
    DoesNotHear,
    Refused,
    Unknown,
}

impl MemberState {
    pub(super) fn name(self) -> &'static str {
        match self {
            MemberState::This => "this one",
            MemberState::Up => "up",
            MemberState::Down => "DOWN",
            MemberState::Stopped => "stopped",
            MemberState::DoesNotHear => "DOES NOT HEAR US",
            MemberState::Refused => "REFUSED",
            MemberState::Unknown => "not known",
        }
    }

    pub(super) fn is_trouble(self) -> bool {
        use MemberState::{DoesNotHear, Down, Refused, Stopped};
        matches!(self, Down | Stopped | DoesNotHear | Refused)
    }

    fn of(peer: &PeerStatus) -> Self {
        match peer {
            PeerStatus {
                has_stopped: true, ..
            } => MemberState::Stopped,
            PeerStatus {
                dropped: Some(_), ..
            } => MemberState::Refused,
            PeerStatus {
                is_up: Some(false), ..
            }
            | PeerStatus {
                is_closed: true, ..
            } => MemberState::Down,
            PeerStatus {
                hears_us: Some(false),
                ..
            } => MemberState::DoesNotHear,
            PeerStatus {
                is_up: Some(true), ..
            } => MemberState::Up,
            _ => MemberState::Unknown,
        }
    }
}

/// A row of a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) name: String,
    pub(super) holder: Option<Caller>,
    /// How many others share it.
    pub(super) sharers: usize,
    pub(super) waiting: Vec<Caller>,
    pub(super) is_deadlock: bool,
}

/// A caller that holds a lock or waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Its member's name.
    pub(super) member: String,
    /// `pid 812 ./backup`.
    pub(super) what: String,
    pub(super) token: Option<u64>,
    pub(super) since_ms: u64,
}

impl Table {
    pub(super) fn of(status: &AgentStatus) -> Self {
        let node = &status.node;
        let view = node.view.as_ref();
        let in_view = view.map(|view| match view.number {
            Some((counter, proposer)) => {
                format!("view {counter}.{proposer} of {}", view.members.len())
            }
            None => "in no view".to_owned(),
        });
        let own = match node.called.as_str() {
            "" => format!("member {}", node.id),
            name => format!("{} ({})", shown(name), node.id),
        };
        let this = Member {
            name: own.clone(),
            state: MemberState::This,
            round_trip_us: None,
            heard_ms: None,
            sent_again: 0,
        };
        let peers = node.peers.iter().map(|peer| Member {
            name: shown(&peer.shown_name()),
            state: MemberState::of(peer),
            round_trip_us: peer.fastest_reply_us,
            heard_ms: peer.heard_ms,
            sent_again: peer.sent_again,
        });
        let mut members: Vec<(u16, Member)> =
            node.peers.iter().map(|peer| peer.id).zip(peers).collect();
        members.push((node.id, this));
        members.sort_by_key(|(id, _)| *id);
        let unanswered = status.group.iter().flat_map(|group| &group.unanswered);
        Table {
            head: format!("{own} of {}", members.len()),
            view: in_view,
            lease: view.map(|view| match view.left_ms {
                Some(left) => format!("lease {:.1} s", left as f64 / 1e3),
                None => "NO LEASE".to_owned(),
            }),
            unanswered: unanswered.map(|id| member(node, *id)).collect(),
            locks: locks(status),
            members: members.into_iter().map(|(_, member)| member).collect(),
        }
    }

    /// The locks that a filter leaves, in this order.
    pub(super) fn locks(&self, order: Order, filter: &str) -> Vec<&Lock> {
        let is_wanted = |lock: &&Lock| {
            let mut callers = lock.holder.iter().chain(&lock.waiting);
            lock.name.contains(filter) || callers.any(|it| it.member.contains(filter))
        };
        let mut locks: Vec<&Lock> = self.locks.iter().filter(is_wanted).collect();
        let held = |lock: &&Lock| lock.holder.as_ref().map_or(0, |holder| holder.since_ms);
        match order {
            Order::Name => {}
            // Sorting is stable: locks that are equal stay in the order of their names.
            Order::Held => locks.sort_by_key(|lock| Reverse(held(lock))),
            Order::Waiting => locks.sort_by_key(|lock| Reverse(lock.waiting.len())),
        }
        locks
    }
}

fn locks(status: &AgentStatus) -> Vec<Lock> {
    let Some(group) = &status.group else {
        return Vec::new();
    };
    let mut locks: Vec<Lock> = Vec::new();
    for lock in &group.locks {
        let of_lock = group.callers_of(&lock.name);
        let (holders, waiting): (Vec<_>, Vec<_>) =
            of_lock.partition(|caller| caller.caller.is_holder());
        let row = |it: &crate::agent::group_status::GroupCaller| Caller {
            member: member(&status.node, it.member),
            what: what(&it.caller),
            token: it.caller.token,
            since_ms: it.caller.since_ms,
        };
        locks.push(Lock {
            name: shown(lock_called(&lock.name)),
            holder: holders.first().map(|it| row(it)),
            sharers: holders.len().saturating_sub(1),
            waiting: waiting.iter().map(|it| row(it)).collect(),
            is_deadlock: !lock.deadlock.is_empty(),
        });
    }
    locks.sort_by(|one, other| one.name.cmp(&other.name));
    locks
}

/// `pid 812 ./backup`, and what is unusual about it.
fn what(caller: &CallerReport) -> String {
    let pid = caller
        .pid
        .map(|pid| format!("pid {pid} "))
        .unwrap_or_default();
    let state = match caller {
        CallerReport { stopped: true, .. } => "stopped ",
        CallerReport {
            not_begun: true, ..
        } => "has not begun ",
        CallerReport { state, .. } if state == crate::wire::ENDING => "ending ",
        _ => "",
    };
    shown(format!("{pid}{state}{}", caller.command.join(" ")).trim_end())
}

fn member(node: &Status, id: u16) -> String {
    let peer = node.peers.iter().find(|peer| peer.id == id);
    match peer {
        Some(peer) => shown(&peer.shown_name()),
        None if node.called.is_empty() => format!("this ({id})"),
        None => format!("{} ({id})", shown(&node.called)),
    }
}

/// Any member and any client can choose it.
fn shown(text: &str) -> String {
    Printable::whole(text.as_bytes()).to_string()
}
