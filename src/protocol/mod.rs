//! One member of a group: its clock, what it knows of its peers, and all its
//! locks.
//!
//! A member whose node was started anew must not go on with a clock that is
//! behind what it said before: it could win over a request that it has forgotten
//! to have answered, and the token of the next entry could be that of an entry
//! that it has forgotten. Two things make sure of that ([`Durability`]). Its clock
//! survives on disk; or it hears the clock of every peer ([`Body::Hello`],
//! [`Body::Welcome`]) before its first request and its first reply, and skips as
//! many clocks as it may have been ahead of them.

mod accessors;
mod clock_sync;
mod event;
#[cfg(test)]
mod model_hooks;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::net::SocketAddr;

use crate::mutex::planted::planted;
use crate::mutex::{
    Body, ClockError, Config, Context, Deferred, Durability, Effect, Incarnation, LamportClock,
    LockName, Message, NodeId, Origin, Rejected, RicartAgrawala, State, Timer, Timestamp, Token,
};

pub use event::Event;

/// How often a peer is asked for its clock because somebody said that it is far
/// ahead: it may not have been the peer.
const MAX_SUSPECT_ROUNDS: u32 = 8;

/// How many locks are kept in mind of which we know only that somebody asks for
/// them, and answer nobody because not all clocks were heard. For any more it is
/// as if the request was lost: it will be sent again.
const MOST_LOCKS_OF_OTHERS: usize = 1024;

/// How many locks that nobody wants are kept in mind for their permissions. With
/// one more all are forgotten, which is always safe, and costs each lock that is
/// used again what its first entry cost.
const MOST_KEPT: usize = 4096;

/// One member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Member {
    config: Config,
    clock: LamportClock,
    /// The clock is, and was in every earlier run, below this.
    reserved: Option<u64>,
    peers: BTreeSet<NodeId>,
    /// Whose clock must be heard before the first request.
    unsynced: BTreeSet<NodeId>,
    /// Whose clock was said to be further ahead than can be believed: they are
    /// asked themselves.
    suspect_clocks: BTreeSet<NodeId>,
    /// Somebody has heard an earlier run of ours.
    ran_before: bool,
    /// The run of each turno peer that was heard; none if several were.
    runs: BTreeMap<NodeId, Option<Incarnation>>,
    /// How far each peer's clock was heard to have got in this run.
    heard: BTreeMap<NodeId, u64>,
    /// It was started anew and went on without hearing the others, so it cannot
    /// know whether they had earlier runs.
    may_have_forgotten_runs: bool,
    /// What is wanted here, and waits for the clocks that are not heard.
    wanted: BTreeSet<LockName>,
    last_request_clock: Option<u64>,
    /// How often another node claimed to be this member lately, and whether that
    /// is still believed.
    claims: u64,
    is_claimed: bool,
    /// Those that somebody is known to want, and the seed's one.
    locks: BTreeMap<LockName, RicartAgrawala>,
    /// Of all others, whose permission was kept. Apart from the locks that are in
    /// use, so that many names that were used once slow nothing down.
    kept: BTreeMap<LockName, BTreeSet<NodeId>>,
}

impl Member {
    /// A member that has not begun to take part: hand in [`Event::Start`] first.
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
        let (clock, reserved, mut unsynced) = match config.durability {
            Durability::Forgetful => (LamportClock::default(), None, peers.clone()),
            Durability::Durable { below, heard, .. } => {
                let unsynced = if heard {
                    BTreeSet::new()
                } else {
                    peers.clone()
                };
                (LamportClock::at(below), Some(below), unsynced)
            }
        };
        if config.must_hear_itself {
            unsynced.insert(id);
        }
        let (clock, unsynced) = if planted!(config, ClockForgotten) {
            (LamportClock::default(), BTreeSet::new())
        } else {
            (clock, unsynced)
        };
        let is_started_anew = matches!(config.durability, Durability::Durable { below: 2.., .. });
        let kept = if planted!(config, KeptInACrash) && is_started_anew {
            peers.clone()
        } else {
            BTreeSet::new()
        };
        let lock = RicartAgrawala::with_permissions(kept);
        Member {
            config,
            clock,
            reserved,
            peers,
            unsynced,
            suspect_clocks: BTreeSet::new(),
            ran_before: false,
            runs: BTreeMap::new(),
            heard: BTreeMap::new(),
            may_have_forgotten_runs: matches!(
                config.durability,
                Durability::Durable {
                    below: 2..,
                    heard: true
                }
            ),
            wanted: BTreeSet::new(),
            last_request_clock: None,
            claims: 0,
            is_claimed: false,
            // The seed's one lock is always there.
            locks: BTreeMap::from([(LockName::default(), lock)]),
            kept: BTreeMap::new(),
        }
    }

    /// Takes one event and pushes what is to be done about it.
    ///
    /// # Errors
    /// [`Rejected`] says why nothing was done: on `Err` nothing has changed and
    /// no effect was pushed.
    pub fn handle(&mut self, event: &Event, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        let before = effects.len();
        match event {
            Event::Start => self.greet(&self.peers | &self.unsynced, 0, effects),
            Event::Resume { lock, token } => self.resume(lock, *token, effects)?,
            Event::Acquire(lock) => self.acquire(lock, effects)?,
            Event::Cancel(lock) if self.wanted.contains(lock) => {
                self.wanted.remove(lock);
            }
            Event::Cancel(lock) => self.with_lock(lock, effects, RicartAgrawala::cancel)?,
            Event::Release(lock) => self.with_lock(lock, effects, RicartAgrawala::release)?,
            Event::Delegate { lock, entries } => {
                self.with_lock(lock, effects, |lock, cx| lock.delegate(cx, *entries))?;
            }
            Event::Tick => {
                self.clock.tick()?;
            }
            Event::Received { message, reply_to } => self.receive(message, *reply_to, effects)?,
            Event::Expired(timer) => self.expired(timer, effects)?,
        }
        self.reserve(before, effects);
        Ok(())
    }

    /// Ahead of all that this event asked for, so that no request is made with a
    /// clock that could be forgotten. Before all are heard none is made.
    fn reserve(&mut self, before: usize, effects: &mut Vec<Effect>) {
        if let Durability::Durable { .. } = self.config.durability
            && self.reserved.is_none_or(|below| self.clock.now() >= below)
            && self.unsynced.is_empty()
        {
            let below = self.clock.now().saturating_add(self.config.ahead);
            let is_first = self.reserved.is_none_or(|below| below == 1);
            self.reserved = Some(below);
            if planted!(self.config, NeverReserved) && !is_first {
                return;
            }
            if planted!(self.config, ReservedLate) {
                return effects.push(Effect::Reserve { below });
            }
            effects.insert(before, Effect::Reserve { below });
        }
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
        // The clock was there once, and may have been further.
        if !planted!(self.config, ResumedBehind) {
            self.clock.catch_up(token.get())?;
        }
        self.ran_before = true;
        self.with_lock(lock, effects, |lock, _| {
            lock.resume(token);
            Ok(())
        })
    }

    fn acquire(&mut self, lock: &LockName, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        let is_free = *self.state(lock) == State::Free;
        if !is_free || self.wanted.contains(lock) {
            return Err(Rejected::NotFree);
        }
        if self.is_claimed && self.peers.is_empty() {
            // There is nobody whose reply could be waited for.
            return Err(Rejected::Claimed);
        }
        if self.unsynced.is_empty() {
            return self.request(lock, effects);
        }
        self.wanted.insert(lock.clone());
        self.greet(self.unsynced.clone(), 0, effects);
        Ok(())
    }

    fn request(&mut self, lock: &LockName, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        self.last_request_clock = Some(self.clock.tick()?);
        self.with_lock(lock, effects, |lock, cx| {
            lock.acquire(cx);
            Ok(())
        })
    }

    fn receive(
        &mut self,
        message: &Message,
        reply_to: Option<SocketAddr>,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Rejected> {
        let from = message.from;
        if from == self.config.id {
            return self.receive_from_own_id(message, reply_to, effects);
        }
        if !self.peers.contains(&from) {
            return Err(Rejected::NoMember(from));
        }
        if planted!(self.config, HeardFromAnything) {
            self.heard(from, effects);
        }
        let taken = match &message.body {
            Body::Request { lock, .. } if self.is_one_too_many(lock) => Err(Rejected::TooManyLocks),
            Body::Request { lock, clock } => {
                let asked = Deferred {
                    request: Timestamp {
                        clock: *clock,
                        id: from,
                    },
                    origin: message.origin,
                    reply_to,
                };
                let was_in_no_hurry = self.is_in_no_hurry();
                let taken =
                    self.with_lock(lock, effects, |lock, cx| lock.receive_request(cx, asked));
                if taken.is_ok() && !self.unsynced.is_empty() {
                    self.hurry(from, was_in_no_hurry, effects);
                }
                taken
            }
            Body::Reply { .. } if self.is_claimed => Err(Rejected::Claimed),
            Body::Reply { lock, clock, echo } => self.with_lock(lock, effects, |lock, cx| {
                lock.receive_reply(cx, from, message.origin, *clock, *echo)
            }),
            Body::Superseded { lock, clock, echo } => {
                let anew = self.with_lock(lock, effects, |lock, cx| {
                    lock.request_again(cx, from, *clock, *echo)
                });
                if anew.is_ok() {
                    self.last_request_clock = Some(self.clock());
                }
                anew
            }
            Body::Hello => {
                self.greeted_by(message, reply_to, effects);
                Ok(())
            }
            Body::Welcome { clock, to, again } => {
                if *to != self.config.incarnation {
                    return Err(Rejected::StaleWelcome);
                }
                // Otherwise it only says that the sender is there.
                if self.unsynced.contains(&from) || self.suspect_clocks.contains(&from) {
                    self.clock.catch_up(*clock)?;
                    self.ran_before |= again;
                    self.heard(from, effects);
                }
                Ok(())
            }
        };
        if taken.is_ok() {
            self.note_run(from, message.origin);
            self.note_clock(from, message.body.clock());
        }
        match taken {
            Err(Rejected::Clock(ClockError::TooFarAhead { .. }))
                if self.suspect_clocks.insert(from) =>
            {
                // Believed if it says so itself; what it wanted it will say
                // again.
                self.greet([from].into(), 1, effects);
                Ok(())
            }
            taken => taken,
        }
    }

    /// When all clocks were heard only those locks are in mind that are wanted
    /// here.
    fn is_one_too_many(&self, lock: &LockName) -> bool {
        !self.unsynced.is_empty()
            && self.locks.len() > MOST_LOCKS_OF_OTHERS
            && !self.locks.contains_key(lock)
    }

    fn note_run(&mut self, peer: NodeId, origin: Origin) {
        if let Origin::Turno(run) = origin {
            let known = self.runs.entry(peer).or_insert(Some(run));
            known.take_if(|known| *known != run);
        }
    }

    /// Only what our own clock has got past, and so was believed.
    fn note_clock(&mut self, peer: NodeId, clock: u64) {
        if clock <= self.clock.now() {
            let heard = self.heard.entry(peer).or_insert(clock);
            *heard = clock.max(*heard);
        }
    }

    fn expired(&mut self, timer: &Timer, effects: &mut Vec<Effect>) -> Result<(), Rejected> {
        match timer {
            Timer::Resend {
                lock,
                request,
                sent,
            } => self.with_lock(lock, effects, |lock, cx| lock.resend(cx, *request, *sent)),
            Timer::Greet { sent } => {
                if self.unsynced.is_empty() && self.suspect_clocks.is_empty() {
                    return Err(Rejected::StaleTimer);
                }
                if *sent > MAX_SUSPECT_ROUNDS {
                    self.suspect_clocks.clear();
                }
                self.greet(&self.unsynced | &self.suspect_clocks, *sent, effects);
                Ok(())
            }
            Timer::Unclaim { claim } if *claim == self.claims => {
                self.is_claimed = false;
                self.claims = 0;
                Ok(())
            }
            Timer::Unclaim { .. } => Err(Rejected::StaleTimer),
        }
    }

    /// Lets a lock do something. Of one that nobody is known to want nothing stays
    /// but the permissions that were kept, and of these not too many.
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
                heard: &self.heard,
                is_syncing: !self.unsynced.is_empty(),
                is_claimed: self.is_claimed,
                lock: name,
                effects,
            },
        );
        if name.is_nameless() || !lock.is_idle() {
            self.locks.insert(name.clone(), lock);
        } else if !lock.kept().is_empty() {
            if self.kept.len() >= MOST_KEPT {
                self.kept.clear();
            }
            self.kept.insert(name.clone(), lock.into_permissions());
        }
        done
    }
}

#[cfg(test)]
mod tests;
