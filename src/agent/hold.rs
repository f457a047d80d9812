//! An entry into a critical section, from its grant to its release.

use std::mem;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::protocol::{ClientStatus, Turn};
use super::record::{Entry, Record, is_locked};
use super::usage::{NotHad, Usage};
use super::{CHECK_INTERVAL, deadline};
use crate::Guard;
use crate::system::process::Process;
use crate::system::{boot_clock, millis};
use crate::views::Moment;

/// How long a client may take to end after its command was killed. It runs nothing any more:
/// its supervisor starts no command past the deadline.
const MAX_CLIENT_END: Duration = Duration::from_secs(1);

/// The longest pause between two tries to kill what still runs.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// A recorded entry. Only [`Hold::end`] and [`Hold::give_up`] end it: it outlives this process.
#[must_use = "the lock stays held until it is released"]
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) record: Record,
    pub(super) guard: Guard,
    pub(super) since: Instant,
    /// How long its client waited for it. Of an entry of an earlier agent not known.
    pub(super) waited: Duration,
    /// With failover, until when the command may run.
    pub(super) deadline: Option<HoldDeadline>,
}

/// The deadline of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct HoldDeadline {
    /// As the record has it.
    pub(super) until: Moment,
    /// The length of the lease.
    pub(super) lease: Duration,
    /// When this agent first killed what still ran.
    killed_at: Option<Instant>,
    /// When it does so again.
    kill_again: Option<Instant>,
    /// Whether it was reported that the deadline cannot be written.
    is_stuck: bool,
}

impl HoldDeadline {
    pub(super) fn new(until: Moment, lease: Duration) -> Self {
        HoldDeadline {
            until,
            lease,
            killed_at: None,
            kill_again: None,
            is_stuck: false,
        }
    }

    /// When this agent kills the command, if neither its supervisor nor its client has.
    fn kill_at(self) -> Moment {
        self.until - self.lease / 40
    }
}

impl Hold {
    /// Releases the lock after its command has ended, and counts how long it was held.
    pub(super) fn end(self, usage: &mut Usage) {
        usage.released(&self.record.entry.lock, self.since.elapsed());
        self.release();
    }

    /// Releases the lock of a client that did not begin under it, for this reason.
    pub(super) fn give_up(self, usage: &mut Usage, why: NotHad) {
        usage.not_had(&self.record.entry.lock, why);
        self.release();
    }

    /// Releases the lock, after the record of the entry is removed.
    fn release(self) {
        self.record.remove();
        drop(self.guard);
    }

    /// Whether this entry is that turn, and has not ended.
    pub(super) fn is(&self, turn: &Turn) -> bool {
        let Entry { lock, token, .. } = &self.record.entry;
        let file = self.record.file.metadata();
        (lock, *token) == (&turn.name, turn.token)
            && file.is_ok_and(|file| (file.dev(), file.ino()) == (turn.device, turn.inode))
            && is_locked(&self.record.file).unwrap_or(false)
            && !self.guard.is_lost()
    }

    /// Whether it is that of a client with this process id and user.
    pub(super) fn is_of(&self, pid: Option<u32>, uid: Option<u32>) -> bool {
        let is_same_process = match (pid, self.record.entry.pid) {
            (Some(one), Some(other)) => one == other,
            // The system does not tell, in a container say.
            _ => true,
        };
        is_same_process && uid == self.record.entry.uid
    }

    /// Writes the lease that the node has now into the record, or ends the command if the
    /// lease is over. When to do so again though nothing happens.
    pub(super) fn renew(&mut self) -> Option<Instant> {
        let deadline = self.deadline.as_mut()?;
        if !self.guard.is_lost()
            && let Some(until) = self.guard.expires_since_boot()
        {
            let until = Moment::default() + until;
            // A deadline is moved on when that gains something.
            let is_worth_it = until.since(deadline.until) > deadline.lease / 50;
            if is_worth_it && let Err(error) = deadline::write(&self.record.file, until) {
                if !mem::replace(&mut deadline.is_stuck, true) {
                    let path = self.record.path.display();
                    log::warn!("a renewal of the lease cannot be written into {path}: {error}");
                }
            } else if is_worth_it {
                deadline.until = until;
            }
        }
        let left = deadline.kill_at().since(boot_clock::now());
        if !left.is_zero() {
            return Some(Instant::now() + left);
        }
        // The search reads all of /proc, so what cannot be killed is tried again rarely.
        let now = Instant::now();
        if deadline.kill_again.is_none_or(|at| at <= now) {
            let is_long = deadline
                .killed_at
                .is_some_and(|at| at + MAX_CLIENT_END < now);
            let pause = if is_long { MAX_PAUSE } else { CHECK_INTERVAL };
            deadline.kill_again = Some(now + pause);
            self.kill();
        }
        self.deadline?.kill_again
    }

    /// Kills what still runs under a lease that is over.
    fn kill(&mut self) {
        let Ok(processes) = Process::that_have_open(&self.record.file) else {
            return;
        };
        let Some(deadline) = &mut self.deadline else {
            return;
        };
        let is_first = deadline.killed_at.is_none();
        let waited = deadline
            .killed_at
            .get_or_insert_with(Instant::now)
            .elapsed();
        // The client has the time to say why its command was killed, if it has one.
        let entry = &self.record.entry;
        let is_client = |process: &Process| Some(process.id()) == entry.pid && !entry.no_command;
        let is_due = |process: &Process| waited >= MAX_CLIENT_END || !is_client(process);
        let processes: Vec<_> = processes.into_iter().filter(is_due).collect();
        let Entry { lock, command, .. } = &self.record.entry;
        if is_first && processes.is_empty() && is_locked(&self.record.file).unwrap_or(false) {
            log::warn!(
                "lock {lock:?}: the lease ends, and {command:?} still runs, which this user may \
                 not see or kill: only its token keeps it from doing harm"
            );
        } else if is_first && !processes.is_empty() {
            log::warn!(
                "lock {lock:?}: the lease ends, and neither the supervisor nor the client of \
                 {command:?} has ended it: it gets SIGKILL"
            );
        }
        for process in processes {
            // One that has ended, or that this user may not kill.
            let _ = process.signal(Signal::KILL);
        }
    }

    pub(super) fn status(&self, state: &str, host: &str) -> ClientStatus {
        let entry = self.record.entry.clone();
        ClientStatus {
            lock: entry.lock,
            state: state.to_owned(),
            token: Some(self.guard.token().get()),
            shared: entry.shared,
            pid: entry.pid,
            uid: entry.uid,
            host: host.to_owned(),
            command: entry.command,
            since_ms: millis(self.since.elapsed()),
            not_begun: false,
            stopped: false,
            ticket: self.guard.ticket(),
            under: Vec::new(),
        }
    }
}
