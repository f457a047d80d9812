//! The state of a member, to read.

use alloc::collections::BTreeSet;

use super::Member;
use crate::mutex::{Config, Kept, LockName, Mode, NodeId, PeerRequest, RicartAgrawala, State};
use crate::views::Moment;

impl Member {
    /// The configuration that this member was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Its place in the member list.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// The time on its Lamport clock.
    #[must_use]
    pub fn clock(&self) -> u64 {
        self.clock.now()
    }

    /// The clock of its latest request of any lock, or `None` before the first.
    #[must_use]
    pub fn last_request_clock(&self) -> Option<u64> {
        self.last_request_clock
    }

    /// The moment of the latest event. Without failover it means nothing.
    #[must_use]
    pub fn now(&self) -> Moment {
        self.now
    }

    /// All other members.
    #[must_use]
    pub fn peers(&self) -> &BTreeSet<NodeId> {
        &self.peers
    }

    /// The peers whose permission an entry needs: those in the view, or all without
    /// failover.
    #[must_use]
    pub fn view_peers(&self) -> &BTreeSet<NodeId> {
        &self.view_peers
    }

    /// The members whose clock must be known before the first request. It has its own id
    /// while it must receive its own hello.
    #[must_use]
    pub fn unsynced(&self) -> &BTreeSet<NodeId> {
        &self.unsynced
    }

    /// The peers that are asked for their clock, since a message had one too far ahead.
    #[must_use]
    pub fn suspect_clocks(&self) -> &BTreeSet<NodeId> {
        &self.suspect_clocks
    }

    /// Whether this member is in the section and may refuse a try of a peer that waits.
    #[must_use]
    pub fn has_deferred_tries(&self, lock: &LockName) -> bool {
        let mut deferred = self.reply_queue(lock).iter();
        self.holds(lock) && self.unsynced.is_empty() && deferred.any(|deferred| deferred.is_try)
    }

    /// Whether this member is in the section.
    #[must_use]
    pub fn holds(&self, lock: &LockName) -> bool {
        matches!(self.state(lock), State::Held { .. })
    }

    /// Whether a try of this member waits for replies.
    #[must_use]
    pub fn is_trying(&self, lock: &LockName) -> bool {
        matches!(self.state(lock), State::Wait { is_try: true, .. })
    }

    /// Whether a request for this lock waits until all clocks are known.
    #[must_use]
    pub fn is_awaiting_sync(&self, lock: &LockName) -> bool {
        self.awaiting_sync.contains_key(lock)
    }

    /// Whether another node has this member's id. Then neither may enter.
    #[must_use]
    pub fn has_duplicate_id(&self) -> bool {
        self.has_duplicate_id
    }

    /// FREE, WAIT or HELD.
    #[must_use]
    pub fn state(&self, lock: &LockName) -> &State {
        let in_use = self.locks.get(lock);
        in_use.map_or(&State::Free, RicartAgrawala::state)
    }

    /// The deferred requests, in order of arrival.
    #[must_use]
    pub fn reply_queue(&self, lock: &LockName) -> &[PeerRequest] {
        let in_use = self.locks.get(lock);
        in_use.map_or(&[], RicartAgrawala::reply_queue)
    }

    /// The mode of the request that waits for replies, or of the entry.
    #[must_use]
    pub fn mode(&self, lock: &LockName) -> Mode {
        match self.state(lock) {
            State::Free => Mode::Exclusive,
            State::Wait { mode, .. } | State::Held { mode, .. } => *mode,
        }
    }

    /// The peers whose permission for this lock we hold. With those of all, the next entry
    /// sends nothing.
    #[must_use]
    pub fn kept(&self, lock: &LockName) -> &Kept {
        static NONE: Kept = Kept::NONE;
        let in_use = self.locks.get(lock).map(RicartAgrawala::kept);
        let remembered = || Some(&self.memory.get(lock)?.kept);
        in_use.or_else(remembered).unwrap_or(&NONE)
    }

    /// The locks that a member is known to request or hold, and the nameless one.
    pub fn locks(&self) -> impl Iterator<Item = (&LockName, &RicartAgrawala)> {
        self.locks.iter()
    }

    /// Whether a request with this clock waits for replies. Clock 0 is that of a hello.
    #[must_use]
    pub fn is_asking(&self, clock: u64) -> bool {
        if clock == 0 {
            return self.needs_clocks();
        }
        self.locks.values().any(|lock| lock.is_asking(clock))
    }
}
