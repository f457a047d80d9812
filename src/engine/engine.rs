//! The algorithm between its sources and what it asks for.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use mio::Registry;

use super::config::{Config, StartError};
use super::drops::Drops;
use super::envelope::{Envelope, Source};
use super::observer::{NodeEvent, Observer, Why};
use super::peer_stats::{AllPeerStats, PeerStats};
use super::state_file::StateFile;
use super::timers::Timers;
use super::udp::Udp;
use crate::group::Group;
use crate::mutex::{
    self, Body, Durability, Effect, Incarnation, LockName, NodeId, Rejected, State, Token, Tokens,
};
use crate::protocol::{Event, Member};
use crate::transport::{Outgoing, Socket, Transport, Unheard};
use crate::wire;

/// Who uses the critical sections that a node enters. What it is told of, it must
/// not wait for.
pub(crate) trait User {
    /// The section is ours.
    fn entered(&mut self, lock: &LockName, token: Token);

    /// The section is no longer ours, at this clock. Whatever is still to be said
    /// to the resource is said now: the next one is let in when this returns.
    fn left(&mut self, lock: &LockName, clock: u64);

    /// These are for further entries while the section is ours.
    fn delegated(&mut self, _lock: &LockName, _tokens: Tokens) {}

    /// A peer asks for this lock, and has to wait for us.
    fn contended(&mut self, _lock: &LockName) {}
}

/// One member of a group, running, in the hands of whoever waits for its sources.
pub(crate) struct Engine<O, U> {
    udp: Udp,
    timers: Timers,
    state: Option<StateFile>,
    transport: Transport,
    member: Member,
    drops: Drops,
    /// When each peer was heard last: anything that was not dropped, be it of use
    /// or not, as a reply that comes twice.
    heard: BTreeMap<NodeId, Instant>,
    peer_stats: AllPeerStats,
    has_key: bool,
    pub(crate) observer: O,
    pub(crate) user: U,
    /// The clock could not be written down.
    is_forgetting: bool,
}

/// How a node stands.
pub(crate) struct NodeView<'a> {
    /// Who belongs.
    pub(crate) group: &'a Group,
    /// The algorithm.
    pub(crate) member: &'a Member,
    /// When each peer was heard last.
    pub(crate) heard: &'a BTreeMap<NodeId, Instant>,
    /// What was seen of each.
    pub(crate) peer_stats: &'a BTreeMap<NodeId, PeerStats>,
    /// How many datagrams were dropped, by cause.
    pub(crate) drops: &'a BTreeMap<&'static str, u64>,
}

impl<O: Observer, U: User> Engine<O, U> {
    /// Binds the socket, to be waited for in the poll of this registry.
    ///
    /// # Errors
    /// [`StartError`] says what could not be had.
    pub(crate) fn bind(
        config: Config,
        registry: &Registry,
        observer: O,
        user: U,
    ) -> Result<Self, StartError> {
        let Config {
            group,
            keeps_permissions,
            pace,
            key,
            state,
        } = config;
        let udp = Udp::bind(group.listen, registry).map_err(|source| StartError::Bind {
            address: group.listen,
            source,
        })?;
        let incarnation = Incarnation(getrandom::u64().map_err(io::Error::from)?);
        let members = u16::try_from(group.members.len()).expect("ids are 16 bits wide");
        let member = Member::new(mutex::Config {
            memory: state
                .as_ref()
                .map_or(Durability::Forgetful, StateFile::memory),
            must_hear_itself: group.may_be_elsewhere(),
            keeps_permissions,
            pace,
            ..mutex::Config::new(group.id, members, incarnation)
        });
        log::info!("this is incarnation {incarnation} of member {}", group.id);
        Ok(Engine {
            udp,
            timers: Timers::default(),
            state,
            has_key: key.is_some(),
            transport: Transport::new(group, incarnation, key),
            member,
            drops: Drops::default(),
            heard: BTreeMap::new(),
            peer_stats: AllPeerStats::default(),
            observer,
            user,
            is_forgetting: false,
        })
    }

    /// Begins to take part, with these entries of an earlier run that go on. Comes
    /// first, and once.
    ///
    /// # Errors
    /// Those of [`Engine::handle`].
    pub(crate) fn begin(
        &mut self,
        section: Option<SocketAddr>,
        resumed: &[(LockName, Token)],
    ) -> io::Result<()> {
        self.observer.happened(&NodeEvent::Began {
            group: self.transport.group(),
            section,
            has_key: self.has_key,
        })?;
        for (lock, token) in resumed.iter().cloned() {
            let resumed = self.handle(&Event::Resume { lock, token })?;
            resumed.map_err(io::Error::other)?;
        }
        self.handle(&Event::Start).map(drop)
    }

    /// Whether the group has a key.
    pub(crate) fn has_key(&self) -> bool {
        self.has_key
    }

    /// The algorithm.
    pub(crate) fn member(&self) -> &Member {
        &self.member
    }

    /// The observer, the user, and what there is to tell them.
    pub(crate) fn split(&mut self) -> (&mut O, &mut U, NodeView<'_>) {
        let view = NodeView {
            group: self.transport.group(),
            member: &self.member,
            heard: &self.heard,
            peer_stats: self.peer_stats.by_peer(),
            drops: self.drops.by_cause(),
        };
        (&mut self.observer, &mut self.user, view)
    }

    /// The poll says that the source of this token can be read. Whether it is one
    /// of the engine's.
    pub(crate) fn ready(&mut self, token: mio::Token) -> bool {
        let is_ours = Udp::owns(token);
        if is_ours {
            self.udp.ready(token);
        }
        is_ours
    }

    /// Puts what has arrived and what has come due into the queue.
    pub(crate) fn drain<S>(&mut self, queue: &mut VecDeque<Envelope<S>>) {
        self.udp.drain(queue);
        self.timers.drain(queue);
    }

    /// Whether there is more to drain at once.
    pub(crate) fn has_more(&self) -> bool {
        self.udp.has_more()
    }

    /// When there is something to be done though nothing arrives.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let due = [
            self.timers.next_timeout(),
            self.drops.next_timeout(),
            self.observer.next_refresh(),
        ];
        due.into_iter().flatten().min()
    }

    /// Tells what is to be told though nothing arrived.
    pub(crate) fn report(&mut self) -> io::Result<()> {
        match self.drops.untold() {
            Some(untold) => self.observer.happened(&NodeEvent::DroppedMore(untold)),
            None => Ok(()),
        }
    }

    /// Tells what was dropped so far.
    pub(crate) fn tell_drops(&mut self) -> io::Result<()> {
        let drops = self.drops.by_cause();
        self.observer.happened(&NodeEvent::Drops(drops))
    }

    /// The queue is empty: closes what nothing waits for any more.
    pub(crate) fn tidy(&mut self) {
        let member = &self.member;
        if self.transport.retain(|clock| member.is_asking(clock)) {
            self.udp.retain(|clock| self.transport.is_open(clock));
        }
    }

    /// Interprets what arrived, and does it. What is its owner's is handed back.
    ///
    /// # Errors
    /// Those of [`Engine::handle`].
    pub(crate) fn open<S>(&mut self, envelope: Envelope<S>) -> io::Result<Option<(S, Vec<u8>)>> {
        match envelope.source {
            Source::Udp {
                socket,
                return_address,
            } => self.receive(&envelope.text, socket, return_address)?,
            Source::Timer(timer) => self.handle(&Event::Expired(timer)).map(drop)?,
            Source::User(word) => return Ok(Some((word, envelope.text))),
        }
        Ok(None)
    }

    fn receive(&mut self, bytes: &[u8], socket: Socket, source: SocketAddr) -> io::Result<()> {
        let incoming = match self.transport.open(bytes, source, socket) {
            Ok(incoming) => incoming,
            Err(unsynced) => return self.dropped(source, bytes, Why::Unheard(unsynced)),
        };
        let from = incoming.message.from;
        let event = Event::Received {
            message: incoming.message,
            reply_to: incoming.reply_to,
        };
        match self.ask(&event) {
            Err(rejected) if is_foul(rejected) => {
                self.dropped(source, bytes, Why::Rejected(rejected))
            }
            outcome => {
                if from != self.member.id() {
                    self.heard.insert(from, Instant::now());
                }
                self.say_and_perform(&event, outcome)?.ok();
                self.notice(&event);
                Ok(())
            }
        }
    }

    /// What a message means to others than the algorithm, which may have had no use
    /// for it.
    fn notice(&mut self, event: &Event) {
        let Event::Received { message, .. } = event else {
            return;
        };
        self.peer_stats.heard(message);
        if let Body::Request { lock, .. } = &message.body
            && !self.member.reply_queue(lock).is_empty()
        {
            self.user.contended(lock);
        }
    }

    fn dropped(&mut self, source: SocketAddr, bytes: &[u8], why: Why) -> io::Result<()> {
        // In a flood too, of which not all is told: there is one reason a peer.
        if let Some(from) = wire::sender(bytes).filter(|from| self.member.peers().contains(from)) {
            self.peer_stats.dropped(from, why);
        }
        if !self.drops.count(why.cause()) {
            return Ok(());
        }
        // As seldom as it is told of here, so that a flood is not answered.
        if let Why::Unheard(Unheard::OtherList {
            from,
            asks: Some(run),
        }) = why
        {
            let objection = self.transport.objection(from, run, source);
            self.send(objection)?;
        }
        self.observer.happened(&NodeEvent::Dropped {
            source,
            bytes,
            why,
            member: &self.member,
        })
    }

    /// Hands the event to the algorithm, says what comes of it, and does it: in
    /// this order, so that whoever reads what several nodes say reads of a
    /// datagram's sending before its arrival. What the algorithm will not have
    /// is handed back.
    ///
    /// # Errors
    /// Those of the state file and of the observer. They end the node; after
    /// those of the state file nothing may be said any more.
    pub(crate) fn handle(&mut self, event: &Event) -> io::Result<Result<(), Rejected>> {
        let outcome = self.ask(event);
        self.say_and_perform(event, outcome)
    }

    fn ask(&mut self, event: &Event) -> Result<Vec<Effect>, Rejected> {
        let mut effects = Vec::new();
        let outcome = self.member.handle(event, &mut effects);
        effects.retain(|effect| !self.transport.spares(effect));
        outcome.map(|()| effects)
    }

    fn say_and_perform(
        &mut self,
        event: &Event,
        outcome: Result<Vec<Effect>, Rejected>,
    ) -> io::Result<Result<(), Rejected>> {
        // Before anything is said or done: without it none of it is done.
        for effect in outcome.iter().flatten() {
            if let Effect::Reserve { below } = effect {
                self.reserve(*below)?;
            }
        }
        let said = self.observer.happened(&NodeEvent::Handled {
            event,
            outcome: outcome.as_deref().map_err(|rejected| *rejected),
            member: &self.member,
        });
        // What was asked for is done even if it cannot be said: others wait.
        let taken = match outcome {
            Ok(effects) => {
                for effect in effects {
                    self.perform(&effect)?;
                }
                Ok(())
            }
            Err(rejected) => Err(rejected),
        };
        said.map(|()| taken)
    }

    /// # Errors
    /// Those of the state file. What was asked for must not be done then.
    fn reserve(&mut self, below: u64) -> io::Result<()> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        state.reserve(below).map_err(|error| {
            self.is_forgetting = true;
            io::Error::other(format!("the clock could not be written down: {error}"))
        })
    }

    fn perform(&mut self, effect: &Effect) -> io::Result<()> {
        match effect {
            // Done already.
            Effect::Reserve { .. } => {}
            Effect::Send { .. } => {
                self.peer_stats.sends(effect);
                if let Some(outgoing) = self.transport.address(effect) {
                    return self.send(outgoing);
                }
            }
            Effect::Enter { lock, token } => {
                log::info!("entered the critical section, token {token}");
                self.timers.forget(lock);
                self.user.entered(lock, *token);
            }
            Effect::Delegated { lock, tokens } => self.user.delegated(lock, *tokens),
            Effect::Leave { lock, clock } => self.user.left(lock, *clock),
            Effect::SetTimer { timer, after } => self.timers.set(timer.clone(), *after),
        }
        Ok(())
    }

    fn send(&mut self, outgoing: Outgoing) -> io::Result<()> {
        let address = outgoing.address;
        match self.udp.send(outgoing) {
            Err(error) if self.drops.count("not sent") => {
                let error = &error;
                self.observer
                    .happened(&NodeEvent::NotSent { address, error })
            }
            _ => Ok(()),
        }
    }

    /// Leaves a lock in order: the section, or the queue before it.
    ///
    /// # Errors
    /// Those of [`Engine::handle`].
    pub(crate) fn leave(&mut self, lock: &LockName) -> io::Result<()> {
        match self.member.state(lock) {
            // With a clock that is not written down nothing may be said any more.
            _ if self.is_forgetting => Ok(()),
            State::Free => Ok(()),
            State::Wait { .. } => self.handle(&Event::Cancel(lock.clone())).map(drop),
            State::Held { .. } => self.handle(&Event::Release(lock.clone())).map(drop),
        }
    }
}

/// Whether nobody honest can have sent it.
fn is_foul(rejected: Rejected) -> bool {
    matches!(
        rejected,
        Rejected::NoMember(_) | Rejected::OwnId(_) | Rejected::Clock(_)
    )
}
