//! One member of a group: its clock, what it knows of its peers, and all its locks.
//!
//! A restarted member must not go on with a clock behind that of its earlier messages: it
//! could win over a request that it answered and forgot, and its next entry could get the
//! token of an entry that it forgot. So its clock survives on disk, or it asks every peer
//! for its clock ([`Body::Hello`], [`Body::Welcome`]) before its first request and its
//! first reply, and skips as many clocks as it may have been ahead of them
//! ([`Durability`]).

mod accessors;
mod clock_sync;
mod duplicate_id;
mod event;
#[cfg(test)]
mod model_hooks;
mod receive;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::mutex::{
    Body, ClockError, Config, Context, Durability, Effect, Incarnation, LamportClock, LockName,
    Message, NodeId, Origin, PeerRequest, Rejected, RicartAgrawala, State, Timer, Timestamp, Token,
    rules,
};

pub use event::Event;

/// The number of locks whose permissions are kept while they are not in use. One more, and
/// all are forgotten: that is always safe, and the next entry of each costs what its first
/// did.
const MAX_KEPT_LOCKS: usize = 4096;

/// One member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    config: Config,
    clock: LamportClock,
    /// The persisted bound, or `None` if the clock is not persisted. The clock is, and was
    /// in every earlier run, below it.
    reserved: Option<u64>,
    peers: BTreeSet<NodeId>,
    /// The members whose clock must be known before the first request.
    unsynced: BTreeSet<NodeId>,
    /// The peers that are asked for their clock, since a message had one too far ahead.
    suspect_clocks: BTreeSet<NodeId>,
    /// Whether an earlier run of this member is known.
    ran_before: bool,
    /// The run of each turno peer, or `None` if messages came from several.
    runs: BTreeMap<NodeId, Option<Incarnation>>,
    /// The last known clock of each peer.
    peer_clocks: BTreeMap<NodeId, u64>,
    /// Whether it restarted without asking for the clocks, so that it cannot know whether
    /// its peers had earlier runs.
    may_have_forgotten_runs: bool,
    /// The locks whose request waits until all clocks are known.
    awaiting_sync: BTreeSet<LockName>,
    last_request_clock: Option<u64>,
    /// How often another node with our id was seen lately.
    duplicate_sightings: u64,
    has_duplicate_id: bool,
    /// The locks that a member is known to request or hold, and the original's one.
    locks: BTreeMap<LockName, RicartAgrawala>,
    /// The permissions for all other locks. They are apart from the locks in use, so that
    /// many names that were used once slow nothing down.
    kept: BTreeMap<LockName, BTreeSet<NodeId>>,
}

impl Member {
    /// A member that has not started: hand in [`Event::Start`] first.
    ///
    /// # Panics
    /// If the id is not in `1..=members`.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let Config { id, members, .. } = config;
        assert!(
            (1..=members).contains(&id.0),
            "id {id} is not in 1..={members}"
        );
        let peers: BTreeSet<NodeId> = (1..=members).map(NodeId).filter(|p| *p != id).collect();
        let (clock, unsynced) = rules::initial_clock(&config, &peers);
        let (reserved, may_have_forgotten_runs) = match config.durability {
            Durability::Forgetful => (None, false),
            Durability::Durable { below, synced } => (Some(below), below > 1 && synced),
        };
        let kept = rules::initial_permissions(&config, &peers);
        let originals_lock = RicartAgrawala::with_permissions(kept);
        Member {
            config,
            clock,
            reserved,
            peers,
            unsynced,
            suspect_clocks: BTreeSet::new(),
            ran_before: false,
            runs: BTreeMap::new(),
            peer_clocks: BTreeMap::new(),
            may_have_forgotten_runs,
            awaiting_sync: BTreeSet::new(),
            last_request_clock: None,
            duplicate_sightings: 0,
            has_duplicate_id: false,
            locks: BTreeMap::from([(LockName::default(), originals_lock)]),
            kept: BTreeMap::new(),
        }
    }

    /// Handles one event, and pushes its effects.
    ///
    /// # Errors
    /// [`Rejected`] says why the event changed nothing and pushed no effect.
    pub fn handle(&mut self, event: &Event, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        let first = effects.len();
        match event {
            Event::Start => self.send_hellos(&self.peers | &self.unsynced, 0, effects),
            Event::Resume { lock, token } => self.resume(lock, *token, effects)?,
            Event::Acquire(lock) => self.acquire(lock, effects)?,
            Event::Cancel(lock) => {
                if !self.awaiting_sync.remove(lock) {
                    self.with_lock(lock, effects, RicartAgrawala::cancel)?;
                }
            }
            Event::Release(lock) => self.with_lock(lock, effects, RicartAgrawala::release)?,
            Event::Delegate { lock, entries } => {
                self.with_lock(lock, effects, |lock, cx| lock.delegate(cx, *entries))?;
            }
            Event::Tick => {
                self.clock.tick()?;
            }
            Event::Received { message, reply_to } => self.receive(message, *reply_to, effects)?,
            Event::Expired(timer) => self.expire(timer, effects)?,
        }
        // Before all clocks are known, no request is made and no bound is needed.
        if let Some(bound) = &mut self.reserved
            && self.unsynced.is_empty()
        {
            rules::reserve(&self.config, bound, self.clock.now(), first, effects);
        }
        Ok(())
    }

    fn resume(
        &mut self,
        lock: &LockName,
        token: Token,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        if *self.state(lock) != State::Free {
            return Err(Rejected::NotFree);
        }
        rules::resume_clock(&self.config, &mut self.clock, token)?;
        self.ran_before = true;
        self.with_lock(lock, effects, |lock, _| {
            lock.resume(token);
            Ok(())
        })
    }

    fn acquire(&mut self, lock: &LockName, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        if *self.state(lock) != State::Free || self.awaiting_sync.contains(lock) {
            return Err(Rejected::NotFree);
        }
        if self.has_duplicate_id && self.peers.is_empty() {
            // There is no peer whose reply could be waited for.
            return Err(Rejected::DuplicateId);
        }
        if self.unsynced.is_empty() {
            return self.request(lock, effects);
        }
        self.awaiting_sync.insert(lock.clone());
        self.send_hellos(self.unsynced.clone(), 0, effects);
        Ok(())
    }

    fn request(&mut self, lock: &LockName, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        self.last_request_clock = Some(self.clock.tick()?);
        self.with_lock(lock, effects, |lock, cx| {
            lock.acquire(cx);
            Ok(())
        })
    }

    fn expire(&mut self, timer: &Timer, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        match timer {
            Timer::Resend {
                lock,
                request,
                sent,
            } => self.with_lock(lock, effects, |lock, cx| lock.resend(cx, *request, *sent)),
            Timer::Hello { sent } => self.resend_hellos(*sent, effects),
            Timer::ForgetDuplicate { sightings } => self.forget_duplicate(*sightings),
        }
    }

    /// Calls a method of a lock. Only the permissions of a lock that is not in use
    /// afterwards are kept.
    fn with_lock(
        &mut self,
        name: &LockName,
        effects: &mut Vec<Effect>,
        act: impl FnOnce(&mut RicartAgrawala, &mut Context<'_>) -> Result<(), Rejected>,
    ) -> Result<(), Rejected> {
        let mut lock = self.locks.remove(name).unwrap_or_else(|| {
            let kept = self.kept.remove(name).unwrap_or_default();
            RicartAgrawala::with_permissions(kept)
        });
        let done = act(
            &mut lock,
            &mut Context {
                config: &self.config,
                clock: &mut self.clock,
                peers: &self.peers,
                peer_clocks: &self.peer_clocks,
                is_syncing: !self.unsynced.is_empty(),
                has_duplicate_id: self.has_duplicate_id,
                lock: name,
                effects,
            },
        );
        if name.is_nameless() || !lock.is_idle() {
            self.locks.insert(name.clone(), lock);
        } else if !lock.kept().is_empty() {
            if self.kept.len() >= MAX_KEPT_LOCKS {
                self.kept.clear();
            }
            self.kept.insert(name.clone(), lock.into_permissions());
        }
        done
    }
}

#[cfg(test)]
pub(crate) mod tests;
