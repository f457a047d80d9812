//! The process of the original: a node with a user at a keyboard, and a server as its
//! critical section.
//!
//! ```text
//! keyboard ─────────┐                                         ┌─ UDP datagrams
//! UDP ──────────────┤                                         ├─ critical section
//! critical section ─┼─ drain ─> Envelope ─ dispatch ─> Engine ┼─ timers
//! timers ───────────┤           one queue                     ├─ state file
//! signals ──────────┘                                         └─ observer
//! ```
//!
//! One thread owns everything and waits in one poll: there is nothing to lock, and the
//! thread sleeps while nothing happens.

mod critical_section;
mod keyboard;

use std::collections::VecDeque;
use std::io;
use std::mem::{self, discriminant};
use std::net::SocketAddr;
use std::process;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGUSR1, SIGWINCH};
use signal_hook_mio::v1_0::Signals;

use crate::engine::{self, Engine, NodeEvent, Observer, Snapshot, StallReports, in_context};
use crate::mutex::{LockName, State};
use crate::protocol::Event;
use crate::system::{millis, retry_interrupted, signals};
use crate::wire::{CallerReport, HOLDING, LockReport, WAITING};
use critical_section::CriticalSection;
pub use keyboard::Input;
use keyboard::Keyboard;

const KEYBOARD: Token = Token(0);
const SECTION: Token = Token(1);
const SIGNALS: Token = Token(2);

type Envelope = engine::Envelope<UserInput>;

/// The configuration of a process.
#[derive(Debug)]
pub struct Config {
    /// The configuration of its node.
    pub node: engine::Config,
    /// Where the critical section is.
    pub section: SocketAddr,
    /// How long an entry lasts.
    pub hold: Duration,
    /// The source of the user's input.
    pub input: Input,
}

/// The input of a process, besides the input of every node.
#[derive(Clone, Debug, PartialEq, Eq)]
enum UserInput {
    /// `x`: the user asks for the critical section.
    Request,
    /// The own id: the clock ticks.
    Tick,
    /// The user ends the process.
    Quit,
    /// The user suspends the process (Ctrl-Z).
    Suspend,
    /// The user asks for the other view.
    ChangeView,
    /// `?`: the user asks what the keys and the signs mean.
    Explain,
    /// The entry has lasted its time.
    EntryOver,
    /// Nothing listens at the critical section's address.
    SectionUnreachable,
    /// The signal with this number.
    Signal(i32),
}

/// One member of a group, with its user.
pub struct Process<O> {
    poll: Poll,
    events: Events,
    queue: VecDeque<Envelope>,
    engine: Engine<O, CriticalSection>,
    keyboard: Keyboard,
    signals: Signals,
    reports: StallReports,
    /// The user's lock: the original's.
    lock: LockName,
    /// When the state of the lock last changed.
    state_since: Instant,
    is_quitting: bool,
}

impl<O: Observer> Process<O> {
    /// Opens the sockets. Nothing is sent or received yet.
    ///
    /// # Errors
    /// Those of the system, with what failed.
    pub fn start(config: Config, observer: O) -> io::Result<Self> {
        let poll = Poll::new().map_err(|error| in_context("cannot start", &error))?;
        let registry = poll.registry();
        let Config {
            node,
            section,
            hold,
            input,
        } = config;
        let id = node.group.id;
        let connected =
            CriticalSection::connect(section, id, node.key.clone(), hold, registry, SECTION);
        let section = connected.map_err(|error| {
            let what = format!("cannot reach the critical section at {section}");
            in_context(what, &error)
        })?;
        let engine = Engine::bind(node, registry, observer, section)?;
        // SIGTSTP must not stop us before the terminal is out of raw mode.
        let besides: &[i32] = match input {
            Input::Keys => &[SIGUSR1, SIGCONT, SIGTSTP, SIGWINCH],
            Input::Lines => &[SIGUSR1, SIGCONT],
        };
        let signals = signals::register(besides, registry, SIGNALS)?;
        let keyboard = Keyboard::open(input, id, registry, KEYBOARD);
        let keyboard = keyboard
            .map_err(|error| in_context("cannot read the keyboard; --plain reads lines", &error))?;
        Ok(Process {
            poll,
            events: Events::with_capacity(64),
            queue: VecDeque::new(),
            engine,
            keyboard,
            signals,
            reports: StallReports::default(),
            lock: LockName::default(),
            state_since: Instant::now(),
            is_quitting: false,
        })
    }

    /// Takes part until the user or a signal ends it. Then it leaves the section or
    /// cancels its request, replies to every deferred request, and returns.
    ///
    /// # Errors
    /// Those of the poll, the state file and the observer. The deferred requests are
    /// replied to even then, except after an error of the state file: for the peers this
    /// node has then crashed, until it is started again.
    pub fn run(mut self) -> io::Result<()> {
        let section = self.engine.user.address;
        let mut ended = self.engine.begin(Some(section), &[]);
        while !self.is_quitting && ended.is_ok() {
            ended = self.round();
        }
        let ended = ended.and(self.engine.leave(&self.lock));
        let ended = ended.and_then(|()| self.engine.end());
        self.engine.observer.close();
        ended
    }

    fn round(&mut self) -> io::Result<()> {
        self.report()?;
        self.refresh()?;
        self.wait()?;
        while let Some(envelope) = self.queue.pop_front() {
            let before = discriminant(self.engine.member().state(&self.lock));
            self.dispatch(envelope)?;
            if mem::take(&mut self.engine.user.is_contended) {
                self.engine.refuse_tries(&self.lock)?;
            }
            if discriminant(self.engine.member().state(&self.lock)) != before {
                self.state_since = Instant::now();
            }
        }
        self.answer_questions()?;
        self.engine.close_idle_sockets();
        Ok(())
    }

    /// Tells the members that ask whether this process has or wants the lock.
    fn answer_questions(&mut self) -> io::Result<()> {
        while let Some(question) = self.engine.next_question() {
            let (state, token, request) = match self.engine.member().state(&self.lock) {
                State::Free => (None, None, None),
                State::Wait { request, .. } => (Some(WAITING), None, Some(request.clock)),
                State::Held { token, .. } => (Some(HOLDING), Some(token.get()), None),
            };
            let report = |state: &str| LockReport {
                name: self.lock.as_str().to_owned(),
                request,
                waits_for: Vec::new(),
                callers: vec![CallerReport {
                    state: state.to_owned(),
                    token,
                    pid: Some(process::id()),
                    command: vec!["turno process".to_owned()],
                    since_ms: millis(self.state_since.elapsed()),
                    ..CallerReport::default()
                }],
            };
            let reports = state.map(report).into_iter().collect();
            self.engine.answer(&question, reports)?;
        }
        Ok(())
    }

    fn refresh(&mut self) -> io::Result<()> {
        let (observer, section, view) = self.engine.split();
        observer.refresh(&Snapshot {
            group: view.group,
            member: view.member,
            heard: view.heard,
            section: section.address,
            entry_ends: section.ends,
            in_state: self.state_since.elapsed(),
            entries: section.entries,
            drops: view.drops,
        })
    }

    /// Reports what is due although nothing arrived.
    fn report(&mut self) -> io::Result<()> {
        self.engine.report()?;
        let (observer, _, view) = self.engine.split();
        match self.reports.due(&view, &self.lock) {
            Some(stall) => {
                log::info!("{stall}");
                observer.happened(&NodeEvent::StillWaiting(&stall))
            }
            None => Ok(()),
        }
    }

    /// Sleeps until something arrives, and puts all of it into the queue.
    fn wait(&mut self) -> io::Result<()> {
        let timeout = if self.engine.has_more() || self.keyboard.is_readable {
            Some(Duration::ZERO)
        } else {
            let (engine, reports) = (&self.engine, &self.reports);
            let ends = engine.user.ends;
            let due = [engine.next_timeout(), ends, reports.next_timeout()];
            let next = due.into_iter().flatten().min();
            next.map(|at| at.saturating_duration_since(Instant::now()))
        };
        // A signal interrupts the poll; its source can then be read.
        retry_interrupted(|| self.poll.poll(&mut self.events, timeout))?;
        for event in &self.events {
            match event.token() {
                KEYBOARD => self.keyboard.is_readable = true,
                SECTION => self.engine.user.ready(),
                token => self.engine.ready(token),
            }
        }
        self.keyboard.drain(&mut self.queue)?;
        self.engine.drain(&mut self.queue);
        self.engine.user.drain(&mut self.queue);
        let signals = self.signals.pending().map(UserInput::Signal);
        self.queue.extend(signals.map(Envelope::User));
        Ok(())
    }

    fn dispatch(&mut self, envelope: Envelope) -> io::Result<()> {
        let input = match envelope {
            Envelope::Engine(input) => return self.engine.receive(input),
            Envelope::User(input) => input,
        };
        match input {
            UserInput::Request => self.handle(&Event::Acquire(self.lock.clone())),
            UserInput::Tick => self.handle(&Event::Tick),
            UserInput::EntryOver => self.handle(&Event::Release(self.lock.clone())),
            UserInput::Suspend | UserInput::Signal(SIGTSTP) => self.engine.observer.suspend(),
            UserInput::ChangeView => {
                self.engine.observer.change_view();
                Ok(())
            }
            UserInput::Explain => {
                self.engine.observer.explain();
                Ok(())
            }
            UserInput::Signal(SIGCONT) => {
                self.keyboard.is_readable = true;
                self.engine.observer.resume()
            }
            UserInput::Signal(SIGUSR1) => self.engine.report_drops(),
            // The next refresh draws it.
            UserInput::Signal(SIGWINCH) => Ok(()),
            UserInput::Quit | UserInput::Signal(_) => {
                self.is_quitting = true;
                Ok(())
            }
            UserInput::SectionUnreachable => {
                let address = self.engine.user.address;
                let event = NodeEvent::SectionUnreachable { address };
                self.engine.observer.happened(&event)
            }
        }
    }

    fn handle(&mut self, event: &Event) -> io::Result<()> {
        self.engine.handle(event).map(drop)
    }
}
