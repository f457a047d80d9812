//! What a node shares with its handles: the way to it, and who drives it.

use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use super::delegation::{Delegation, Delegations};
use super::error::LockError;
use super::status::Status;
use super::waiter::QueuedWaiter;
use crate::mutex::LockName;
use crate::system::locked;

/// How long a thread that has driven a node waits for another to take it over, to
/// which it may have been moved.
const HANDOVER: Duration = Duration::from_secs(2);

/// What a handle says to its node.
#[derive(Debug)]
pub(super) enum Command {
    /// Let this caller in, in its turn.
    Ask(QueuedWaiter),
    /// That caller waits no longer.
    Cancel {
        lock: LockName,
        ticket: u64,
        since: Instant,
    },
    /// That caller has left.
    Leave { lock: LockName, ticket: u64 },
    /// Tell how everything stands.
    Status(Sender<Status>),
    /// Take no more calls, and end when nobody is inside any more. Says so once
    /// somebody is.
    Shutdown(Sender<()>),
}

/// What a node shares with its handles.
#[derive(Debug)]
pub(super) struct Mailbox {
    commands: Sender<Command>,
    waker: mio::Waker,
    /// The node was told something and must not sleep. While it is so nobody need
    /// wake it once more, and its driver need not wake himself.
    has_mail: AtomicBool,
    pub(super) delegations: Arc<Delegations>,
    /// The thread that drives the node, once there is one.
    driver: Mutex<Option<ThreadId>>,
    /// Whether it is between two turns and has not begun to wait for the next.
    is_between_turns: AtomicBool,
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
            is_between_turns: AtomicBool::new(false),
            tickets: AtomicU64::new(1),
            process: process::id(),
        })
    }

    /// # Errors
    /// The node has ended.
    pub(super) fn say(&self, command: Command) -> Result<(), LockError> {
        self.commands.send(command).map_err(|_| LockError::Ended)?;
        // In this order: whoever begins to wait for the node is either seen here, or
        // sees that it was told.
        let was_told = self.has_mail.swap(true, Ordering::SeqCst);
        if !was_told && !self.will_look() {
            // Of a node that has ended nobody waits for anything.
            let _ = self.waker.wake();
        }
        Ok(())
    }

    /// Whether this thread drives the node, and has to ask it when it is due before
    /// it waits.
    fn will_look(&self) -> bool {
        self.is_between_turns.load(Ordering::SeqCst) && self.is_driven_here()
    }

    /// Whether the node was told something to which it has not listened yet.
    pub(super) fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::SeqCst)
    }

    /// The node listens: to all that it was told before. Swapped and not stored, so
    /// that it sees what whoever told it had said by then.
    pub(super) fn listen(&self) {
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

    /// This thread has driven the node, and will ask it when it is due.
    pub(super) fn turn_is_over(&self) {
        self.is_between_turns.store(true, Ordering::SeqCst);
    }

    /// The node is about to be waited for.
    pub(super) fn wait_begins(&self) {
        self.is_between_turns.store(false, Ordering::SeqCst);
    }

    /// Waits with this for what the node has to say, until then at most.
    ///
    /// # Errors
    /// [`LockError::OwnThread`]: nobody but this thread drives the node.
    pub(super) fn attend<T>(
        &self,
        until: Option<Instant>,
        wait: impl Fn(Option<Instant>) -> Option<T>,
    ) -> Result<Option<T>, LockError> {
        if self.is_driven_here() {
            let handover = Instant::now() + HANDOVER;
            let heard = wait(Some(until.map_or(handover, |until| until.min(handover))));
            if heard.is_some() {
                return Ok(heard);
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

    pub(super) fn leave(&self, lock: &LockName, ticket: u64, delegation: Option<&Delegation>) {
        // A forked child has a copy of a guard, and of its lease, and holds nothing.
        if delegation.is_none_or(Delegation::leave) && !self.is_forked() {
            // If the node has ended, nobody else comes in anyway.
            let lock = lock.clone();
            let _ = self.say(Command::Leave { lock, ticket });
        }
    }
}
