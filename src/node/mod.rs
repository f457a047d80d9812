//! A node: one loop, one queue, one owner.
//!
//! ```text
//! keyboard ─────────┐                                                        ┌─ UDP datagrams
//! UDP ──────────────┤                                                        ├─ critical section
//! critical section ─┼─ drain ─> Envelope ─ open ─> Event ─ handle ─> Effect ─┼─ timers
//! timers ───────────┤           one queue        pure algorithm    perform   └─ observer
//! signals ──────────┘
//! ```
//!
//! One thread waits in one poll for all of it and owns everything: there is
//! nothing to lock, and while nothing happens it sleeps.

mod critical_section;
mod envelope;
mod keyboard;
mod observer;
mod timers;
mod udp;

use std::collections::VecDeque;
use std::io;
use std::mem::discriminant;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};
use signal_hook_mio::v1_0::Signals;
use thiserror::Error;

use crate::group::Group;
use crate::mutex::{
    Effect, Event, Incarnation, Message, NodeId, Rejected, RicartAgrawala, Socket, State, Timestamp,
};
use crate::signals;
use crate::wire::{self, Datagram, ENDS};
use critical_section::CriticalSection;
use envelope::{Envelope, Source};
pub use keyboard::Input;
use keyboard::Keyboard;
pub use observer::{Happening, Observer, Status, Unheard};
use timers::Timers;
use udp::Udp;

const LISTENING: Token = Token(0);
const OF_REQUEST: Token = Token(1);
const KEYBOARD: Token = Token(2);
const SECTION: Token = Token(3);
const SIGNALS: Token = Token(4);

/// What a node must be told to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who belongs, and who we are.
    pub group: Group,
    /// Where the critical section is.
    pub section: SocketAddr,
    /// How long an entry lasts.
    pub hold: Duration,
    /// Where the user's words come from.
    pub input: Input,
}

/// Why a node did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The address that it listens at cannot be had.
    #[error("cannot listen at {address}: {}", bind_hint(source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// There is no way to the critical section.
    #[error("cannot reach the critical section at {address}: {source}")]
    Section {
        /// Its address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard input cannot be waited for.
    #[error("cannot read the keyboard: {0}; --plain reads lines instead")]
    Keyboard(io::Error),
    /// Anything else that the system refuses.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

fn bind_hint(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use, perhaps by a process that is still running".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "it is no address of this host; is the id right? --listen names another to bind"
                .to_owned()
        }
        _ => error.to_string(),
    }
}

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
    group: Group,
    mutex: RicartAgrawala,
    observer: O,
    /// When the state became what it is.
    state_since: Instant,
    entries: u64,
    is_leaving: bool,
}

/// What an envelope turned out to hold.
enum Opened {
    Event(Event),
    Leave,
    Suspend,
    Resume,
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
        let Config { group, section, .. } = config;
        let udp = Udp::bind(group.listen, registry, [LISTENING, OF_REQUEST]).map_err(|source| {
            StartError::Bind {
                address: group.listen,
                source,
            }
        })?;
        let section = CriticalSection::connect(section, config.hold, registry, SECTION).map_err(
            |source| StartError::Section {
                address: section,
                source,
            },
        )?;
        // A terminal in raw mode must not be left so.
        let besides: &[i32] = match config.input {
            Input::Keys => &[SIGWINCH, SIGTSTP, SIGCONT],
            Input::Lines => &[],
        };
        let signals = signals::register(besides, registry, SIGNALS)?;
        let keyboard = Keyboard::open(config.input, group.id, registry, KEYBOARD)
            .map_err(StartError::Keyboard)?;
        let incarnation = Incarnation(getrandom::u64().map_err(io::Error::from)?);
        let members = u16::try_from(group.members.len()).expect("ids are 16 bits wide");
        log::info!("this is incarnation {incarnation}");
        Ok(Node {
            mutex: RicartAgrawala::new(group.id, members, incarnation),
            poll,
            events: Events::with_capacity(16),
            queue: VecDeque::new(),
            udp,
            keyboard,
            section,
            timers: Timers::default(),
            signals,
            group,
            observer,
            state_since: Instant::now(),
            entries: 0,
            is_leaving: false,
        })
    }

    /// Takes part until the user or a signal ends it: then it leaves the
    /// section, or gives its request up, answers everybody in the reply queue,
    /// and returns.
    ///
    /// # Errors
    /// Those of waiting and of the observer. The group has been answered then
    /// too.
    pub fn run(mut self) -> io::Result<()> {
        let mut ended = self.observer.happened(&Happening::Began {
            group: &self.group,
            section: self.section.address(),
        });
        while !self.is_leaving && ended.is_ok() {
            ended = self.round();
        }
        ended.and(self.leave())
    }

    fn round(&mut self) -> io::Result<()> {
        self.observer.refresh(&Status {
            group: &self.group,
            mutex: &self.mutex,
            section: self.section.address(),
            entry_ends: self.section.ends(),
            in_state: self.state_since.elapsed(),
            entries: self.entries,
        })?;
        self.wait()?;
        while let Some(envelope) = self.queue.pop_front() {
            self.open_and_do(&envelope)?;
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
                self.observer.next_refresh(),
            ]
            .into_iter()
            .flatten()
            .min()
            .map(|due| due.saturating_duration_since(Instant::now()))
        };
        // Interrupted: a signal, and its source can be read now.
        udp::retry_interrupted(|| self.poll.poll(&mut self.events, timeout))?;
        for event in &self.events {
            match event.token() {
                KEYBOARD => self.keyboard.readable(),
                SECTION => self.section.readable(),
                SIGNALS => {}
                token => self.udp.readable(token),
            }
        }
        self.keyboard.drain(&mut self.queue)?;
        self.udp.drain(&mut self.queue);
        self.section.drain(&mut self.queue);
        self.timers.drain(&mut self.queue);
        for signal in self.signals.pending() {
            self.queue
                .push_back(Envelope::new(Source::Signal(signal), ""));
        }
        Ok(())
    }

    fn open_and_do(&mut self, envelope: &Envelope) -> io::Result<()> {
        match self.open(envelope) {
            Ok(Opened::Event(event)) => self.handle(&event),
            Ok(Opened::Leave) => {
                self.is_leaving = true;
                Ok(())
            }
            Ok(Opened::Suspend) => self.observer.suspend(),
            Ok(Opened::Resume) => self.observer.resume(),
            Ok(Opened::NobodyAtSection) => self.observer.happened(&Happening::NobodyAtSection {
                address: self.section.address(),
            }),
            Ok(Opened::Nothing) => Ok(()),
            Err((source, why)) => self.observer.happened(&Happening::Dropped {
                source,
                bytes: &envelope.text,
                why,
                mutex: &self.mutex,
            }),
        }
    }

    /// Interprets what arrived.
    fn open(&self, envelope: &Envelope) -> Result<Opened, (SocketAddr, Unheard)> {
        Ok(match envelope.source {
            Source::Keyboard => self.open_line(&envelope.text),
            Source::Udp(socket) => {
                let source = envelope
                    .return_address
                    .expect("a datagram has a source address");
                let message = self
                    .open_datagram(&envelope.text, source)
                    .map_err(|why| (source, why))?;
                Opened::Event(Event::Received {
                    message,
                    socket,
                    source,
                })
            }
            Source::CriticalSection if envelope.text == ENDS.as_bytes() => {
                Opened::Event(Event::Left)
            }
            Source::CriticalSection => Opened::NobodyAtSection,
            Source::Timer(timer) => Opened::Event(Event::Expired(timer)),
            Source::Signal(SIGTSTP) => Opened::Suspend,
            Source::Signal(SIGCONT) => Opened::Resume,
            Source::Signal(SIGWINCH) => Opened::Nothing,
            Source::Signal(_) => Opened::Leave,
        })
    }

    /// What the seed's process understands of a line: `x` and its own id.
    fn open_line(&self, line: &[u8]) -> Opened {
        match line.trim_ascii() {
            b"x" => Opened::Event(Event::Want),
            line if line == self.group.id.to_string().as_bytes() => Opened::Event(Event::Tick),
            _ => Opened::Nothing,
        }
    }

    fn open_datagram(&self, bytes: &[u8], source: SocketAddr) -> Result<Message, Unheard> {
        let Datagram::Message(message) = wire::decode(bytes)? else {
            return Err(Unheard::ForSection);
        };
        // Who is no member at all is the algorithm's to refuse.
        if let Some(expected) = self.group.address(message.stamp.id)
            && expected.ip() != source.ip().to_canonical()
        {
            return Err(Unheard::ForeignHost { expected });
        }
        Ok(message)
    }

    /// Hands the event to the algorithm, says what comes of it, and does it: in
    /// this order, so that whoever reads what several nodes say reads of a
    /// datagram's sending before its arrival.
    fn handle(&mut self, event: &Event) -> io::Result<()> {
        let before = discriminant(self.mutex.state());
        let effects = self.ask(event);
        if discriminant(self.mutex.state()) != before {
            self.state_since = Instant::now();
        }
        let said = self.observer.happened(&Happening::Handled {
            event,
            outcome: effects.as_deref().map_err(|rejected| *rejected),
            mutex: &self.mutex,
        });
        // What was asked for is done all the same: others wait for it.
        for effect in effects.unwrap_or_default() {
            self.perform(&effect);
        }
        said
    }

    fn ask(&mut self, event: &Event) -> Result<Vec<Effect>, Rejected> {
        let mut effects = Vec::new();
        self.mutex.handle(event, &mut effects)?;
        Ok(effects)
    }

    fn perform(&mut self, effect: &Effect) {
        match effect {
            Effect::Send {
                to,
                address,
                socket,
                message,
            } => self.send(*to, *address, *socket, message),
            Effect::Enter { token } => {
                log::info!("entered the critical section, token {token}");
                self.entries += 1;
                self.section.enter(self.stamp(self.mutex.clock()));
            }
            Effect::Leave { clock } => self.section.leave(self.stamp(*clock)),
            Effect::SetTimer { timer, after } => self.timers.set(*timer, *after),
        }
    }

    fn send(&mut self, to: NodeId, address: Option<SocketAddr>, socket: Socket, message: &Message) {
        let Some(address) = address.or_else(|| self.group.address(to)) else {
            return log::error!("{message} is for member {to}, and there is none");
        };
        if let Err(error) = self
            .udp
            .send(socket, address, wire::encode(message).as_bytes())
        {
            log::warn!("{message} could not be sent to {address}: {error}");
        }
    }

    /// Leaves the group in order.
    fn leave(&mut self) -> io::Result<()> {
        match self.mutex.state() {
            State::Free => Ok(()),
            State::Wait { .. } => self.handle(&Event::GiveUp),
            State::Held { .. } => self.handle(&Event::Left),
        }
    }

    fn stamp(&self, clock: u64) -> Timestamp {
        Timestamp {
            clock,
            id: self.group.id,
        }
    }
}
