//! A node in the hands of its caller, who waits for it in a loop of his own.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use super::delegation::Delegations;
use super::error::{Blocked, LockError};
use super::guard::Guard;
use super::handle::Handle;
use super::lock_table::{LockTable, LockView, Step};
use super::log_observer::LogObserver;
use super::mailbox::{Command, Mailbox};
use super::settings::{Settings, StartError};
use super::status::Status;
use crate::engine::{self, Engine, Envelope, StallReports};
use crate::mutex::{self, LockName};
use crate::system::retry_interrupted;
use crate::trace::Traced;

const WAKER: Token = Token(0);

/// How many sources the poll tells of at once.
const MOST_EVENTS: usize = 64;

/// How many further entries a handle may make before it wakes the node again.
const DELEGATED: u64 = 1000;

/// How often it is looked whether word of a long wait is due.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// A node without a thread: its owner lets it take part by calling
/// [`LocalNode::poll`].
///
/// The file descriptor can be read when something has arrived: put it into a poll
/// of your own (with mio: `SourceFd(&node.as_raw_fd())`; elsewhere the node itself,
/// which is [`AsFd`]), and wait no longer than until [`LocalNode::next_timeout`], which
/// is now if this thread itself has asked for something since the last turn.
/// Whoever blocks for long keeps the other members waiting; what a dropped
/// [`Guard`] or [`Request`](super::Request) means to them they hear with the next
/// turn.
///
/// ```
/// use std::time::Duration;
/// use turno::{LocalNode, Settings};
///
/// # let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
/// let mut node = LocalNode::start(&Settings::new(1, [format!(":{port}")]))?;
/// let mut request = node.handle().request("nightly")?;
/// let guard = loop {
///     if let Some(outcome) = request.try_take() {
///         break outcome?;
///     }
///     node.wait(Some(Duration::from_secs(1)))?;
/// };
/// println!("our turn, with token {}", guard.token());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct LocalNode {
    poll: Poll,
    events: Events,
    /// The poll may have more to tell than it could at once.
    has_more: bool,
    queue: VecDeque<Envelope<Command>>,
    engine: Engine<Traced<LogObserver>, LockTable>,
    commands: Receiver<Command>,
    mailbox: Arc<Mailbox>,
    /// Handles may enter again without a word to us.
    delegates: bool,
    /// Who wants to know when nothing is left but to wait for those inside.
    closing: Option<Sender<()>>,
    next_report: Option<Instant>,
}

impl LocalNode {
    /// Binds the socket, and begins to take part.
    ///
    /// # Errors
    /// [`StartError`] says what is in the way and what to do about it.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        let (node, _) = Self::start_inside(settings, settings.open()?, &[])?;
        Ok(node)
    }

    /// Begins with what these settings opened, and with these entries of an earlier
    /// run that go on: nobody else is let in before their guards are dropped. The
    /// guards are in the same order.
    pub(crate) fn start_inside(
        settings: &Settings,
        opened: engine::Config,
        resumed: &[(LockName, mutex::Token)],
    ) -> Result<(Self, Vec<Guard>), StartError> {
        let mut node = Self::open(settings, opened, false, resumed)?;
        node.mailbox.drive_here();
        let guards = resumed.iter().map(|(lock, token)| {
            let ticket = node.mailbox.next_ticket();
            node.engine.user.resume(lock, ticket, *token);
            Guard::new(
                Arc::clone(&node.mailbox),
                lock.clone(),
                ticket,
                *token,
                None,
            )
        });
        let guards = guards.collect();
        Ok((node, guards))
    }

    /// With a trace every entry is to be seen in it, so none is made on loan.
    pub(super) fn start_delegating(settings: &Settings) -> Result<Self, StartError> {
        Self::open(settings, settings.open()?, settings.trace.is_none(), &[])
    }

    fn open(
        settings: &Settings,
        opened: engine::Config,
        delegates: bool,
        resumed: &[(LockName, mutex::Token)],
    ) -> Result<Self, StartError> {
        let trace = settings.trace.as_deref();
        let observer = Traced::new(LogObserver, trace).map_err(|source| StartError::Trace {
            path: trace.map(ToOwned::to_owned).unwrap_or_default(),
            source,
        })?;
        let poll = Poll::new().map_err(engine::StartError::from)?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(engine::StartError::from)?;
        let (sender, commands) = mpsc::channel();
        let delegations = Arc::<Delegations>::default();
        let table = LockTable::new(Arc::clone(&delegations));
        let mut engine = Engine::bind(opened, poll.registry(), observer, table)?;
        engine
            .begin(None, resumed)
            .map_err(engine::StartError::from)?;
        Ok(LocalNode {
            poll,
            events: Events::with_capacity(MOST_EVENTS),
            has_more: false,
            queue: VecDeque::new(),
            engine,
            commands,
            mailbox: Mailbox::new(sender, waker, delegations),
            delegates,
            closing: None,
            next_report: None,
        })
    }

    /// A way to its locks. What blocks in it must not be called on the thread that
    /// drives the node.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.mailbox))
    }

    /// Which member it is.
    #[must_use]
    pub fn id(&self) -> u16 {
        self.engine.member().id().0
    }

    /// When there is something to do though nothing arrives; it may be past. Whoever
    /// asks is taken to be about to wait: what he or anybody wants from then on makes
    /// the descriptor readable.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.mailbox.wait_begins();
        if self.engine.has_more() || self.has_more || self.mailbox.has_mail() {
            return Some(Instant::now());
        }
        let due = [self.engine.next_timeout(), self.next_report];
        due.into_iter().flatten().min()
    }

    /// Does all that there is to do, and waits for nothing.
    ///
    /// # Errors
    /// Those of the system and of the state directory. The node has ended then:
    /// drop it. To the others it is as if it had crashed.
    pub fn poll(&mut self) -> io::Result<()> {
        self.wait(Some(Duration::ZERO))
    }

    /// Waits for something to do, but no longer than this, and does it.
    ///
    /// # Errors
    /// As [`LocalNode::poll`].
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.mailbox.drive_here();
        self.report()?;
        let due = self.next_timeout();
        let due = due.map(|due| due.saturating_duration_since(Instant::now()));
        let timeout = [timeout, due].into_iter().flatten().min();
        retry_interrupted(|| self.poll.poll(&mut self.events, timeout))?;
        self.has_more = self.events.iter().count() == MOST_EVENTS;
        for event in &self.events {
            self.engine.ready(event.token());
        }
        self.engine.drain(&mut self.queue);
        self.mailbox.listen();
        let commands = self.commands.try_iter();
        self.queue.extend(commands.map(Envelope::User));
        while let Some(envelope) = self.queue.pop_front() {
            self.dispatch(envelope)?;
        }
        // Only now: whoever is let in stays out of the way of all that were heard
        // to ask.
        self.settle_all()?;
        self.engine.close_idle_sockets();
        self.say_whether_closing();
        self.mailbox.turn_is_over();
        Ok(())
    }

    /// Drives it until it is closed.
    ///
    /// # Errors
    /// As [`LocalNode::poll`].
    pub(super) fn drive(&mut self) -> io::Result<()> {
        while !self.is_closed() {
            self.wait(None)?;
        }
        Ok(())
    }

    /// How everything stands.
    #[must_use]
    pub fn status(&mut self) -> Status {
        super::status::status(&mut self.engine)
    }

    /// Takes no more calls; those that wait end with [`LockError::Ended`]. Whoever
    /// is inside stays inside until its guard is dropped: go on turning until
    /// [`LocalNode::is_closed`].
    pub fn close(&mut self) -> io::Result<()> {
        self.engine.user.close();
        self.settle_all()
    }

    /// Whether it was closed and nobody is inside any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.engine.user.is_closed()
    }

    fn dispatch(&mut self, envelope: Envelope<Command>) -> io::Result<()> {
        let command = match envelope {
            Envelope::Engine(input) => return self.engine.receive(input),
            Envelope::User(command) => command,
        };
        match command {
            Command::Ask(queued) => {
                self.engine.user.ask(queued);
                let next = || Instant::now() + REPORT_EVERY;
                self.next_report.get_or_insert_with(next);
            }
            Command::Leave { lock, ticket } => self.engine.user.leave(&lock, ticket),
            Command::Cancel {
                lock,
                ticket,
                since,
            } => {
                // Whoever is hardly patient at all is to have been asked for too.
                self.settle_all()?;
                self.cancel(&lock, ticket, since);
            }
            Command::Status(status) => {
                self.settle_all()?;
                // Whoever asked may have gone.
                let _ = status.send(self.status());
            }
            Command::Shutdown(is_held) => {
                self.closing = Some(is_held);
                self.engine.user.close();
            }
        }
        Ok(())
    }

    /// What stands between a caller and its lock, if it waits.
    pub(crate) fn blocked(&mut self, lock: &LockName, ticket: u64, since: Instant) -> Blocked {
        let (_, table, view) = self.engine.split();
        match table.ahead(lock, ticket) {
            Some(ahead) => Blocked::Here { ahead },
            None => Blocked::Peers(StallReports::waiting(&view, lock, since.elapsed())),
        }
    }

    fn cancel(&mut self, lock: &LockName, ticket: u64, since: Instant) {
        let blocked = self.blocked(lock, ticket, since);
        let error = LockError::TimedOut {
            lock: lock.clone(),
            blocked,
        };
        self.engine.user.cancel(lock, ticket, error);
    }

    /// Brings what is wanted here and what the algorithm does together.
    fn settle_all(&mut self) -> io::Result<()> {
        while let Some(lock) = self.engine.user.next_dirty() {
            self.settle(&lock)?;
        }
        Ok(())
    }

    fn settle(&mut self, lock: &LockName) -> io::Result<()> {
        let mut may_delegate = self.delegates;
        loop {
            let (_, table, view) = self.engine.split();
            let member = view.member;
            let step = table.next_step(
                lock,
                LockView {
                    state: member.state(lock),
                    is_wanted: member.is_awaiting_sync(lock),
                    is_wanted_elsewhere: !member.reply_queue(lock).is_empty(),
                    may_delegate,
                },
            );
            match step {
                Step::Wait => return Ok(()),
                Step::Grant { is_delegated } => table.grant(lock, is_delegated),
                step => {
                    let Some(event) = step.event(lock, DELEGATED) else {
                        return Ok(());
                    };
                    if let Err(why) = self.engine.handle(&event)? {
                        match step {
                            Step::Delegate => may_delegate = false,
                            _ => self.engine.user.refuse(lock, why),
                        }
                    }
                }
            }
        }
    }

    /// Tells what is to be told though nothing arrived.
    fn report(&mut self) -> io::Result<()> {
        self.engine.report()?;
        if self.next_report.is_some_and(|due| due <= Instant::now()) {
            let (_, table, view) = self.engine.split();
            for (lock, line) in table.queues() {
                let due = line.reports().due(&view, lock);
                if let Some(waiting) = due {
                    log::warn!("lock {:?}: {waiting}", lock.as_str());
                }
            }
            let is_anybody = self.engine.user.is_anybody_waiting();
            self.next_report = is_anybody.then(|| Instant::now() + REPORT_EVERY);
        }
        Ok(())
    }

    fn say_whether_closing(&mut self) {
        if let Some(is_held) = self.closing.take_if(|_| self.engine.user.is_held()) {
            // Whoever asked may have gone.
            let _ = is_held.send(());
        }
    }
}

impl std::fmt::Debug for LocalNode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalNode")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

impl AsFd for LocalNode {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poll.registry().as_fd()
    }
}

impl AsRawFd for LocalNode {
    fn as_raw_fd(&self) -> RawFd {
        self.poll.as_raw_fd()
    }
}

impl Drop for LocalNode {
    /// Callers that wait end with [`LockError::Ended`]. Whoever is inside stays
    /// inside, and nobody else comes in until the node is started anew.
    fn drop(&mut self) {
        self.mailbox.delegations.end();
    }
}
