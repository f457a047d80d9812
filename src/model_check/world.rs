//! A group in all its possible states, and every step out of each.
//!
//! What was sent once stays under way for ever: it may arrive at any time, any
//! number of times, in any order, or never. So a set of messages stands for a
//! network that loses, repeats and reorders.

use std::sync::Arc;

use super::tables::{Act, MemberNumber, MessageNumber, Step, Tables};
use crate::mutex::planted::Planted;
use crate::mutex::{Body, Config, Event, Incarnation, LockName, Member, Memory, NodeId, Token};

/// The most members of a group that is searched.
pub(super) const MOST: usize = 4;

/// What the members of a group may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) members: u16,
    /// How often each may ask.
    pub(crate) entries: u8,
    /// So many members, the last ones, ask only once.
    pub(crate) asking_once: u16,
    /// How often somebody may crash, and be started anew.
    pub(crate) crashes: u8,
    /// How often somebody may give up.
    pub(crate) cancels: u8,
    /// How often somebody may have tokens lent, and how many.
    pub(crate) lends: u8,
    pub(crate) lent: u64,
    /// So many members, the first ones, keep no permissions.
    pub(crate) asking_everybody: u16,
    /// Whether what is done in the section outlives a crash of its node. It then
    /// goes on until it ends by itself, and if the node is started anew meanwhile,
    /// that takes the entry up.
    pub(crate) outlives: bool,
    /// Whether clocks survive on disk; else they are heard from the peers.
    pub(crate) is_durable: bool,
    /// How far ahead of the clock they write.
    pub(crate) ahead: u64,
    /// Whether messages stay under way that can never mean anything any more.
    pub(crate) keeps_the_dead: bool,
    pub(crate) planted: Option<Planted>,
}

/// A state of the whole group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct World {
    /// None: crashed.
    members: [Option<MemberNumber>; MOST],
    /// What is under way, in order of its numbers.
    pub(super) network: Vec<MessageNumber>,
    asked: [u8; MOST],
    lives: [u8; MOST],
    /// What each has written down.
    below: [u64; MOST],
    crashes_left: u8,
    cancels_left: u8,
    lends_left: u8,
    last_token: u64,
    /// What is going on in the section, whatever its member says.
    section: Option<Entry>,
    /// What of [`seen`] the step showed that led here. No part of the state.
    pub(super) shown: u16,
}

/// A stay in the section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    place: usize,
    token: u64,
    /// In which life of its node it began.
    life: u8,
}

/// One step of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Acquire(usize),
    Release(usize),
    Cancel(usize),
    Lend(usize),
    Deliver(MessageNumber),
    Crash(usize),
    /// What outlived the crash of its node ends.
    End(usize),
    Restart(usize),
}

/// One step out of a state; with a number, whoever takes it crashes when it has
/// done so many of the things that it asks for.
pub(super) type Way = (Action, Option<usize>);

/// What happens to a member while all goes well.
#[derive(Clone, Debug)]
pub(super) enum Healing {
    Restarted(usize),
    Met(usize, Event),
    Delivered(MessageNumber),
}

/// What must never be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    TwoHolders,
    TokenDidNotRise,
    /// The clock of whoever is inside is less than its token.
    ClockBehindToken,
    /// Somebody asks and does not enter, though the network loses nothing any
    /// more and nobody crashes.
    NeverEnters,
}

/// What must have been seen, so that the search cannot pass by doing nothing.
pub(super) mod seen {
    pub(in super::super) const ALL_ENTERED: u16 = 1;
    pub(in super::super) const ENTERED_AFTER_RESTART: u16 = 2;
    pub(in super::super) const DEFERRED: u16 = 4;
    pub(in super::super) const CRASHED_WHILE_HELD: u16 = 8;
    pub(in super::super) const ALL_ASK_AT_ONCE: u16 = 16;
    /// An entry that took no message, in a group of several.
    pub(in super::super) const ENTERED_UNASKED: u16 = 32;
    /// A request that went to some of the others, and not to all.
    pub(in super::super) const ASKED_SOME: u16 = 64;
    /// A permission that was given away in WAIT, and asked for again.
    pub(in super::super) const ASKED_AGAIN: u16 = 128;
    /// An entry of an earlier run goes on, and another one waits for its end.
    pub(in super::super) const DEFERRED_BY_EARLIER_RUN: u16 = 256;
    /// An entry outlived its node, and ended before that was started anew.
    pub(in super::super) const ENDED_WHILE_DOWN: u16 = 512;
}

impl Setting {
    /// All have been started and have greeted each other. `delivered` is told what
    /// arrives meanwhile.
    pub(super) fn start(
        &self,
        tables: &mut Tables,
        mut delivered: impl FnMut(MessageNumber),
    ) -> World {
        let mut world = World {
            members: [None; MOST],
            network: Vec::new(),
            asked: [0; MOST],
            lives: [0; MOST],
            below: [1; MOST],
            crashes_left: self.crashes,
            cancels_left: self.cancels,
            lends_left: self.lends,
            last_token: 0,
            section: None,
            shown: 0,
        };
        for place in 0..usize::from(self.members) {
            self.begin(tables, &mut world, place, usize::MAX);
        }
        // Before anybody asks.
        while let Some(message) = world.network.pop() {
            delivered(message);
            let place = usize::from(tables.sent(message).to.0) - 1;
            let member = world.members[place].expect("all have been started");
            if let Some(step) = tables.deliver(member, message) {
                world.members[place] = Some(step.after);
                let outcome = world.perform(place, &step, usize::MAX);
                assert_eq!(outcome, Ok(()), "nobody enters by greeting");
            }
        }
        world
    }

    /// What a member is told when it is started for the so manieth time.
    pub(super) fn config(&self, place: usize, lives: u8, below: u64) -> Config {
        let id = NodeId(u16::try_from(place + 1).expect("groups are small"));
        let incarnation = Incarnation(u64::from(id.0) * 100 + u64::from(lives));
        let heard = true;
        Config {
            memory: if self.is_durable {
                Memory::Durable { below, heard }
            } else {
                Memory::Forgetful
            },
            ahead: if self.crashes > 0 {
                self.ahead
            } else {
                u64::MAX / 4
            },
            keeps_permissions: id.0 > self.asking_everybody,
            planted: self.planted,
            ..Config::new(id, self.members, incarnation)
        }
    }

    /// Starts a member, which takes up what has outlived its earlier run, and
    /// performs so many of its first effects.
    fn begin(&self, tables: &mut Tables, world: &mut World, place: usize, effects: usize) {
        world.lives[place] += 1;
        let config = self.config(place, world.lives[place], world.below[place]);
        let mut member = tables.add_member(Member::new(config));
        let mut effects_left = effects;
        for event in beginning(world.outlived_by(place)) {
            if let Some(step) = tables.handle(member, event) {
                member = step.after;
                let outcome = world.perform(place, &step, effects_left);
                assert_eq!(outcome, Ok(()), "nobody enters by starting");
                effects_left = effects_left.saturating_sub(step.acts.len());
            }
        }
        world.members[place] = Some(member);
    }

    /// All steps that can be taken from here. Some lead back here.
    pub(super) fn actions(&self, tables: &Tables, world: &World, actions: &mut Vec<Action>) {
        actions.clear();
        for place in 0..usize::from(self.members) {
            let Some(member) = world.members[place] else {
                actions.push(Action::Restart(place));
                if world.outlived_by(place).is_some() {
                    actions.push(Action::End(place));
                }
                continue;
            };
            let known = tables.member(member);
            if known.is_held {
                actions.push(Action::Release(place));
                if world.lends_left > 0 {
                    actions.push(Action::Lend(place));
                }
            }
            if known.is_free && world.asked[place] < self.entries_of(place) {
                actions.push(Action::Acquire(place));
            }
            if known.is_waiting && world.cancels_left > 0 {
                actions.push(Action::Cancel(place));
            }
            if self.may_crash(tables, world) {
                actions.push(Action::Crash(place));
            }
        }
        actions.extend(world.network.iter().copied().map(Action::Deliver));
    }

    pub(super) fn entries_of(&self, place: usize) -> u8 {
        let often = usize::from(self.members - self.asking_once);
        if place < often { self.entries } else { 1 }
    }

    /// Whether somebody may crash now. Where clocks are not on disk, not while
    /// another one is down or has not heard all: then the last that knows could
    /// go.
    fn may_crash(&self, tables: &Tables, world: &World) -> bool {
        let mut members = world.members[..usize::from(self.members)].iter();
        let mut all_know = || {
            members.all(|member| {
                member.is_some_and(|member| tables.member(member).member.unheard().is_empty())
            })
        };
        world.crashes_left > 0 && (self.is_durable || all_know())
    }

    /// Takes a step; none if it leads back to where it began. With `crash_after`
    /// whoever takes it crashes when it has done so many of the things that it
    /// asks for.
    pub(super) fn step(
        &self,
        tables: &mut Tables,
        world: &World,
        action: Action,
        crash_after: Option<usize>,
    ) -> Option<Result<World, Violation>> {
        let mut step = self.step_with_the_dead(tables, world, action, crash_after);
        if let Some(Ok(next)) = &mut step {
            if next.is_behind_token(tables) {
                return Some(Err(Violation::ClockBehindToken));
            }
            if !self.keeps_the_dead {
                next.bury_the_dead(self, tables);
            }
        }
        step
    }

    fn step_with_the_dead(
        &self,
        tables: &mut Tables,
        world: &World,
        action: Action,
        crash_after: Option<usize>,
    ) -> Option<Result<World, Violation>> {
        let mut next = world.clone();
        let lock = LockName::default;
        let (place, step) = match action {
            Action::Acquire(place) => {
                next.asked[place] += 1;
                let member = world.members[place]?;
                (place, tables.handle(member, Event::Acquire(lock()))?)
            }
            Action::Release(place) => {
                next.end(place);
                let member = world.members[place]?;
                (place, tables.handle(member, Event::Release(lock()))?)
            }
            Action::Cancel(place) => {
                next.cancels_left -= 1;
                let member = world.members[place]?;
                (place, tables.handle(member, Event::Cancel(lock()))?)
            }
            Action::Lend(place) => {
                next.lends_left -= 1;
                let member = world.members[place]?;
                let (lock, entries) = (lock(), self.lent);
                (place, tables.handle(member, Event::Lend { lock, entries })?)
            }
            Action::Deliver(message) => {
                let place = usize::from(tables.sent(message).to.0) - 1;
                let member = world.members[place]?;
                (place, tables.deliver(member, message)?)
            }
            Action::Crash(place) => {
                next.crash(self, place);
                return Some(Ok(next));
            }
            Action::End(place) => {
                next.end(place);
                next.shown = seen::ENDED_WHILE_DOWN;
                return Some(Ok(next));
            }
            Action::Restart(_) if crash_after.is_some() && !self.may_crash(tables, world) => {
                return None;
            }
            Action::Restart(place) => {
                self.begin(tables, &mut next, place, crash_after.unwrap_or(usize::MAX));
                if crash_after.is_some() {
                    next.crash(self, place);
                }
                return Some(Ok(next));
            }
        };
        let effects = match crash_after {
            Some(effects) if effects >= step.acts.len() || !self.may_crash(tables, world) => {
                return None;
            }
            Some(effects) => effects,
            None => usize::MAX,
        };
        next.members[place] = Some(step.after);
        next.shown = self.shown(tables, action, &step);
        if let Err(violation) = next.perform(place, &step, effects) {
            return Some(Err(violation));
        }
        if crash_after.is_some() {
            next.crash(self, place);
        }
        Some(Ok(next))
    }

    /// What of [`seen`] a step shows.
    fn shown(&self, tables: &Tables, action: Action, step: &Step) -> u16 {
        let is_request = |act: &&Act| match act {
            Act::Send(message) => {
                matches!(tables.sent(*message).message.body, Body::Request { .. })
            }
            _ => false,
        };
        let requests = step.acts.iter().filter(is_request).count();
        let enters = step.acts.iter().any(|act| matches!(act, Act::Enter(_)));
        let peers = usize::from(self.members) - 1;
        match action {
            Action::Acquire(_) if enters && peers > 0 => seen::ENTERED_UNASKED,
            Action::Acquire(_) if (1..peers).contains(&requests) => seen::ASKED_SOME,
            Action::Deliver(message) if requests > 0 => match tables.sent(message).message.body {
                Body::Request { .. } => seen::ASKED_AGAIN,
                _ => 0,
            },
            _ => 0,
        }
    }

    /// Whether everybody who asks enters, if from now on nothing is lost, nobody
    /// crashes, and all that was under way is. `happens` is told what happens.
    pub(super) fn heals(
        &self,
        tables: &mut Tables,
        world: &World,
        mut happens: impl FnMut(Healing),
    ) -> Result<(), Violation> {
        let mut world = world.clone();
        world.network.clear();
        let members = usize::from(self.members);
        for place in 0..members {
            if world.members[place].is_none() {
                happens(Healing::Restarted(place));
                self.begin(tables, &mut world, place, usize::MAX);
            }
        }
        for _ in 0..4 * members + 4 {
            let is_quiet = world.members[..members].iter().flatten().all(|member| {
                let known = tables.member(*member);
                known.is_free
            });
            if is_quiet {
                return Ok(());
            }
            for place in 0..members {
                for event in world.due(tables, place) {
                    let Some(member) = world.members[place] else {
                        continue;
                    };
                    happens(Healing::Met(place, event.clone()));
                    if matches!(event, Event::Release(_)) {
                        world.end(place);
                    }
                    if let Some(step) = tables.handle(member, event) {
                        world.members[place] = Some(step.after);
                        world.perform(place, &step, usize::MAX)?;
                    }
                }
            }
            while let Some(message) = world.network.pop() {
                happens(Healing::Delivered(message));
                let place = usize::from(tables.sent(message).to.0) - 1;
                let member = world.members[place].expect("all have been started");
                if let Some(step) = tables.deliver(member, message) {
                    world.members[place] = Some(step.after);
                    world.perform(place, &step, usize::MAX)?;
                }
            }
        }
        Err(Violation::NeverEnters)
    }
}

/// A step, in words.
pub(super) fn told(tables: &Tables, (action, crash_after): Way) -> String {
    let id = |place: usize| place + 1;
    let mut told = match action {
        Action::Acquire(place) => format!("{} asks", id(place)),
        Action::Release(place) => format!("{} leaves", id(place)),
        Action::Cancel(place) => format!("{} gives up", id(place)),
        Action::Lend(place) => format!("{} has tokens lent", id(place)),
        Action::Crash(place) => format!("{} crashes", id(place)),
        Action::End(place) => format!("what outlived the crash of {} ends", id(place)),
        Action::Restart(place) => format!("{} is started anew", id(place)),
        Action::Deliver(message) => {
            let sent = tables.sent(message);
            format!("{} arrives at {}", sent.message, sent.to)
        }
    };
    if let Some(effects) = crash_after {
        told.push_str(&format!(", which crashes after {effects} effects of that"));
    }
    told
}

/// What a member is told first, if this has outlived its earlier run.
pub(super) fn beginning(outlived: Option<Token>) -> impl Iterator<Item = Event> {
    let resume = outlived.map(|token| Event::Resume {
        lock: LockName::default(),
        token,
    });
    resume.into_iter().chain([Event::Start])
}

impl World {
    fn crash(&mut self, setting: &Setting, place: usize) {
        self.members[place] = None;
        self.crashes_left = self.crashes_left.saturating_sub(1);
        if !setting.outlives {
            self.end(place);
        }
    }

    /// What is done in the section at this place is over.
    fn end(&mut self, place: usize) {
        self.section.take_if(|entry| entry.place == place);
    }

    /// The token of what goes on at this place, though its node has crashed.
    pub(super) fn outlived_by(&self, place: usize) -> Option<Token> {
        let entry = self.section.filter(|entry| entry.place == place)?;
        self.members[place]
            .is_none()
            .then(|| Token::of(entry.token))
    }

    /// Whether whoever is inside has a clock that has not got to the token.
    fn is_behind_token(&self, tables: &Tables) -> bool {
        self.section.is_some_and(|entry| {
            let member = self.members[entry.place];
            member.is_some_and(|member| tables.member(member).member.clock() < entry.token)
        })
    }

    /// What comes of time passing at a member.
    fn due(&self, tables: &Tables, place: usize) -> Vec<Event> {
        use crate::mutex::{State, Timer};
        let Some(number) = self.members[place] else {
            return Vec::new();
        };
        let member = &tables.member(number).member;
        let lock = LockName::default();
        let mut due = Vec::new();
        match member.state(&lock) {
            State::Held { .. } => due.push(Event::Release(lock)),
            State::Wait { request, .. } => due.push(Event::Expired(Timer::Resend {
                lock,
                request: request.clock,
                sent: 1,
            })),
            State::Free => {}
        }
        if !member.unheard().is_empty() {
            due.push(Event::Expired(Timer::Greet { sent: 1 }));
        }
        due
    }

    /// Does the first so many things that a step asks for.
    fn perform(&mut self, place: usize, step: &Arc<Step>, effects: usize) -> Result<(), Violation> {
        for act in step.acts.iter().take(effects) {
            match *act {
                Act::Send(message) => self.send(message),
                Act::Reserve(below) => self.below[place] = below,
                Act::Leave => {}
                // Nobody can be inside who was not when this one entered.
                Act::Lend(first, last) => {
                    if first <= self.last_token {
                        return Err(Violation::TokenDidNotRise);
                    }
                    self.last_token = last;
                }
                Act::Enter(token) => {
                    if self.section.is_some() {
                        return Err(Violation::TwoHolders);
                    }
                    if token <= self.last_token {
                        return Err(Violation::TokenDidNotRise);
                    }
                    self.last_token = token;
                    let life = self.lives[place];
                    self.section = Some(Entry { place, token, life });
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, message: MessageNumber) {
        if let Err(at) = self.network.binary_search(&message) {
            self.network.insert(at, message);
        }
    }

    /// Whether a message under way can never mean anything any more.
    pub(super) fn is_dead(&self, tables: &Tables, message: MessageNumber) -> bool {
        let place = usize::from(tables.sent(message).to.0) - 1;
        tables.is_dead(message, self.members[place], self.crashes_left > 0)
    }

    /// Leaves out what cannot matter any more.
    pub(super) fn bury_the_dead(&mut self, setting: &Setting, tables: &mut Tables) {
        self.forget_what_is_done(tables);
        let mut network = std::mem::take(&mut self.network);
        network.retain(|message| !self.is_dead(tables, *message));
        self.network = network;
        // What is written down stays where it is.
        if setting.crashes == 0 {
            self.shift(tables);
        }
    }

    /// Only how clocks compare matters, not where they stand.
    fn shift(&mut self, tables: &mut Tables) {
        let members = self.members.iter().flatten();
        let of_members = members.map(|member| tables.member(*member).least_clock);
        let of_messages = self.network.iter().map(|m| tables.least_clock(*m));
        let of_token = (self.last_token > 0).then_some(self.last_token);
        let least = of_members.chain(of_messages).chain(of_token).min();
        let by = least.unwrap_or(1) - 1;
        if by == 0 {
            return;
        }
        for member in self.members.iter_mut().flatten() {
            *member = tables.shift(*member, by);
        }
        for message in &mut self.network {
            *message = tables.shift_message(*message, by);
        }
        self.network.sort_unstable();
        self.last_token = self.last_token.saturating_sub(by);
        if let Some(entry) = &mut self.section {
            entry.token = entry.token.saturating_sub(by);
        }
    }

    /// A peer that does not wait for a member any more with the latest request
    /// that this one saw of it, and cannot come to do so again by giving away what
    /// it has kept: no copy of that request can do anything, nor an older one, and
    /// newer ones have larger clocks. And a token that all clocks have reached cannot
    /// be reached again.
    fn forget_what_is_done(&mut self, tables: &mut Tables) {
        if self
            .members
            .iter()
            .flatten()
            .all(|member| tables.member(*member).member.clock() >= self.last_token)
            && self.crashes_left == 0
            && (0..MOST).all(|place| self.outlived_by(place).is_none())
        {
            self.last_token = 0;
        }
        // Whoever crashes takes an old request for a new one.
        if self.crashes_left > 0 {
            return;
        }
        for at in 0..MOST {
            for from in 0..MOST {
                let (Some(member), Some(peer)) = (self.members[at], self.members[from]) else {
                    continue;
                };
                let id = |place: usize| NodeId(place as u16 + 1);
                let Some(seen) = tables.latest_of(member, id(from)) else {
                    continue;
                };
                if tables.waits_for(peer, id(at)) == Some(seen) {
                    continue;
                }
                let is_from = |message: &MessageNumber| {
                    let sent = tables.sent(*message);
                    sent.to == id(at)
                        && sent.message.from == id(from)
                        && matches!(sent.message.body, Body::Request { .. })
                };
                let is_old = |message: &MessageNumber| {
                    is_from(message) && tables.sent(*message).message.body.clock() <= seen
                };
                if self.lives[from] > 1 {
                    continue;
                }
                self.network.retain(|message| !is_old(message));
                self.members[at] = Some(tables.without_request_of(member, id(from)));
            }
        }
    }

    /// The same for the same state, in whichever tables: of its content.
    pub(super) fn fingerprint(&self, tables: &Tables) -> u64 {
        let mut sum: u64 = 0;
        for (place, member) in self.members.iter().enumerate() {
            let hash = member.map_or(1, |member| tables.member(member).hash);
            let rest = u64::from(self.asked[place]) << 8 | u64::from(self.lives[place]);
            sum = mixed(sum ^ hash).wrapping_add(mixed(rest ^ self.below[place] << 16));
        }
        // A set: in whatever order.
        let network = self.network.iter();
        let network = network.fold(0_u64, |sum, message| {
            sum.wrapping_add(mixed(tables.message_hash(*message)))
        });
        let counts = u64::from(self.lends_left) << 16
            | u64::from(self.crashes_left) << 8
            | u64::from(self.cancels_left);
        mixed(mixed(sum ^ network) ^ mixed(counts ^ self.last_token << 24) ^ self.section_hash())
    }

    fn section_hash(&self) -> u64 {
        self.section.map_or(0, |entry| {
            mixed(entry.token << 16 | u64::from(entry.life) << 8 | entry.place as u64)
        })
    }

    /// Of the members, but not of what they remember of each other's requests.
    pub(super) fn outline(&self, tables: &mut Tables) -> u64 {
        let mut sum: u64 = 0;
        for (place, member) in self.members.iter().enumerate() {
            let hash = member.map_or(1, |mut member| {
                for peer in (1..=MOST).map(|place| NodeId(place as u16)) {
                    member = tables.without_request_of(member, peer);
                }
                tables.member(member).hash
            });
            let rest = u64::from(self.asked[place]) << 8 | u64::from(self.lives[place]);
            sum = mixed(sum ^ hash).wrapping_add(mixed(rest ^ self.below[place] << 16));
        }
        sum ^ self.section_hash()
    }

    /// Of the members and of what they do inside: what heals does not depend on
    /// anything else.
    pub(super) fn members_fingerprint(&self, tables: &Tables) -> u64 {
        let mut sum: u64 = 0;
        for (place, member) in self.members.iter().enumerate() {
            let hash = member.map_or(1, |member| tables.member(member).hash);
            let rest = u64::from(self.lives[place]) ^ self.below[place] << 16;
            sum = mixed(sum ^ hash).wrapping_add(mixed(rest));
        }
        mixed(sum ^ mixed(self.last_token) ^ self.section_hash())
    }

    /// What of [`seen`] is to be seen here.
    pub(super) fn shows(&self, setting: &Setting, tables: &Tables) -> u16 {
        let members = &self.members[..usize::from(setting.members)];
        let known = || {
            members
                .iter()
                .flatten()
                .map(|member| tables.member(*member))
        };
        let lock = LockName::default();
        let mut shows = 0;
        let is_done =
            (0..members.len()).all(|place| self.asked[place] == setting.entries_of(place));
        if is_done && members.iter().all(Option::is_some) && known().all(|known| known.is_free) {
            shows |= seen::ALL_ENTERED;
        }
        let is_second_life = |place: usize| self.lives[place] > 1;
        for (place, member) in members.iter().enumerate() {
            let is_held = member.is_some_and(|member| tables.member(member).is_held);
            if is_held && is_second_life(place) {
                shows |= seen::ENTERED_AFTER_RESTART;
            }
            if is_held && self.crashes_left > 0 {
                shows |= seen::CRASHED_WHILE_HELD;
            }
            let is_of_earlier_run =
                |entry: Entry| entry.place == place && is_held && entry.life < self.lives[place];
            if self.section.is_some_and(is_of_earlier_run)
                && member.is_some_and(|member| {
                    !tables.member(member).member.reply_queue(&lock).is_empty()
                })
            {
                shows |= seen::DEFERRED_BY_EARLIER_RUN;
            }
        }
        if known().any(|known| !known.member.reply_queue(&lock).is_empty()) {
            shows |= seen::DEFERRED;
        }
        if known().count() == members.len() && known().all(|known| known.is_waiting) {
            shows |= seen::ALL_ASK_AT_ONCE;
        }
        shows
    }

    /// The member at a place, if it is up.
    pub(super) fn member(&self, place: usize) -> Option<MemberNumber> {
        self.members[place]
    }

    /// What the member at a place has written down.
    pub(super) fn below(&self, place: usize) -> u64 {
        self.below[place]
    }

    /// The same state in other tables.
    pub(super) fn moved(&self, from: &Tables, to: &mut Tables) -> World {
        let mut moved = self.clone();
        for member in moved.members.iter_mut().flatten() {
            *member = to.add_member(Member::clone(&from.member(*member).member));
        }
        for message in &mut moved.network {
            *message = to.add_message((**from.sent(*message)).clone());
        }
        moved.network.sort_unstable();
        moved
    }
}

/// Stirs the bits (the finalizer of MurmurHash3).
fn mixed(mut bits: u64) -> u64 {
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits ^= bits >> 33;
    bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ bits >> 33
}
