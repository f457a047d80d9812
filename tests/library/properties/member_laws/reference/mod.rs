//! A second implementation of the rules, independent of the algorithm's: it works
//! out from the events and the effects what the member may do.

mod messages;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use turno::internals::mutex::{
    Body, Config, Durability, Effect, Incarnation, LockName, Message, Mode, NodeId, Origin,
    RequestId, State, Timer, Token, Tokens,
};
use turno::internals::mutex::{MAX_CLOCK, MAX_JUMP};
use turno::internals::protocol::{Event, Member};

/// The state of a lock that the member wants.
#[derive(Clone, Debug, PartialEq)]
enum Own {
    Waits {
        request: u64,
        mode: Mode,
        replied: BTreeSet<NodeId>,
    },
    Holds(Mode),
}

pub struct Reference {
    config: Config,
    peers: BTreeSet<NodeId>,
    own: BTreeMap<LockName, Own>,
    /// The permissions that it keeps: a shared one until it replies to an exclusive request
    /// of the peer; an exclusive one until it replies to any, a shared request makes a
    /// shared one of it.
    kept: BTreeMap<LockName, BTreeMap<NodeId, Mode>>,
    /// The modes in which each request arrived. A peer that breaks the rules sends one
    /// request in both.
    modes: BTreeMap<(NodeId, LockName, RequestId), BTreeSet<Mode>>,
    /// The peers whose permission it has given away while it waits, until it asks
    /// them again.
    to_ask_again: BTreeSet<(LockName, NodeId)>,
    /// The highest clock received from each peer.
    heard: BTreeMap<NodeId, u64>,
    /// The locks that were acquired here. No other can be held.
    wanted: BTreeMap<LockName, Mode>,
    /// The clock of the latest request.
    latest: u64,
    token: Option<Token>,
    entries: u32,
    /// The upper bound of the clock on disk.
    reserved: u64,
    /// The clock, as far as the effects of an event show it.
    now: u64,
    /// The members whose clock it must receive before it may ask or permit.
    unsynced: BTreeSet<NodeId>,
    /// All requests that arrived, with the addresses their replies go to.
    received: BTreeSet<(NodeId, LockName, RequestId, Option<SocketAddr>)>,
    /// All permissions that were given.
    permitted: BTreeSet<(NodeId, LockName, u64, RequestId)>,
    /// What was heard when each lock was left last.
    heard_on_leaving: BTreeMap<LockName, BTreeMap<NodeId, u64>>,
    /// All tries that were refused.
    refused: BTreeSet<(NodeId, LockName, RequestId)>,
    /// All requests that arrived as no try, as those of the original are. A peer that
    /// breaks the rules sends one request as both.
    asked_to_wait: BTreeSet<(NodeId, LockName, RequestId)>,
    timers: Vec<Timer>,
}

impl Reference {
    pub fn new(config: Config) -> Self {
        let ids = (1..=config.members).map(NodeId);
        let peers: BTreeSet<NodeId> = ids.filter(|id| *id != config.id).collect();
        let mut unsynced = match config.durability {
            Durability::Durable { synced: true, .. } => BTreeSet::new(),
            _ => peers.clone(),
        };
        if config.must_hear_itself {
            unsynced.insert(config.id);
        }
        Reference {
            config,
            peers,
            own: BTreeMap::new(),
            kept: BTreeMap::new(),
            to_ask_again: BTreeSet::new(),
            heard: BTreeMap::new(),
            wanted: BTreeMap::new(),
            modes: BTreeMap::new(),
            latest: 0,
            token: None,
            entries: 0,
            reserved: match config.durability {
                Durability::Forgetful => u64::MAX,
                Durability::Durable { below, .. } => below,
            },
            now: 0,
            unsynced,
            received: BTreeSet::new(),
            permitted: BTreeSet::new(),
            heard_on_leaving: BTreeMap::new(),
            refused: BTreeSet::new(),
            asked_to_wait: BTreeSet::new(),
            timers: Vec::new(),
        }
    }

    /// All timers that were set so far.
    pub fn timers(&self) -> &[Timer] {
        &self.timers
    }

    pub fn entries(&self) -> u32 {
        self.entries
    }

    /// How many locks were acquired here.
    pub fn own_locks(&self) -> usize {
        self.wanted.len()
    }

    /// Checks the effects of an event that was accepted.
    pub fn check(&mut self, event: &Event, before: &Member, effects: &[Effect], after: &Member) {
        match event {
            Event::Acquire(lock) | Event::Try(lock) => self.want(lock, Mode::Exclusive),
            Event::AcquireShared(lock) | Event::TryShared(lock) => self.want(lock, Mode::Shared),
            Event::Cancel(lock) => {
                let own = self.own.remove(lock);
                assert!(
                    !matches!(own, Some(Own::Holds(_))),
                    "a held lock is released, not cancelled"
                );
            }
            Event::Received { message, reply_to } => {
                self.receive(message, *reply_to, before);
                let clock = message.body.clock();
                if clock <= after.clock() {
                    let heard = self.heard.entry(message.from).or_default();
                    *heard = clock.max(*heard);
                }
            }
            _ => {}
        }
        // The event that brings the last clock also does all that was put off:
        // replies, and requests, for each of which the clock ticks. All effects of
        // any other event have one clock.
        let may_tick = matches!(event, Event::Received { message, .. }
            if matches!(message.body, Body::Welcome { .. }) || message.from == self.config.id);
        let own_event = matches!(event, Event::Delegate { .. });
        self.now = if may_tick || own_event { before } else { after }.clock();
        let asked_now = asked(effects);
        for (index, effect) in effects.iter().enumerate() {
            let what = || format!("{event:?}: {effect:?}");
            match effect {
                Effect::Reserve { below } => {
                    assert_eq!(index, 0, "{}: persisted before all else", what());
                    assert!(*below > after.clock(), "{}: not ahead", what());
                    self.reserved = *below;
                }
                Effect::Send {
                    to,
                    reply_to,
                    message,
                    ..
                } => {
                    if let Body::Request {
                        lock,
                        clock,
                        is_try,
                        mode,
                    } = &message.body
                    {
                        self.request(lock, *clock, *is_try, &asked_now);
                        assert_eq!(self.wanted.get(lock), Some(mode), "{}", what());
                    }
                    self.send(*to, *reply_to, message, (event, before), after);
                }
                Effect::Enter { lock, token, mode } => {
                    assert!(
                        !before.has_duplicate_id() || self.peers.is_empty(),
                        "{}",
                        what()
                    );
                    self.enter(lock, *token, after);
                    assert_eq!(self.own.get(lock), Some(&Own::Holds(*mode)), "{}", what());
                }
                Effect::Delegated { lock, tokens } => {
                    let Event::Delegate { lock: of, entries } = event else {
                        panic!("no delegation was wanted: {}", what());
                    };
                    assert_eq!(lock, of);
                    self.delegate(lock, *entries, *tokens, after);
                }
                Effect::Leave { lock, clock } => {
                    assert!(
                        [Event::Release(lock.clone()), Event::Return(lock.clone())].contains(event)
                    );
                    let own = self.own.remove(lock);
                    let Some(Own::Holds(mode)) = own else {
                        panic!("{}: {own:?}", what());
                    };
                    if let Event::Release(lock) = event
                        && mode == Mode::Exclusive
                    {
                        let heard = self.heard.clone();
                        self.heard_on_leaving.insert(lock.clone(), heard);
                    }
                    assert_eq!(*clock, after.clock());
                }
                Effect::Contended { lock } => {
                    let is_refused = !self.refused.is_empty();
                    let is_deferred = !after.reply_queue(lock).is_empty();
                    assert!(is_deferred || is_refused, "{}", what());
                }
                Effect::Refused { lock, first } => {
                    let is_peer = |by: &NodeId| self.peers.contains(by);
                    assert!(first.is_some_and(|(by, _)| is_peer(&by)), "{}", what());
                    let own = self.own.remove(lock);
                    assert!(matches!(own, Some(Own::Waits { .. })), "{}", what());
                }
                Effect::SetTimer { timer, .. } => self.timers.push(timer.clone()),
                Effect::Promise { .. } | Effect::Forget | Effect::Join | Effect::Lost { .. } => {
                    panic!("{}: without failover", what())
                }
            }
        }
        if let Event::Release(lock) | Event::Return(lock) | Event::Cancel(lock) = event
            && self.unsynced.is_empty()
        {
            // Tries that wait for a holder to leave are refused.
            let refuses = matches!(event, Event::Release(_));
            let queued = before.reply_queue(lock).iter();
            let queued = queued
                .filter(|deferred| !(refuses && deferred.is_try))
                .count();
            assert_eq!(
                after.reply_queue(lock),
                [],
                "{event:?}: no peer has to wait"
            );
            assert_eq!(permissions(effects), queued, "{event:?}: each is permitted");
        }
        assert!(
            self.to_ask_again.is_empty(),
            "a permission that was given away is asked for again"
        );
    }

    fn want(&mut self, lock: &LockName, mode: Mode) {
        assert!(!self.own.contains_key(lock), "it acquires once at a time");
        self.wanted.insert(lock.clone(), mode);
    }

    /// A reply has the replier's clock at the moment of sending (rule 4).
    fn advance(&mut self, clock: u64, after: &Member) {
        assert!(
            (self.now..=after.clock()).contains(&clock),
            "it is not the present clock"
        );
        self.now = clock;
    }

    fn enter(&mut self, lock: &LockName, token: Token, after: &Member) {
        let Some(mode) = self.wanted.get(lock).copied() else {
            panic!("{lock} is not wanted");
        };
        let replied = match self.own.insert(lock.clone(), Own::Holds(mode)) {
            Some(Own::Waits { replied, .. }) => replied,
            Some(Own::Holds(_)) => panic!("it enters {lock} twice"),
            None => {
                self.check_peers_follow(token.get());
                serving(self.kept.entry(lock.clone()).or_default(), mode)
            }
        };
        assert_eq!(replied, self.peers, "not all have replied");
        self.advance(token.get(), after);
        assert!(token.get() < self.reserved, "{token} is not on disk");
        assert!(Some(token) > self.token, "tokens rise");
        self.token = Some(token);
        self.entries += 1;
    }

    /// Entries without requests leave no peer so far behind that it would not believe
    /// the clock, or could not tell it to a member that has lost it.
    fn check_peers_follow(&self, clock: u64) {
        let max = self.config.ahead.min(MAX_JUMP) / 2;
        for peer in &self.peers {
            let heard = self.heard.get(peer).copied().unwrap_or(0);
            assert!(clock.saturating_sub(heard) <= max, "{peer} is left behind");
        }
    }

    /// A member delegates tokens only while it holds the lock.
    fn delegate(&mut self, lock: &LockName, entries: u64, tokens: Tokens, after: &Member) {
        assert!(
            matches!(self.own.get(lock), Some(Own::Holds(_))),
            "it does not hold {lock}"
        );
        let (first, last) = (tokens.first(), tokens.last());
        self.check_peers_follow(last.get());
        assert_eq!(last.get() - first.get(), entries - 1, "as many as wanted");
        self.advance(last.get(), after);
        assert!(last.get() < self.reserved, "{last} is not on disk");
        assert!(Some(first) > self.token, "tokens rise");
        self.token = Some(last);
    }

    /// Compares the state of the member with that of this reference.
    pub fn compare(&self, member: &Member) {
        for (lock, of_member) in member.locks() {
            match (self.own.get(lock), of_member.state()) {
                (None, State::Free) => {}
                (Some(Own::Holds(mode)), State::Held { mode: of, .. }) => assert_eq!(mode, of),
                (
                    Some(Own::Waits {
                        request,
                        mode,
                        replied,
                    }),
                    State::Wait {
                        request: of,
                        missing,
                        mode: of_member,
                        ..
                    },
                ) => {
                    assert_eq!((*request, mode), (of.clock, of_member));
                    assert_eq!(*missing, &self.peers - replied);
                }
                (own, state) => panic!("{lock}: {own:?}, but the member has {state:?}"),
            }
        }
        for (lock, kept) in &self.kept {
            let of_member = member.kept(lock);
            let with = |mode: Mode| kept.iter().filter(move |(_, of)| **of == mode);
            let peers = |mode: Mode| with(mode).map(|(peer, _)| *peer).collect::<BTreeSet<_>>();
            assert_eq!(
                *of_member.exclusive(),
                peers(Mode::Exclusive),
                "{lock}: kept"
            );
            assert_eq!(
                *of_member.shared(),
                peers(Mode::Shared),
                "{lock}: kept, shared"
            );
        }
        for lock in self.own.keys() {
            assert_ne!(*member.state(lock), State::Free, "{lock}");
        }
        assert_eq!(*member.unsynced(), self.unsynced);
    }
}

/// Returns the peers whose permission serves an entry in this mode.
fn serving(kept: &BTreeMap<NodeId, Mode>, mode: Mode) -> BTreeSet<NodeId> {
    let serves = |of: &Mode| *of == Mode::Exclusive || mode == Mode::Shared;
    let kept = kept.iter().filter(|(_, of)| serves(of));
    kept.map(|(peer, _)| *peer).collect()
}

/// Returns the requests of one event: the lock, the clock and the peer.
fn asked(effects: &[Effect]) -> BTreeSet<(LockName, u64, NodeId)> {
    let asked = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, message, .. } => match &message.body {
            Body::Request { lock, clock, .. } => Some((lock.clone(), *clock, *to)),
            _ => None,
        },
        _ => None,
    });
    asked.collect()
}

/// Returns how many permissions these effects send.
fn permissions(effects: &[Effect]) -> usize {
    let is_permission = |effect: &&Effect| {
        matches!(effect, Effect::Send { message, .. }
            if matches!(message.body, Body::Reply { .. }))
    };
    effects.iter().filter(is_permission).count()
}
