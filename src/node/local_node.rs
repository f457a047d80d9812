//! A node in the hands of its caller, which drives it in a loop of its own.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use super::delegation::Delegations;
use super::error::Blocked;
use super::handle::Handle;
use super::lock_table::LockTable;
use super::log_observer::LogObserver;
use super::mailbox::{Command, Mailbox};
use super::prepared::Prepared;
use super::request::Request;
use super::settings::{Settings, StartError};
use super::status::Status;
use super::tries::Tries;
use crate::engine::{self, Engine, Envelope, in_context};
#[cfg(feature = "cli")]
use crate::mutex::NodeId;
use crate::mutex::{self, LockName};
use crate::system::retry_interrupted;
use crate::trace::Traced;
#[cfg(feature = "cli")]
use crate::wire::Key;

const WAKER: Token = Token(0);

/// How many events one poll reports.
const MAX_EVENTS: usize = 64;

/// A node without a thread: its owner lets it take part by calling
/// [`LocalNode::poll`].
///
/// Its file descriptor is readable when something has arrived: put it into a poll of
/// your own (with mio: `SourceFd(&node.as_raw_fd())`; elsewhere the node itself, which
/// is [`AsFd`]), and wait no longer than until [`LocalNode::next_timeout`]. If this
/// thread itself has asked for something since the last poll, that is now. An owner
/// that does not poll keeps the other members waiting: a dropped
/// [`Guard`](super::Guard) or [`Request`](super::Request) reaches them with the next
/// poll.
///
/// ```
/// use std::time::Duration;
/// use turno::{LocalNode, Settings};
///
/// # let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
/// let mut node = LocalNode::start(&Settings::new(1, [format!(":{port}")]))?;
/// let mut request = node.handle().request("nightly")?;
/// let guard = loop {
///     if let Some(outcome) = request.try_recv() {
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
    /// The poll may have more to report than it could at once.
    has_more: bool,
    queue: VecDeque<Envelope<Command>>,
    pub(super) engine: Engine<Traced<LogObserver>, LockTable>,
    commands: Receiver<Command>,
    pub(super) mailbox: Arc<Mailbox>,
    /// Handles may enter again without the node's thread.
    pub(super) delegates: bool,
    /// Waits for the moment when only holders are left to wait for.
    pub(super) closing: Option<Sender<()>>,
    pub(super) next_report: Option<Instant>,
    pub(super) tries: Tries,
    /// It has told the others that it is about to end.
    has_left: bool,
    /// The owner answers the queries of other members.
    pub(super) has_answering_owner: bool,
}

impl LocalNode {
    /// Binds the socket and begins to take part.
    ///
    /// # Errors
    /// [`StartError`] says what prevents it and what to do.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        let (node, _) = Prepared::new(settings)?.start(Vec::new())?;
        Ok(node)
    }

    /// As [`LocalNode::start`], for a node whose handles may enter again without its
    /// thread. A trace is to show every entry, so with a trace they may not.
    pub(super) fn start_delegating(settings: &Settings) -> Result<Self, StartError> {
        let mut node = Self::open(settings, settings.open()?, &[])?;
        node.delegates = settings.trace.is_none();
        Ok(node)
    }

    pub(super) fn open(
        settings: &Settings,
        opened: engine::Config,
        resumed: &[(LockName, mutex::Token, mutex::Mode)],
    ) -> Result<Self, StartError> {
        let trace = settings.trace.as_deref();
        let observer = Traced::new(LogObserver, trace).map_err(|source| StartError::Trace {
            path: trace.map(ToOwned::to_owned).unwrap_or_default(),
            source,
        })?;
        let poll = Poll::new().map_err(|error| in_context("cannot start", &error))?;
        let waker = Waker::new(poll.registry(), WAKER);
        let waker = waker.map_err(|error| in_context("cannot start", &error))?;
        let (sender, commands) = mpsc::channel();
        let delegations = Arc::<Delegations>::default();
        let table = LockTable::new(Arc::clone(&delegations));
        let mut engine = Engine::bind(opened, poll.registry(), observer, table)?;
        if let Some(until) = engine.member().leased_until() {
            delegations.lease.extend(until);
        }
        if let Some(views) = engine.member().views() {
            let needed = views.config().lease.for_an_entry();
            delegations.lease.set_for_an_entry(needed);
        }
        engine.begin(None, resumed)?;
        Ok(LocalNode {
            poll,
            events: Events::with_capacity(MAX_EVENTS),
            has_more: false,
            queue: VecDeque::new(),
            engine,
            commands,
            mailbox: Mailbox::new(sender, waker, delegations),
            delegates: false,
            closing: None,
            next_report: None,
            tries: Tries::default(),
            has_left: false,
            has_answering_owner: false,
        })
    }

    /// Access to its locks. Methods that block must not be called on the thread that
    /// drives the node.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.mailbox))
    }

    /// The member's id.
    #[must_use]
    pub fn id(&self) -> u16 {
        self.engine.member().id().0
    }

    /// The length of the membership lease. `None` without failover.
    #[must_use]
    pub fn lease(&self) -> Option<Duration> {
        let views = self.engine.member().views()?;
        Some(views.config().lease.length())
    }

    /// When to poll though nothing arrives; it may be past. The node takes the caller
    /// to be about to wait: any later command makes the descriptor readable.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.mailbox.begin_wait();
        if self.engine.has_more() || self.has_more || self.mailbox.has_mail() {
            return Some(Instant::now());
        }
        let due = [
            self.engine.next_timeout(),
            self.next_report,
            self.tries.next_timeout(),
        ];
        due.into_iter().flatten().min()
    }

    /// Does everything that there is to do, without waiting.
    ///
    /// # Errors
    /// Those of the system and of the state directory. The node has ended then: drop
    /// it. To the others it looks crashed.
    pub fn poll(&mut self) -> io::Result<()> {
        self.wait(Some(Duration::ZERO))
    }

    /// Waits until there is something to do, but not longer than `timeout`, and does
    /// it.
    ///
    /// # Errors
    /// As [`LocalNode::poll`].
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.mailbox.drive_here();
        self.report()?;
        self.end_tries();
        let due = self.next_timeout();
        let due = due.map(|due| due.saturating_duration_since(Instant::now()));
        let timeout = [timeout, due].into_iter().flatten().min();
        retry_interrupted(|| self.poll.poll(&mut self.events, timeout))?;
        self.has_more = self.events.iter().count() == MAX_EVENTS;
        for event in &self.events {
            self.engine.ready(event.token());
        }
        self.engine.drain(&mut self.queue);
        self.mailbox.begin_reading();
        self.read_commands()?;
        while let Some(envelope) = self.queue.pop_front() {
            match envelope {
                Envelope::Engine(input) => self.engine.receive(input)?,
                Envelope::User(command) => self.obey(command)?,
            }
        }
        if let Some(until) = self.engine.member().leased_until() {
            self.mailbox.delegations.lease.extend(until);
        }
        // Grant only after the queue is drained: every request in it counts.
        self.settle_all()?;
        self.answer_questions()?;
        self.engine.close_idle_sockets();
        if self.is_closed() && !self.has_left {
            self.has_left = true;
            self.engine.end()?;
        }
        self.answer_shutdown();
        self.mailbox.end_poll();
        Ok(())
    }

    /// Puts what the handles want into the queue. A caller that has left comes before the
    /// datagrams: a try that was sent after that must find the lock free.
    fn read_commands(&mut self) -> io::Result<()> {
        while let Ok(command) = self.commands.try_recv() {
            let Command::Leave { lock, .. } = &command else {
                self.queue.push_back(Envelope::User(command));
                continue;
            };
            let lock = lock.clone();
            self.obey(command)?;
            if !self.engine.user.is_wanted(&lock) {
                self.settle(&lock)?;
            }
        }
        Ok(())
    }

    /// Drives the node until it is closed.
    ///
    /// # Errors
    /// As [`LocalNode::poll`].
    pub(super) fn drive(&mut self) -> io::Result<()> {
        while !self.is_closed() {
            self.wait(None)?;
        }
        Ok(())
    }

    /// The state of the node.
    #[must_use]
    pub fn status(&mut self) -> Status {
        super::status::status(&mut self.engine)
    }

    /// Replaces the key of a group that has one: see [`Engine::change_key`].
    #[cfg(feature = "cli")]
    pub(crate) fn change_key(&mut self, key: Key) -> bool {
        self.engine.change_key(key)
    }

    /// What the node knows of the other members.
    #[cfg(feature = "cli")]
    pub(crate) fn peers(&mut self) -> Vec<super::status::PeerStatus> {
        super::status::peers(&mut self.engine)
    }

    /// The name of a member with its id, for messages: `beta:7001 (2)`.
    #[cfg(feature = "cli")]
    pub(crate) fn member_name(&mut self, id: u16) -> String {
        let (.., view) = self.engine.split();
        format!("{} ({id})", view.group.name(NodeId(id)))
    }

    /// What stands between a request of this node and its lock.
    #[must_use]
    pub fn blocked(&mut self, request: &Request) -> Blocked {
        let caller = request.caller();
        self.blocked_caller(&caller.lock, caller.ticket, request.waited())
    }

    /// Refuses new requests; waiting callers get [`LockError::Ended`](super::LockError::Ended). A holder stays
    /// in the section until its guard is dropped: go on polling until
    /// [`LocalNode::is_closed`].
    ///
    /// # Errors
    /// As [`LocalNode::poll`].
    pub fn close(&mut self) -> io::Result<()> {
        self.engine.user.close();
        self.settle_all()
    }

    /// Whether it was closed and the last holder has left.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.engine.user.is_closed()
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
    /// Waiting callers get [`LockError::Ended`](super::LockError::Ended). A holder
    /// stays in the section, and no other member enters before the node is started
    /// again.
    fn drop(&mut self) {
        self.mailbox.delegations.end();
        // With failover the others go on without this node when its lease is over.
        if self.mailbox.delegations.lease.until().is_some() {
            self.mailbox.delegations.lease.lapse();
        }
    }
}
