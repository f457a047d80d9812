//! How a try and a wait with a limit end: another caller comes first, or members do not
//! answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::error::{Blocked, LockError};
use super::local_node::LocalNode;
use super::lock_table::{FirstCaller, RefusedTry};
#[cfg(feature = "cli")]
use super::request::Request;
use super::waiter::Caller;
#[cfg(feature = "cli")]
use crate::engine::MissingPeer;
use crate::engine::{NodeView, missing};
use crate::mutex::{First, LockName, NodeId};

/// How many round trips a member that says nothing gets, and within which bounds.
const ROUND_TRIPS: u32 = 4;
const MIN_LIMIT: Duration = Duration::from_secs(1);
const MAX_LIMIT: Duration = Duration::from_secs(5);

/// A member that is asked for its permission, and asked again, says at least within this
/// time that it is up.
const ANSWERS: Duration = Duration::from_secs(5);

/// The tries of a node that have not ended.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// When each ends, and its caller.
    limits: BTreeMap<(Instant, u64), LockName>,
    /// Those that are not the first, and for which it is not known yet whether all members
    /// are up.
    undecided: Vec<Undecided>,
}

/// A try that is not the first.
#[derive(Debug)]
struct Undecided {
    refused: RefusedTry,
    /// When the members that were not heard are taken to be down.
    until: Instant,
}

impl Tries {
    /// The try of this caller ends then, if it has not ended before.
    pub(super) fn limit(&mut self, until: Instant, caller: &Caller) {
        self.limits
            .insert((until, caller.ticket), caller.lock.clone());
    }

    /// When a try ends though nothing arrives.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let limit = self.limits.first_key_value().map(|((until, _), _)| *until);
        let undecided = self.undecided.iter().map(|undecided| undecided.until);
        limit.into_iter().chain(undecided).min()
    }
}

impl LocalNode {
    /// How long a try waits for members that say nothing.
    pub(super) fn try_limit(&mut self) -> Duration {
        (self.slowest_reply() * ROUND_TRIPS).clamp(MIN_LIMIT, MAX_LIMIT)
    }

    /// The fastest reply of the slowest member, as far as it was measured.
    pub(super) fn slowest_reply(&mut self) -> Duration {
        let (.., view) = self.engine.split();
        let peers = view.peer_stats.values();
        let slowest = peers.filter_map(|stats| stats.fastest_reply).max();
        slowest.unwrap_or_default()
    }

    /// Ends the tries whose time is over.
    pub(super) fn end_tries(&mut self) {
        while let Some(first) = self.tries.limits.first_entry()
            && first.key().0 <= Instant::now()
        {
            let ((_, ticket), lock) = first.remove_entry();
            self.end_wait(&lock, ticket);
        }
    }

    /// The time of this caller is over, if it still waits.
    pub(super) fn end_wait(&mut self, lock: &LockName, ticket: u64) {
        if let Some(waited) = self.engine.user.waited(lock, ticket) {
            let error = self.timed_out(lock, ticket, waited);
            self.engine.user.cancel(lock, ticket, error);
        }
    }

    /// Tells the callers of tries that have ended which came first.
    pub(super) fn settle_tries(&mut self) {
        if !self.engine.user.has_refused() && self.tries.undecided.is_empty() {
            return;
        }
        let until = Instant::now() + self.try_limit();
        while let Some(refused) = self.engine.user.next_refused() {
            self.tries.undecided.push(Undecided { refused, until });
        }
        for Undecided { refused, until } in std::mem::take(&mut self.tries.undecided) {
            let lock = refused.queued.caller().lock.clone();
            let waited = refused.queued.waited();
            let (.., view) = self.engine.split();
            let (is_held, blocked) = match &refused.first {
                FirstCaller::Unknown => {
                    let error = unanswered(lock, waited, Blocked::ViewChanged);
                    refused.queued.fail(error);
                    continue;
                }
                FirstCaller::Local(blocked) => (view.member.holds(&lock), blocked.clone()),
                FirstCaller::Member(id, first) => {
                    let is_held = *first == First::Held;
                    let blocked = Blocked::Member {
                        id: id.0,
                        address: view.group.name(*id).to_owned(),
                        is_held,
                    };
                    (is_held, blocked)
                }
            };
            let silent = match is_held {
                true => Vec::new(),
                false => view.silent(&lock, waited),
            };
            if silent.is_empty() {
                refused.queued.fail(busy(lock, waited, blocked));
            } else if until <= Instant::now() {
                let stall = view.stall_with(silent, waited, false);
                refused.queued.fail(unanswered(lock, waited, stall.into()));
            } else {
                self.tries.undecided.push(Undecided { refused, until });
            }
        }
    }

    /// Whether members are down that this caller waits for, so that it is not known whether
    /// another caller has the lock.
    pub(super) fn is_holder_uncertain(&mut self, lock: &LockName, ticket: u64) -> bool {
        let (_, table, view) = self.engine.split();
        let waited = table.waited(lock, ticket);
        waited
            .is_some_and(|waited| !view.member.holds(lock) && !view.silent(lock, waited).is_empty())
    }

    /// The members that this request needs and that are down, each as
    /// `gamma:7001 (3) does not answer, last heard 2 h ago`.
    #[cfg(feature = "cli")]
    pub(crate) fn silences(&mut self, request: &Request) -> Vec<String> {
        let (.., view) = self.engine.split();
        let (lock, waited) = (&request.caller().lock, request.waited());
        let silent = view.silent(lock, waited);
        let stall = view.stall_with(silent, waited, false);
        stall.missing.iter().map(MissingPeer::silence).collect()
    }

    /// Why a caller that has waited so long was not granted the lock in time.
    fn timed_out(&mut self, lock: &LockName, ticket: u64, waited: Duration) -> LockError {
        let holder = self.known_holder(lock);
        let (_, table, view) = self.engine.split();
        let local = table.blocked(lock, ticket);
        let lock = lock.clone();
        if view.member.holds(&lock)
            && let Some(blocked) = local
        {
            return busy(lock, waited, blocked);
        }
        let stall = view.stall(&lock, waited);
        // A member that has received a try refuses it, or replies.
        if view.member.is_trying(&lock) || stall.has_duplicate_id || stall.lacks_majority {
            return unanswered(lock, waited, stall.into());
        }
        let silent = view.silent(&lock, waited);
        if !silent.is_empty()
            && let Some(id) = holder
        {
            let blocked = Blocked::Member {
                id: id.0,
                address: view.group.name(id).to_owned(),
                is_held: true,
            };
            return busy(lock, waited, blocked);
        }
        if !silent.is_empty() {
            let stall = view.stall_with(silent, waited, false);
            return unanswered(lock, waited, stall.into());
        }
        busy(lock, waited, local.unwrap_or_else(|| stall.into()))
    }
}

fn busy(lock: LockName, waited: Duration, blocked: Blocked) -> LockError {
    LockError::Busy {
        lock,
        waited,
        blocked,
    }
}

fn unanswered(lock: LockName, waited: Duration, blocked: Blocked) -> LockError {
    LockError::Unanswered {
        lock,
        waited,
        blocked,
    }
}

impl NodeView<'_> {
    /// The members that an entry needs and that are down, as far as this node can tell. The
    /// request has waited for so long.
    fn silent(&self, lock: &LockName, waited: Duration) -> Vec<NodeId> {
        let missing = missing(self.member, lock).unwrap_or_default();
        let is_silent = |id: &NodeId| {
            let is_answered = match self.heard.get(id).map(Instant::elapsed) {
                None => false,
                // Too soon for an answer to the request when it is sent again.
                Some(_) if waited < MIN_LIMIT => true,
                Some(heard) => heard <= waited.min(ANSWERS),
            };
            // What is sent to it is lost, though it is heard.
            let is_deaf = self.reaches(*id) == Some(false);
            missing.contains(id) && (!is_answered || is_deaf) || self.is_up(*id) == Some(false)
        };
        let needed = self.member.view_peers().iter().copied();
        needed.filter(is_silent).collect()
    }
}
