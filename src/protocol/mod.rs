//! One member of a group: its clock, what it knows of its peers, and all its locks.
//!
//! A restarted member must not go on with a clock behind that of its earlier messages: it
//! could win over a request that it answered and forgot, and its next entry could get the
//! token of an entry that it forgot. So its clock survives on disk, or it asks every peer
//! for its clock ([`Body::Hello`], [`Body::Welcome`]) before its first request and its
//! first reply, and skips as many clocks as it may have been ahead of them
//! ([`Durability`]).

mod accessors;
pub(crate) mod changed_list;
mod clock_sync;
mod duplicate_id;
mod event;
mod failover;
#[cfg(test)]
mod model_hooks;
mod receive;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::mutex::{
    Body, ClockError, Config, Context, Durability, Effect, Incarnation, LamportClock, LockName,
    Memory, Message, Mode, NodeId, Origin, PeerRequest, Rejected, RicartAgrawala, State, Timer,
    Timestamp, Token, rules,
};
use crate::views::{ChangeVote, Configuration, Moment, ViewMessage};

pub use event::Event;
use failover::Failover;

/// The number of locks whose permissions are kept while they are not in use. One more, and
/// all are forgotten: that is always safe, and the next entry of each costs what its first
/// did.
const MAX_KEPT_LOCKS: usize = 4096;

/// What comes of an event, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// What to do.
    pub effects: Vec<Effect>,
    /// From now on these are the configured members: durable before anything is sent.
    pub adopted: Option<Arc<Configuration>>,
    /// The latest change of the members that this one has voted for: durable as well.
    pub change_vote: Option<ChangeVote>,
    /// The messages about views to send, after the effects.
    pub view_messages: Vec<(NodeId, ViewMessage)>,
}

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
    /// The locks whose request waits until all clocks are known: the mode of each, and
    /// whether it is a try.
    awaiting_sync: BTreeMap<LockName, (Mode, bool)>,
    last_request_clock: Option<u64>,
    /// How often another node with our id was seen lately.
    duplicate_sightings: u64,
    has_duplicate_id: bool,
    /// The locks that a member is known to request or hold, and the original's one.
    locks: BTreeMap<LockName, RicartAgrawala>,
    /// The part in the views of the group; `None` without failover.
    failover: Option<Failover>,
    /// The peers whose permission an entry needs: all, or all in the view.
    view_peers: BTreeSet<NodeId>,
    /// The moment of the present event.
    now: Moment,
    /// What is remembered of all other locks. It is apart from the locks in use, so that
    /// many names that were used once slow nothing down.
    memory: BTreeMap<LockName, Memory>,
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
        let originals_lock = RicartAgrawala::remembered(Memory {
            kept,
            ..Memory::default()
        });
        Member {
            config,
            clock,
            reserved,
            peers: peers.clone(),
            unsynced,
            suspect_clocks: BTreeSet::new(),
            ran_before: false,
            runs: BTreeMap::new(),
            peer_clocks: BTreeMap::new(),
            may_have_forgotten_runs,
            awaiting_sync: BTreeMap::new(),
            last_request_clock: None,
            duplicate_sightings: 0,
            has_duplicate_id: false,
            locks: BTreeMap::from([(LockName::default(), originals_lock)]),
            failover: None,
            view_peers: peers.clone(),
            now: Moment::default(),
            memory: BTreeMap::new(),
        }
    }

    /// Handles one event, and pushes what comes of it. `now` was read after the event
    /// happened; without failover it means nothing.
    ///
    /// # Errors
    /// [`Rejected`] says why the event changed nothing. The output may have effects all
    /// the same, of the time that has passed: they are to be performed.
    pub fn handle_at(
        &mut self,
        now: Moment,
        event: &Event,
        output: &mut Output,
    ) -> Result<(), Rejected> {
        self.lapse(now, &mut output.effects);
        let first = output.effects.len();
        let handled = self.handle_now(event, output);
        self.reserve(first, &mut output.effects);
        self.set_view_timer(&mut output.effects);
        handled
    }

    /// As [`Member::handle_at`], without failover.
    ///
    /// # Errors
    /// As there; without failover nothing is pushed then.
    pub fn handle(&mut self, event: &Event, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        let mut output = Output {
            effects: core::mem::take(effects),
            ..Output::default()
        };
        let handled = self.handle_at(Moment::default(), event, &mut output);
        *effects = output.effects;
        handled
    }

    fn handle_now(&mut self, event: &Event, output: &mut Output) -> Result<(), Rejected> {
        let effects = &mut output.effects;
        match event {
            Event::Start => self.send_hellos(&self.peers | &self.unsynced, 0, effects),
            Event::Resume { lock, token, mode } => self.resume(lock, *token, *mode, effects)?,
            Event::Acquire(lock) => self.acquire(lock, (Mode::Exclusive, false), effects)?,
            Event::Try(lock) => self.acquire(lock, (Mode::Exclusive, true), effects)?,
            Event::AcquireShared(lock) => self.acquire(lock, (Mode::Shared, false), effects)?,
            Event::TryShared(lock) => self.acquire(lock, (Mode::Shared, true), effects)?,
            Event::Deny(lock) => self.with_lock(lock, effects, RicartAgrawala::deny)?,
            Event::Cancel(lock) => {
                if self.awaiting_sync.remove(lock).is_none() {
                    self.with_lock(lock, effects, RicartAgrawala::cancel)?;
                }
            }
            Event::Release(lock) => self.with_lock(lock, effects, RicartAgrawala::release)?,
            Event::Return(lock) => self.with_lock(lock, effects, RicartAgrawala::return_unused)?,
            Event::Delegate { lock, entries } => {
                self.with_lock(lock, effects, |lock, cx| lock.delegate(cx, *entries))?;
            }
            Event::Tick => {
                self.clock.tick()?;
            }
            Event::Received { message, reply_to } => self.receive(message, *reply_to, effects)?,
            Event::ReceivedView { from, message } => {
                self.receive_view_message(*from, message, output)?;
            }
            Event::Expired(Timer::View) => self.tick_views(output),
            Event::Expired(timer) => self.expire(timer, effects)?,
            Event::End => self.leave(output)?,
        }
        Ok(())
    }

    /// Reserves the next bound of the clock. Before all clocks are known, no request is
    /// made and no bound is needed.
    fn reserve(&mut self, first: usize, effects: &mut Vec<Effect>) {
        let Some(bound) = self.reserved.as_mut().filter(|_| self.unsynced.is_empty()) else {
            return;
        };
        let mut now = self.clock.now();
        if self.failover.is_some() {
            now = rules::reserve_early(&self.config, now);
        }
        let before = *bound;
        rules::reserve(&self.config, bound, now, first, effects);
        if *bound > before {
            self.tell_bound();
        }
    }

    fn resume(
        &mut self,
        lock: &LockName,
        token: Token,
        mode: Mode,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        if *self.state(lock) != State::Free {
            return Err(Rejected::NotFree);
        }
        let mode = rules::resumed_mode(&self.config, mode);
        rules::resume_clock(&self.config, &mut self.clock, token)?;
        self.ran_before = true;
        self.with_lock(lock, effects, |lock, _| {
            lock.resume(token, mode);
            Ok(())
        })
    }

    fn acquire(
        &mut self,
        lock: &LockName,
        asked: (Mode, bool),
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        if *self.state(lock) != State::Free || self.is_awaiting_sync(lock) {
            return Err(Rejected::NotFree);
        }
        if self.has_duplicate_id && self.peers.is_empty() {
            // There is no peer whose reply could be waited for.
            return Err(Rejected::DuplicateId);
        }
        if self.may_request() {
            return self.request(lock, asked, effects);
        }
        self.awaiting_sync.insert(lock.clone(), asked);
        self.send_hellos(self.unsynced.clone(), 0, effects);
        Ok(())
    }

    fn request(
        &mut self,
        lock: &LockName,
        (mode, is_try): (Mode, bool),
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        self.last_request_clock = Some(self.clock.tick()?);
        self.with_lock(lock, effects, |lock, cx| {
            lock.acquire(cx, mode, is_try);
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
            Timer::Enter { lock } => self.with_lock(lock, effects, |lock, cx| lock.enter_late(cx)),
            Timer::View => Err(Rejected::StaleTimer),
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
            let memory = self.memory.remove(name).unwrap_or_default();
            RicartAgrawala::remembered(memory)
        });
        let (view, gate) = (self.view_number(), self.gate());
        let done = act(
            &mut lock,
            &mut Context {
                config: &self.config,
                clock: &mut self.clock,
                peers: &self.view_peers,
                peer_clocks: &self.peer_clocks,
                is_syncing: !self.unsynced.is_empty(),
                has_duplicate_id: self.has_duplicate_id,
                view,
                gate,
                lock: name,
                effects,
            },
        );
        if name.is_nameless() || !lock.is_idle() {
            self.locks.insert(name.clone(), lock);
        } else {
            let memory = lock.into_memory();
            if !memory.is_empty() {
                if self.memory.len() >= MAX_KEPT_LOCKS {
                    self.memory.clear();
                }
                self.memory.insert(name.clone(), memory);
            }
        }
        done
    }
}

#[cfg(test)]
pub(crate) mod tests;
