//! How a try and a wait with a limit end: another caller comes first, or members do not
//! answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::error::{Blocked, LockError};
use super::local_node::LocalNode;
use super::lock_table::{FirstCaller, RefusedTry};
use super::waiter::Caller;
use crate::engine::{NodeView, Stall};
use crate::mutex::{First, LockName, NodeId, State};
use crate::views::Views;

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
        let (.., view) = self.engine.split();
        let peers = view.peer_stats.values();
        let slowest = peers.filter_map(|stats| stats.fastest_reply).max();
        (slowest.unwrap_or_default() * ROUND_TRIPS).clamp(MIN_LIMIT, MAX_LIMIT)
    }

    /// Ends the tries whose time is over.
    pub(super) fn end_tries(&mut self) {
        while let Some(first) = self.tries.limits.first_entry()
            && first.key().0 <= Instant::now()
        {
            let ((_, ticket), lock) = first.remove_entry();
            let waited = self.engine.user.waited(&lock, ticket);
            if let Some(waited) = waited {
                let error = self.timed_out(&lock, ticket, waited);
                self.engine.user.cancel(&lock, ticket, error);
            }
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
            let is_held = match refused.first {
                FirstCaller::Local(_) => matches!(view.member.state(&lock), State::Held { .. }),
                FirstCaller::Member(_, first) => first == First::Held,
            };
            if let FirstCaller::Member(id, _) = refused.first
                && id == view.member.id()
            {
                refused.queued.fail(LockError::Unanswered {
                    lock,
                    waited,
                    blocked: Blocked::ViewChanged,
                });
                continue;
            }
            let silent = match is_held {
                true => Vec::new(),
                false => view.silent(&lock, waited),
            };
            let error = if silent.is_empty() {
                let blocked = match refused.first {
                    FirstCaller::Local(blocked) => blocked,
                    FirstCaller::Member(id, first) => Blocked::Member {
                        id: id.0,
                        address: view.group.name(id).to_owned(),
                        is_held: first == First::Held,
                    },
                };
                LockError::Busy {
                    lock,
                    waited,
                    blocked,
                }
            } else if until <= Instant::now() {
                let blocked = view.stall_of(silent, waited).into();
                LockError::Unanswered {
                    lock,
                    waited,
                    blocked,
                }
            } else {
                self.tries.undecided.push(Undecided { refused, until });
                continue;
            };
            refused.queued.fail(error);
        }
    }

    /// Why a caller that has waited so long was not granted the lock in time.
    pub(super) fn timed_out(
        &mut self,
        lock: &LockName,
        ticket: u64,
        waited: Duration,
    ) -> LockError {
        let (_, table, view) = self.engine.split();
        let local = table.blocked(lock, ticket);
        let lock = lock.clone();
        if matches!(view.member.state(&lock), State::Held { .. })
            && let Some(blocked) = local
        {
            return LockError::Busy {
                lock,
                waited,
                blocked,
            };
        }
        let stall = view.stall(&lock, waited);
        let is_try = view.member.is_trying(&lock);
        let silent = view.silent(&lock, waited);
        if is_try || stall.has_duplicate_id || stall.lacks_majority || !silent.is_empty() {
            let blocked = match is_try || stall.has_duplicate_id || stall.lacks_majority {
                true => stall,
                false => view.stall_of(silent, waited),
            };
            return LockError::Unanswered {
                lock,
                waited,
                blocked: blocked.into(),
            };
        }
        LockError::Busy {
            lock,
            waited,
            blocked: local.unwrap_or_else(|| stall.into()),
        }
    }
}

impl NodeView<'_> {
    /// The members that an entry needs and that are down, as far as this node can tell. The
    /// request has waited for so long.
    fn silent(&self, lock: &LockName, waited: Duration) -> Vec<NodeId> {
        let missing = crate::engine::missing(self.member, lock).unwrap_or_default();
        let is_silent = |id: &NodeId| {
            let is_answered = match self.heard.get(id).map(Instant::elapsed) {
                None => false,
                // Too soon for an answer to the request when it is sent again.
                Some(_) if waited < MIN_LIMIT => true,
                Some(heard) => heard <= waited.min(ANSWERS),
            };
            missing.contains(id) && !is_answered || self.is_up(*id) == Some(false)
        };
        let peers = self.member.views().and_then(Views::view).map_or_else(
            || self.member.peers().iter().copied().collect::<Vec<_>>(),
            |view| {
                let others = view.members.iter().copied();
                others.filter(|id| *id != self.member.id()).collect()
            },
        );
        peers.into_iter().filter(is_silent).collect()
    }

    fn stall_of(&self, silent: Vec<NodeId>, waited: Duration) -> Stall {
        self.stall_with(silent, waited, false)
    }
}
