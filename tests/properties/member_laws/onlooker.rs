//! The algorithm once more, as an onlooker sees it who knows the rules and
//! nothing of how they are kept: from the events and the effects it works out
//! what the member may do.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use turno::internals::mutex::{
    Body, Config, Durability, Effect, Incarnation, LockName, Message, NodeId, Origin, RequestId,
    State, Timer, Token, Tokens,
};
use turno::internals::mutex::{MAX_CLOCK, MAX_JUMP};
use turno::internals::protocol::{Event, Member};

/// What the member does about a lock; nothing if it is none of these.
#[derive(Clone, Debug, PartialEq)]
enum Own {
    Asks {
        request: u64,
        replied: BTreeSet<NodeId>,
    },
    Holds,
}

pub struct Onlooker {
    config: Config,
    peers: BTreeSet<NodeId>,
    own: BTreeMap<LockName, Own>,
    /// Whose permission it holds until it replies to them.
    kept: BTreeMap<LockName, BTreeSet<NodeId>>,
    /// Whose permission it has given away while it waits, and not asked for again
    /// yet.
    to_ask_again: BTreeSet<(LockName, NodeId)>,
    /// How far each peer was heard to have got.
    heard: BTreeMap<NodeId, u64>,
    /// What was asked for here: more than that cannot be held.
    wanted: BTreeSet<LockName>,
    /// The clock of the latest request.
    latest: u64,
    token: Option<Token>,
    entries: u32,
    /// What is on disk.
    reserved: u64,
    /// The clock, as far as the effects of an event tell it.
    now: u64,
    /// Whose clock it must hear before it may ask or permit.
    unsynced: BTreeSet<NodeId>,
    /// All requests that arrived, and where their replies go; all permissions
    /// that were given.
    asked: BTreeSet<(NodeId, LockName, RequestId, Option<SocketAddr>)>,
    permitted: BTreeSet<(NodeId, LockName, u64, RequestId)>,
    timers: Vec<Timer>,
}

impl Onlooker {
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
        Onlooker {
            config,
            peers,
            own: BTreeMap::new(),
            kept: BTreeMap::new(),
            to_ask_again: BTreeSet::new(),
            heard: BTreeMap::new(),
            wanted: BTreeSet::new(),
            latest: 0,
            token: None,
            entries: 0,
            reserved: match config.durability {
                Durability::Forgetful => u64::MAX,
                Durability::Durable { below, .. } => below,
            },
            now: 0,
            unsynced,
            asked: BTreeSet::new(),
            permitted: BTreeSet::new(),
            timers: Vec::new(),
        }
    }

    /// All timers that were ever set.
    pub fn timers(&self) -> &[Timer] {
        &self.timers
    }

    pub fn entries(&self) -> u32 {
        self.entries
    }

    /// How many locks were wanted here.
    pub fn own_locks(&self) -> usize {
        self.wanted.len()
    }

    /// Sees an event that was taken, and what came of it.
    pub fn look(&mut self, event: &Event, before: &Member, effects: &[Effect], after: &Member) {
        match event {
            Event::Acquire(lock) => {
                assert!(!self.own.contains_key(lock), "it asks once at a time");
                self.wanted.insert(lock.clone());
            }
            Event::Cancel(lock) => {
                let own = self.own.remove(lock);
                assert_ne!(own, Some(Own::Holds), "the section is left, not given up");
            }
            Event::Received { message, reply_to } => {
                self.hear(message, *reply_to, before);
                let clock = message.body.clock();
                if clock <= after.clock() {
                    let heard = self.heard.entry(message.from).or_default();
                    *heard = clock.max(*heard);
                }
            }
            _ => {}
        }
        // When the last clock is heard, all that was put off is done in one
        // event: replies, and requests, for each of which the clock ticks. In any
        // other event there is one clock to tell.
        let may_tick = matches!(event, Event::Received { message, .. }
            if matches!(message.body, Body::Welcome { .. }) || message.from == self.config.id);
        let own_event = matches!(event, Event::Delegate { .. });
        self.now = if may_tick || own_event { before } else { after }.clock();
        let asked_now = asked(effects);
        for (place, effect) in effects.iter().enumerate() {
            let what = || format!("{event:?}: {effect:?}");
            match effect {
                Effect::Reserve { below } => {
                    assert_eq!(place, 0, "{}: written down first of all", what());
                    assert!(*below > after.clock(), "{}: not ahead", what());
                    self.reserved = *below;
                }
                Effect::Send {
                    to,
                    reply_to,
                    message,
                    ..
                } => {
                    if let Body::Request { lock, clock } = &message.body {
                        self.makes_request(lock, *clock, &asked_now);
                    }
                    self.sends(*to, *reply_to, message, after);
                }
                Effect::Enter { lock, token } => {
                    assert!(
                        !before.has_duplicate_id() || self.peers.is_empty(),
                        "{}",
                        what()
                    );
                    self.enters(lock, *token, after);
                }
                Effect::Delegated { lock, tokens } => {
                    let Event::Delegate { lock: of, entries } = event else {
                        panic!("nobody wanted tokens: {}", what());
                    };
                    assert_eq!(lock, of);
                    self.lends(lock, *entries, *tokens, after);
                }
                Effect::Leave { lock, clock } => {
                    assert_eq!(*event, Event::Release(lock.clone()));
                    assert_eq!(self.own.remove(lock), Some(Own::Holds), "{}", what());
                    assert_eq!(*clock, after.clock());
                }
                Effect::Contended { lock } => {
                    assert!(!after.reply_queue(lock).is_empty(), "{}", what());
                }
                Effect::SetTimer { timer, .. } => self.timers.push(timer.clone()),
            }
        }
        if let Event::Release(lock) | Event::Cancel(lock) = event
            && self.unsynced.is_empty()
        {
            let queued = before.reply_queue(lock).len();
            assert_eq!(after.reply_queue(lock), [], "{event:?}: nobody has to wait");
            assert_eq!(permissions(effects), queued, "{event:?}: each is let in");
        }
        assert!(
            self.to_ask_again.is_empty(),
            "what was given away is asked for"
        );
    }

    /// Of what was taken: what it means.
    fn hear(&mut self, message: &Message, reply_to: Option<SocketAddr>, before: &Member) {
        let (from, clock) = (message.from, message.body.clock());
        if from == self.config.id {
            // Ourselves, or somebody who claims to be us.
            if message.origin == Origin::Turno(self.config.incarnation) {
                self.unsynced.remove(&from);
            }
            return;
        }
        assert!(self.peers.contains(&from), "only members are heard");
        if let Body::Welcome { to, .. } = message.body {
            assert_eq!(to, self.config.incarnation, "it is to an earlier run");
            self.unsynced.remove(&from);
            return;
        }
        if clock.saturating_sub(before.clock()) > MAX_JUMP {
            // Not believed, but asked for.
            return;
        }
        match &message.body {
            Body::Request { lock, clock } => {
                let echo = RequestId {
                    clock: *clock,
                    // A seed peer has none.
                    incarnation: match message.origin {
                        Origin::Turno(incarnation) => incarnation,
                        Origin::Seed => Incarnation(0),
                    },
                };
                self.asked.insert((from, lock.clone(), echo, reply_to));
            }
            Body::Reply { lock, echo, .. } => {
                let replied = self.asked_by(from, lock, *echo);
                replied.insert(from);
                if self.config.keeps_permissions && message.origin != Origin::Seed {
                    self.kept.entry(lock.clone()).or_default().insert(from);
                }
                assert!(clock > echo.clock, "the replier has gone past the request");
                assert!(!before.has_duplicate_id(), "somebody else may use it");
            }
            Body::Superseded { lock, echo, .. } => {
                self.asked_by(from, lock, *echo);
                self.own.remove(lock);
            }
            Body::Hello | Body::Welcome { .. } => {}
        }
    }

    /// An answer is taken if it is to the current request (rule 2), and once from
    /// each peer (rule 3). Who has answered it before.
    fn asked_by(
        &mut self,
        from: NodeId,
        lock: &LockName,
        echo: RequestId,
    ) -> &mut BTreeSet<NodeId> {
        let Some(Own::Asks { request, replied }) = self.own.get_mut(lock) else {
            panic!("nothing was asked, and the answer of {from} was taken");
        };
        let (clock, incarnation) = (*request, self.config.incarnation);
        assert_eq!(
            echo,
            RequestId { clock, incarnation },
            "{from} answers another"
        );
        assert!(!replied.contains(&from), "{from} has answered already");
        replied
    }

    fn sends(
        &mut self,
        to: NodeId,
        reply_to: Option<SocketAddr>,
        message: &Message,
        after: &Member,
    ) {
        let origin = Origin::Turno(self.config.incarnation);
        assert_eq!((message.from, message.origin), (self.config.id, origin));
        let clock = message.body.clock();
        assert!(clock <= MAX_CLOCK, "nobody can read {message}");
        let is_greeting = matches!(message.body, Body::Hello | Body::Welcome { .. });
        assert!(self.peers.contains(&to) || is_greeting && to == self.config.id);
        // A member that has not heard all clocks will hear them when it is started
        // anew, and what it says until then lets nobody in.
        let is_syncing = !self.unsynced.is_empty();
        let is_weighty = matches!(message.body, Body::Request { .. } | Body::Reply { .. });
        assert!(!(is_syncing && is_weighty), "{message} too early");
        assert!(
            is_syncing || clock < self.reserved,
            "{message} is not on disk"
        );
        match &message.body {
            Body::Request { lock, clock } => self.asks(to, lock, *clock),
            Body::Reply { lock, echo, .. } | Body::Superseded { lock, echo, .. } => {
                let asked = (to, lock.clone(), *echo, reply_to);
                assert!(
                    self.asked.contains(&asked),
                    "{to} did not ask so: {message}"
                );
                if let Body::Reply { .. } = message.body {
                    self.permits(to, lock, clock, *echo, after);
                }
            }
            Body::Hello | Body::Welcome { .. } => {}
        }
    }

    /// Anew, with a new clock (rule 1). It may forget permissions, and ask for
    /// them; whom it does not ask must have given it before.
    fn makes_request(
        &mut self,
        lock: &LockName,
        clock: u64,
        asked_now: &BTreeSet<(LockName, u64, NodeId)>,
    ) {
        if self.own.contains_key(lock) {
            return;
        }
        assert!(self.wanted.contains(lock), "nobody wants {lock}");
        assert!(clock > self.latest, "with a new clock");
        self.latest = clock;
        let kept = self.kept.entry(lock.clone()).or_default();
        kept.retain(|peer| !asked_now.contains(&(lock.clone(), clock, *peer)));
        let (request, replied) = (clock, kept.clone());
        self.own
            .insert(lock.clone(), Own::Asks { request, replied });
    }

    /// To whom it waits for, with the same clock.
    fn asks(&mut self, to: NodeId, lock: &LockName, clock: u64) {
        let Some(Own::Asks { request, replied }) = self.own.get(lock) else {
            panic!("it holds {lock} and asks for it");
        };
        assert_eq!(*request, clock, "with the same clock");
        assert!(!replied.contains(&to), "{to} has replied");
        self.to_ask_again.remove(&(lock.clone(), to));
    }

    /// Nobody but whose request is older, unless it was permitted before.
    fn permits(
        &mut self,
        to: NodeId,
        lock: &LockName,
        clock: u64,
        echo: RequestId,
        after: &Member,
    ) {
        let permission = (to, lock.clone(), clock, echo);
        if self.permitted.contains(&permission) {
            return;
        }
        let kept = self.kept.entry(lock.clone()).or_default();
        let gives_away = kept.remove(&to);
        match self.own.get_mut(lock) {
            Some(Own::Holds) => panic!("it holds {lock} and lets {to} in"),
            Some(Own::Asks { request, replied }) => {
                assert!(
                    (echo.clock, to) < (*request, self.config.id),
                    "it asked for {lock} before {to}"
                );
                if gives_away {
                    replied.remove(&to);
                    self.to_ask_again.insert((lock.clone(), to));
                }
            }
            None => {}
        }
        self.is_of_this_moment(clock, after);
        assert!(clock > echo.clock, "past the request's");
        self.permitted.insert(permission);
    }

    /// "The replier's clock at the moment of sending" (rule 4).
    fn is_of_this_moment(&mut self, clock: u64, after: &Member) {
        assert!(
            (self.now..=after.clock()).contains(&clock),
            "the clock of this moment"
        );
        self.now = clock;
    }

    fn enters(&mut self, lock: &LockName, token: Token, after: &Member) {
        let replied = match self.own.insert(lock.clone(), Own::Holds) {
            Some(Own::Asks { replied, .. }) => replied,
            Some(Own::Holds) => panic!("it enters {lock} twice"),
            None => {
                self.has_been_heard(token.get());
                self.kept.get(lock).cloned().unwrap_or_default()
            }
        };
        assert!(self.wanted.contains(lock), "nobody wants {lock}");
        assert_eq!(replied, self.peers, "not all have replied");
        self.is_of_this_moment(token.get(), after);
        assert!(token.get() < self.reserved, "{token} is not on disk");
        assert!(Some(token) > self.token, "tokens rise");
        self.token = Some(token);
        self.entries += 1;
    }

    /// Of what it does without asking: no peer is so far behind that it would be a
    /// stranger to it, or could not tell a clock that was forgotten.
    fn has_been_heard(&self, clock: u64) {
        let most = self.config.ahead.min(MAX_JUMP) / 2;
        for peer in &self.peers {
            let heard = self.heard.get(peer).copied().unwrap_or(0);
            assert!(clock.saturating_sub(heard) <= most, "{peer} is left behind");
        }
    }

    /// Tokens, while it holds the lock.
    fn lends(&mut self, lock: &LockName, entries: u64, tokens: Tokens, after: &Member) {
        assert_eq!(
            self.own.get(lock),
            Some(&Own::Holds),
            "{lock} is not in its hands"
        );
        let (first, last) = (tokens.first(), tokens.last());
        self.has_been_heard(last.get());
        assert_eq!(last.get() - first.get(), entries - 1, "as many as wanted");
        self.is_of_this_moment(last.get(), after);
        assert!(last.get() < self.reserved, "{last} is not on disk");
        assert!(Some(first) > self.token, "tokens rise");
        self.token = Some(last);
    }

    /// The member says of itself what the onlooker has worked out.
    pub fn agrees_with(&self, member: &Member) {
        for (lock, of_member) in member.locks() {
            match (self.own.get(lock), of_member.state()) {
                (None, State::Free) | (Some(Own::Holds), State::Held { .. }) => {}
                (
                    Some(Own::Asks { request, replied }),
                    State::Wait {
                        request: of,
                        missing,
                    },
                ) => {
                    assert_eq!(*request, of.clock);
                    assert_eq!(*missing, &self.peers - replied);
                }
                (own, state) => panic!("{lock}: {own:?}, and it says {state:?}"),
            }
        }
        for (lock, kept) in &self.kept {
            assert_eq!(member.kept(lock), kept, "{lock}: whose permission is kept");
        }
        for lock in self.own.keys() {
            assert_ne!(*member.state(lock), State::Free, "{lock}");
        }
        assert_eq!(*member.unsynced(), self.unsynced);
    }
}

/// Who is asked in one event, for which lock and with which clock.
fn asked(effects: &[Effect]) -> BTreeSet<(LockName, u64, NodeId)> {
    let asked = effects.iter().filter_map(|effect| match effect {
        Effect::Send { to, message, .. } => match &message.body {
            Body::Request { lock, clock } => Some((lock.clone(), *clock, *to)),
            _ => None,
        },
        _ => None,
    });
    asked.collect()
}

/// How many are let in.
fn permissions(effects: &[Effect]) -> usize {
    let is_permission = |effect: &&Effect| {
        matches!(effect, Effect::Send { message, .. }
            if matches!(message.body, Body::Reply { .. }))
    };
    effects.iter().filter(is_permission).count()
}
