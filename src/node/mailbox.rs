//! What a node shares with its handles: the way to it, and which thread drives it.

use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::delegation::{Delegation, Delegations};
use super::error::LockError;
use super::status::Status;
use super::waiter::{Caller, QueuedWaiter};
use crate::mutex::LockName;
use crate::system::locked;

/// How long the thread that drove a node last waits for another thread to drive it:
/// the node may have been moved there.
const HANDOVER: Duration = Duration::from_secs(2);

/// What a handle sends to its node.
#[derive(Debug)]
pub(super) enum Command {
    /// Queue this caller.
    Ask(QueuedWaiter),
    /// Queue this caller if no other comes first.
    Try(QueuedWaiter),
    /// That caller withdraws its request.
    Cancel { lock: LockName, ticket: u64 },
    /// The time of that caller is nearly over: ask the other members who has the lock, if it
    /// will not be known otherwise.
    Survey { lock: LockName, ticket: u64 },
    /// That caller has left.
    Leave { lock: LockName, ticket: u64 },
    /// Send the status.
    Status(Sender<Status>),
    /// Refuse new requests, and end when the last holder has left. Answers once only
    /// holders are left to wait for.
    Shutdown(Sender<()>),
}

/// What a node shares with its handles.
#[derive(Debug)]
pub(super) struct Mailbox {
    commands: Sender<Command>,
    waker: mio::Waker,
    /// A command was sent, and the node must not sleep. While this is set no further
    /// wake is needed.
    has_mail: AtomicBool,
    pub(super) delegations: Arc<Delegations>,
    /// The thread that drives the node, once there is one.
    driver: Mutex<Option<ThreadId>>,
    /// The driver is between two polls and has not asked yet when to poll again.
    is_between_polls: AtomicBool,
    tickets: AtomicU64,
    /// The process that started the node.
    pub(super) process: u32,
}

impl Mailbox {
    pub(super) fn new(
        commands: Sender<Command>,
        waker: mio::Waker,
        delegations: Arc<Delegations>,
    ) -> Arc<Self> {
        Arc::new(Mailbox {
            commands,
            waker,
            has_mail: AtomicBool::new(false),
            delegations,
            driver: Mutex::default(),
            is_between_polls: AtomicBool::new(false),
            tickets: AtomicU64::new(1),
            process: process::id(),
        })
    }

    /// # Errors
    /// [`LockError::Ended`].
    pub(super) fn send(&self, command: Command) -> Result<(), LockError> {
        self.commands.send(command).map_err(|_| LockError::Ended)?;
        // In this order: either the node's next wait is seen here, or the node sees
        // that there is mail.
        let had_mail = self.has_mail.swap(true, Ordering::SeqCst);
        if !had_mail && !self.driver_will_look() {
            // Ignore: the node has ended.
            let _ = self.waker.wake();
        }
        Ok(())
    }

    /// Whether this thread drives the node and will ask when to poll before it waits.
    fn driver_will_look(&self) -> bool {
        self.is_between_polls.load(Ordering::SeqCst) && self.is_driven_here()
    }

    /// Whether there is a command that the node has not read.
    pub(super) fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::SeqCst)
    }

    /// The node is about to read all commands. A swap, not a store: the node then sees
    /// everything that was written before each command.
    pub(super) fn begin_reading(&self) {
        self.has_mail.swap(false, Ordering::SeqCst);
    }

    pub(super) fn is_forked(&self) -> bool {
        self.process != process::id()
    }

    fn is_driven_here(&self) -> bool {
        *self.driver() == Some(thread::current().id())
    }

    fn driver(&self) -> MutexGuard<'_, Option<ThreadId>> {
        locked(&self.driver)
    }

    /// This thread drives the node from now on.
    pub(super) fn drive_here(&self) {
        *self.driver() = Some(thread::current().id());
    }

    /// A poll is over; the driver will ask when to poll again.
    pub(super) fn end_poll(&self) {
        self.is_between_polls.store(true, Ordering::SeqCst);
    }

    /// The driver is about to wait for the node's descriptor.
    pub(super) fn begin_wait(&self) {
        self.is_between_polls.store(false, Ordering::SeqCst);
    }

    /// Waits with `wait` for what the node answers, until then at most.
    ///
    /// # Errors
    /// [`LockError::OwnThread`]: only this thread drives the node.
    pub(super) fn attend<T>(
        &self,
        until: Option<Instant>,
        wait: impl Fn(Option<Instant>) -> Option<T>,
    ) -> Result<Option<T>, LockError> {
        if self.is_driven_here() {
            let handover = Instant::now() + HANDOVER;
            let answer = wait(Some(until.map_or(handover, |until| until.min(handover))));
            if answer.is_some() {
                return Ok(answer);
            }
            if self.is_driven_here() {
                return Err(LockError::OwnThread);
            }
        }
        Ok(wait(until))
    }

    pub(super) fn next_ticket(&self) -> u64 {
        self.tickets.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn leave(&self, caller: &Caller, delegation: Option<&Delegation>) {
        // A forked child has a copy of the guard and of its delegation, and holds
        // nothing.
        if delegation.is_none_or(Delegation::leave) && !self.is_forked() {
            let (lock, ticket) = (caller.lock.clone(), caller.ticket);
            // If the node has ended, no other caller enters anyway.
            let _ = self.send(Command::Leave { lock, ticket });
        }
    }
}
