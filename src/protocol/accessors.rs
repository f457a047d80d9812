//! What can be seen of a member. Nothing here changes it.

use alloc::collections::BTreeSet;

use super::Member;
use crate::mutex::Config;
use crate::mutex::LockName;
use crate::mutex::NodeId;
use crate::mutex::{Deferred, RicartAgrawala, State};

impl Member {
    /// What this member was told when it was made.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its place in the member list.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// What its Lamport clock shows.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.clock.now()
    }

    /// The clock of its latest request of any lock; none before the first.
    #[must_use]
    pub fn last_request_clock(&self) -> Option<u64> {
        self.last_request_clock
    }

    /// Every other member.
    #[must_use]
    pub fn peers(&self) -> &BTreeSet<NodeId> {
        &self.peers
    }

    /// Whose clock must be heard before the first request; its own id, if it
    /// must hear itself.
    #[must_use]
    pub fn unsynced(&self) -> &BTreeSet<NodeId> {
        &self.unsynced
    }

    /// Whose clock was said to be too far ahead to be believed, and is asked for.
    #[must_use]
    pub fn suspect_clocks(&self) -> &BTreeSet<NodeId> {
        &self.suspect_clocks
    }

    /// Whether this lock is wanted here, and not asked for because not all
    /// clocks were heard.
    #[must_use]
    pub fn is_wanted(&self, lock: &LockName) -> bool {
        self.wanted.contains(lock)
    }

    /// Whether another node claims to be this member. Neither may enter then.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.is_claimed
    }

    /// FREE, WAIT or HELD.
    #[must_use]
    pub fn state(&self, lock: &LockName) -> &State {
        self.locks
            .get(lock)
            .map_or(&State::Free, RicartAgrawala::state)
    }

    /// Whose replies wait until we leave, in the order in which they asked.
    #[must_use]
    pub fn reply_queue(&self, lock: &LockName) -> &[Deferred] {
        self.locks
            .get(lock)
            .map_or(&[], RicartAgrawala::reply_queue)
    }

    /// Whose permission for this lock we hold until we reply to them. When nobody
    /// is missing, the next entry sends nothing.
    #[must_use]
    pub fn kept(&self, lock: &LockName) -> &BTreeSet<NodeId> {
        static NOBODY: BTreeSet<NodeId> = BTreeSet::new();
        let in_use = self.locks.get(lock).map(RicartAgrawala::kept);
        in_use.or(self.kept.get(lock)).unwrap_or(&NOBODY)
    }

    /// The locks that somebody is known to want, and the nameless one.
    pub fn locks(&self) -> impl Iterator<Item = (&LockName, &RicartAgrawala)> {
        self.locks.iter()
    }

    /// Whether this is the clock of a request that waits for replies. (The
    /// clocks are heard with clock 0.)
    #[must_use]
    pub fn is_asking(&self, clock: u64) -> bool {
        if clock == 0 {
            return !(self.unsynced.is_empty() && self.suspect_clocks.is_empty());
        }
        self.locks.values().any(|lock| lock.is_asking(clock))
    }
}
