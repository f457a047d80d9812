//! A node: one loop, one queue, one owner.
//!
//! ```text
//! keyboard ─────────┐                                                        ┌─ UDP datagrams
//! UDP ──────────────┤                                                        ├─ critical section
//! critical section ─┼─ drain ─> Envelope ─ open ─> Event ─ handle ─> Effect ─┼─ timers
//! timers ───────────┤           one queue        pure algorithm    perform   ├─ state file
//! signals ──────────┘                                                        └─ observer
//! ```
//!
//! One thread waits in one poll for all of it and owns everything: there is
//! nothing to lock, and while nothing happens it sleeps.

mod config;
mod critical_section;
mod drops;
mod envelope;
mod keyboard;
pub(crate) mod memory;
mod observer;
mod timers;
mod udp;
mod waiting;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::mem::discriminant;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGUSR1, SIGWINCH};
use signal_hook_mio::v1_0::Signals;

use crate::mutex::{
    self, Effect, Event, Incarnation, LockName, Member, Memory, NodeId, Rejected, State, Timestamp,
};
use crate::system::retry_interrupted;
use crate::system::signals;
use crate::transport::{Outgoing, Socket, Transport, Unheard};
pub(crate) use config::bind_hint;
pub use config::{Config, StartError};
use critical_section::CriticalSection;
use drops::Drops;
use envelope::{Envelope, Source};
pub use keyboard::Input;
use keyboard::Keyboard;
use memory::StateFile;
pub use observer::{Happening, Observer, Status, Waiting, Why};
use timers::Timers;
use udp::Udp;
use waiting::Reports;

const KEYBOARD: Token = Token(0);
const SECTION: Token = Token(1);
const SIGNALS: Token = Token(2);

/// One member of a group, running.
pub struct Node<O> {
    poll: Poll,
    events: Events,
    queue: VecDeque<Envelope>,
    udp: Udp,
    keyboard: Keyboard,
    section: CriticalSection,
    timers: Timers,
    signals: Signals,
    state: Option<StateFile>,
    transport: Transport,
    member: Member,
    drops: Drops,
    reports: Reports,
    /// When each peer was heard last.
    heard: BTreeMap<NodeId, Instant>,
    has_key: bool,
    observer: O,
    /// The lock that the user takes part in: the seed's.
    lock: LockName,
    /// When its state became what it is.
    state_since: Instant,
    entries: u64,
    is_quitting: bool,
    /// The clock could not be written down.
    is_forgetting: bool,
}

/// What an envelope turned out to hold.
enum Opened {
    Event(Event),
    Quit,
    Suspend,
    Resume,
    Drops,
    NobodyAtSection,
    /// Nothing to do but to draw again.
    Nothing,
}

impl<O: Observer> Node<O> {
    /// Binds the sockets and waits for nothing yet.
    ///
    /// # Errors
    /// [`StartError`] says what could not be had.
    pub fn start(config: Config, observer: O) -> Result<Self, StartError> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        let Config {
            group,
            section,
            hold,
            key,
            state,
            ..
        } = config;
        let udp = Udp::bind(group.listen, registry).map_err(|source| StartError::Bind {
            address: group.listen,
            source,
        })?;
        let connected = CriticalSection::connect(section, key.clone(), hold, registry, SECTION);
        let section = connected.map_err(|source| StartError::Section {
            address: section,
            source,
        })?;
        // A terminal in raw mode must not be left so.
        let besides: &[i32] = match config.input {
            Input::Keys => &[SIGUSR1, SIGCONT, SIGTSTP, SIGWINCH],
            Input::Lines => &[SIGUSR1, SIGCONT],
        };
        let signals = signals::register(besides, registry, SIGNALS)?;
        let keyboard = Keyboard::open(config.input, group.id, registry, KEYBOARD)
            .map_err(StartError::Keyboard)?;
        let incarnation = Incarnation(getrandom::u64().map_err(io::Error::from)?);
        let members = u16::try_from(group.members.len()).expect("ids are 16 bits wide");
        let member = Member::new(mutex::Config {
            memory: state.as_ref().map_or(Memory::Forgetful, StateFile::memory),
            must_hear_itself: group.may_be_elsewhere(),
            pace: config.pace,
            ..mutex::Config::new(group.id, members, incarnation)
        });
        log::info!("this is incarnation {incarnation} of member {}", group.id);
        Ok(Node {
            poll,
            events: Events::with_capacity(64),
            queue: VecDeque::new(),
            udp,
            keyboard,
            section,
            timers: Timers::default(),
            signals,
            state,
            has_key: key.is_some(),
            transport: Transport::new(group, incarnation, key),
            member,
            drops: Drops::default(),
            reports: Reports::default(),
            heard: BTreeMap::new(),
            observer,
            lock: LockName::default(),
            state_since: Instant::now(),
            entries: 0,
            is_quitting: false,
            is_forgetting: false,
        })
    }

    /// Takes part until the user or a signal ends it: then it leaves the
    /// section, or gives its request up, answers everybody in the reply queue,
    /// and returns.
    ///
    /// # Errors
    /// Those of waiting, of the state file and of the observer. The group has
    /// been answered then too, unless it was the state file: to whoever waits it
    /// is as if this node had crashed, until it is started anew.
    pub fn run(mut self) -> io::Result<()> {
        let mut ended = self.begin();
        while !self.is_quitting && ended.is_ok() {
            ended = self.round();
        }
        // With a clock that is not written down nothing may be said any more.
        let ended = if self.is_forgetting {
            ended
        } else {
            ended.and(self.leave())
        };
        self.observer.part();
        ended
    }

    fn begin(&mut self) -> io::Result<()> {
        self.observer.happened(&Happening::Began {
            group: self.transport.group(),
            section: self.section.address(),
            has_key: self.has_key,
        })?;
        self.handle(&Event::Start)
    }

    fn round(&mut self) -> io::Result<()> {
        self.report()?;
        self.observer.refresh(&Status {
            group: self.transport.group(),
            member: &self.member,
            heard: &self.heard,
            section: self.section.address(),
            entry_ends: self.section.ends(),
            in_state: self.state_since.elapsed(),
            entries: self.entries,
            drops: self.drops.by_cause(),
        })?;
        self.wait()?;
        while let Some(envelope) = self.queue.pop_front() {
            self.open_and_do(&envelope)?;
        }
        let member = &self.member;
        if self.transport.retain(|clock| member.is_asking(clock)) {
            self.udp.retain(|clock| self.transport.is_open(clock));
        }
        Ok(())
    }

    /// Tells what is to be told though nothing arrived.
    fn report(&mut self) -> io::Result<()> {
        if let Some(untold) = self.drops.untold() {
            self.observer.happened(&Happening::DroppedMore(untold))?;
        }
        if let Some(waiting) = self.reports.due(&self.member, &self.lock, &self.heard) {
            log::info!("{waiting}");
            self.observer.happened(&Happening::StillWaiting(&waiting))?;
        }
        Ok(())
    }

    /// Sleeps until something arrives, and puts it all into the queue.
    fn wait(&mut self) -> io::Result<()> {
        let timeout = if self.udp.has_more() || self.keyboard.has_more() {
            Some(Duration::ZERO)
        } else {
            [
                self.timers.next_due(),
                self.section.ends(),
                self.drops.next_due(),
                self.reports.next_due(),
                self.observer.next_refresh(),
            ]
            .into_iter()
            .flatten()
            .min()
            .map(|due| due.saturating_duration_since(Instant::now()))
        };
        // Interrupted: a signal, and its source can be read now.
        retry_interrupted(|| self.poll.poll(&mut self.events, timeout))?;
        for event in &self.events {
            match event.token() {
                KEYBOARD => self.keyboard.ready(),
                SECTION => self.section.ready(),
                token if Udp::owns(token) => self.udp.ready(token),
                _ => {}
            }
        }
        self.keyboard.drain(&mut self.queue)?;
        self.udp.drain(&mut self.queue);
        self.section.drain(&mut self.queue);
        self.timers.drain(&mut self.queue);
        for signal in self.signals.pending() {
            self.queue
                .push_back(Envelope::empty(Source::Signal(signal)));
        }
        Ok(())
    }

    fn open_and_do(&mut self, envelope: &Envelope) -> io::Result<()> {
        match self.open(envelope) {
            Ok(Opened::Event(event)) => self.handle_from(&event, envelope),
            Ok(Opened::Quit) => {
                self.is_quitting = true;
                Ok(())
            }
            Ok(Opened::Suspend) => self.observer.suspend(),
            Ok(Opened::Resume) => {
                self.keyboard.ready();
                self.observer.resume()
            }
            Ok(Opened::Drops) => {
                let drops = self.drops.by_cause();
                self.observer.happened(&Happening::Drops(drops))
            }
            Ok(Opened::NobodyAtSection) => self.observer.happened(&Happening::NobodyAtSection {
                address: self.section.address(),
            }),
            Ok(Opened::Nothing) => Ok(()),
            Err((source, unheard)) => self.dropped(source, &envelope.text, Why::Unheard(unheard)),
        }
    }

    /// Interprets what arrived.
    fn open(&mut self, envelope: &Envelope) -> Result<Opened, (SocketAddr, Unheard)> {
        Ok(match &envelope.source {
            Source::Keyboard => self.open_line(&envelope.text),
            Source::Quit => Opened::Quit,
            Source::Suspend => Opened::Suspend,
            Source::Udp {
                socket,
                return_address,
            } => self
                .open_datagram(&envelope.text, *socket, *return_address)
                .map_err(|why| (*return_address, why))?,
            Source::EntryOver => Opened::Event(Event::Release(self.lock.clone())),
            Source::NobodyListens => Opened::NobodyAtSection,
            Source::Timer(timer) => Opened::Event(Event::Expired(timer.clone())),
            Source::Signal(SIGTSTP) => Opened::Suspend,
            Source::Signal(SIGCONT) => Opened::Resume,
            Source::Signal(SIGUSR1) => Opened::Drops,
            Source::Signal(SIGWINCH) => Opened::Nothing,
            Source::Signal(_) => Opened::Quit,
        })
    }

    /// What the seed's process understands of a line: `x` and its own id.
    fn open_line(&self, line: &[u8]) -> Opened {
        let own_id = self.member.id().to_string();
        match line.trim_ascii() {
            b"x" => Opened::Event(Event::Acquire(self.lock.clone())),
            line if line == own_id.as_bytes() => Opened::Event(Event::Tick),
            _ => Opened::Nothing,
        }
    }

    fn open_datagram(
        &mut self,
        bytes: &[u8],
        socket: Socket,
        return_address: SocketAddr,
    ) -> Result<Opened, Unheard> {
        let incoming = self.transport.open(bytes, return_address, socket)?;
        Ok(Opened::Event(Event::Received {
            message: incoming.message,
            reply_to: incoming.reply_to,
        }))
    }

    /// Like [`Node::handle`]; what the algorithm will have none of is a datagram
    /// dropped.
    fn handle_from(&mut self, event: &Event, envelope: &Envelope) -> io::Result<()> {
        let Event::Received { message, .. } = event else {
            return self.handle(event);
        };
        let from = message.from;
        let Source::Udp { return_address, .. } = envelope.source else {
            return self.handle(event);
        };
        match self.ask(event) {
            Err(rejected) if is_foul(rejected) => {
                self.dropped(return_address, &envelope.text, Why::Rejected(rejected))
            }
            outcome => {
                if from != self.member.id() {
                    self.heard.insert(from, Instant::now());
                }
                self.say_and_perform(event, outcome)
            }
        }
    }

    fn dropped(&mut self, source: SocketAddr, bytes: &[u8], why: Why) -> io::Result<()> {
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
        self.observer.happened(&Happening::Dropped {
            source,
            bytes,
            why,
            member: &self.member,
        })
    }

    /// Hands the event to the algorithm, says what comes of it, and does it: in
    /// this order, so that whoever reads what several nodes say reads of a
    /// datagram's sending before its arrival.
    fn handle(&mut self, event: &Event) -> io::Result<()> {
        let outcome = self.ask(event);
        self.say_and_perform(event, outcome)
    }

    fn ask(&mut self, event: &Event) -> Result<Vec<Effect>, Rejected> {
        let before = discriminant(self.member.state(&self.lock));
        let mut effects = Vec::new();
        let outcome = self.member.handle(event, &mut effects);
        effects.retain(|effect| !self.transport.spares(effect));
        if discriminant(self.member.state(&self.lock)) != before {
            self.state_since = Instant::now();
        }
        outcome.map(|()| effects)
    }

    fn say_and_perform(
        &mut self,
        event: &Event,
        outcome: Result<Vec<Effect>, Rejected>,
    ) -> io::Result<()> {
        // Before anything is said or done: without it none of it is done.
        for effect in outcome.iter().flatten() {
            if let Effect::Reserve { below } = effect {
                self.reserve(*below)?;
            }
        }
        let said = self.observer.happened(&Happening::Handled {
            event,
            outcome: outcome.as_deref().map_err(|rejected| *rejected),
            member: &self.member,
        });
        // What was asked for is done even if it cannot be said: others wait.
        for effect in outcome.unwrap_or_default() {
            self.perform(&effect)?;
        }
        said
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
                if let Some(outgoing) = self.transport.address(effect) {
                    return self.send(outgoing);
                }
            }
            Effect::Enter { token, .. } => {
                log::info!("entered the critical section, token {token}");
                self.entries += 1;
                self.section.enter(self.stamp(token.clock()));
            }
            Effect::Leave { clock, .. } => self.section.leave(self.stamp(*clock)),
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
                    .happened(&Happening::NotSent { address, error })
            }
            _ => Ok(()),
        }
    }

    /// Leaves the group in order.
    fn leave(&mut self) -> io::Result<()> {
        let lock = self.lock.clone();
        match self.member.state(&lock) {
            State::Free => Ok(()),
            State::Wait { .. } => self.handle(&Event::Cancel(lock)),
            State::Held { .. } => self.handle(&Event::Release(lock)),
        }
    }

    fn stamp(&self, clock: u64) -> Timestamp {
        let id = self.member.id();
        Timestamp { clock, id }
    }
}

/// Whether nobody honest can have sent it.
fn is_foul(rejected: Rejected) -> bool {
    matches!(
        rejected,
        Rejected::NoMember(_) | Rejected::OwnId(_) | Rejected::Clock(_)
    )
}

impl Why {
    /// The name under which it is counted.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            Why::Unheard(Unheard::Malformed(_)) => "malformed",
            Why::Unheard(Unheard::ForSection) => "for the critical section",
            Why::Unheard(Unheard::ForeignHost { .. }) => "from another host",
            Why::Unheard(Unheard::Unsigned) => "not signed",
            Why::Unheard(Unheard::Forged) => "signature wrong",
            Why::Unheard(Unheard::Signed) => "signed, without a key here",
            Why::Unheard(Unheard::OtherList { .. }) => "of another member list",
            Why::Unheard(Unheard::NoEcho) => "without an echo",
            Why::Rejected(Rejected::NoMember(_)) => "of no member",
            Why::Rejected(Rejected::OwnId(_)) => "of our own id",
            Why::Rejected(_) => "clock too far ahead",
        }
    }
}
