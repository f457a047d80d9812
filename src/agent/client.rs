//! One client of an agent, from its call to its end.

use std::time::{Duration, Instant};

use super::connection::Connection;
use super::protocol::{Ask, ClientStatus, FIRST_WORD};
use super::record::{Entry, Record};
use crate::engine::WaitTimer;
use crate::system::millis;
use crate::{Guard, LockName, Request};

/// Somebody at the other end of the socket.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) connection: Connection,
    /// Its process and its user, as the system says.
    pub(super) pid: Option<u32>,
    pub(super) uid: Option<u32>,
    pub(super) phase: Phase,
}

/// How far a client has got.
#[derive(Debug)]
pub(super) enum Phase {
    /// It has asked for nothing yet.
    Idle,
    /// It waits for its turn.
    Waiting(Waiting),
    /// It was told that its turn has come, and does not use it yet.
    Granted(Hold),
    /// It uses the section.
    Holding(Hold),
}

impl Phase {
    /// Its stay in the section, if it is inside.
    pub(super) fn hold(&self) -> Option<&Hold> {
        match self {
            Phase::Granted(hold) | Phase::Holding(hold) => Some(hold),
            Phase::Idle | Phase::Waiting(_) => None,
        }
    }
}

/// Somebody who waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) lock: LockName,
    pub(super) ask: Ask,
    pub(super) wait: WaitTimer,
    /// When it has waited long enough; none after that, or if nobody says.
    pub(super) until: Option<Instant>,
}

/// A stay in a section, on record. It is over when [`Hold::end`] says so, and not
/// because this process ends.
#[must_use = "it goes on until it is ended"]
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) record: Record,
    pub(super) guard: Guard,
    pub(super) since: Instant,
}

impl Waiting {
    pub(super) fn new(
        request: Request,
        lock: LockName,
        ask: Ask,
        longest: Option<Duration>,
    ) -> Self {
        let wait = WaitTimer::told_of_after(FIRST_WORD);
        Waiting {
            request,
            lock,
            ask,
            // A time beyond all measure is none.
            until: longest.and_then(|longest| wait.began.checked_add(longest)),
            wait,
        }
    }

    /// When there is something to do for it though nothing happens.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let due = [self.until, self.wait.next_timeout()];
        due.into_iter().flatten().min()
    }
}

impl Client {
    /// Who it is, for the record of its entry.
    pub(super) fn entry(&self, ask: &Ask, token: u64) -> Entry {
        Entry {
            lock: ask.name.clone(),
            token,
            pid: self.pid,
            uid: self.uid,
            command: ask.command.clone(),
        }
    }

    /// What the node knows it by while it waits.
    pub(super) fn ticket(&self) -> Option<u64> {
        match &self.phase {
            Phase::Waiting(waiting) => Some(waiting.request.ticket()),
            _ => None,
        }
    }

    /// How it stands; none while it neither has nor wants a lock.
    pub(super) fn status(&self, host: &str) -> Option<ClientStatus> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Waiting(waiting) => Some(ClientStatus {
                lock: waiting.ask.name.clone(),
                state: "waiting".to_owned(),
                token: None,
                pid: self.pid,
                uid: self.uid,
                host: host.to_owned(),
                command: waiting.ask.command.clone(),
                since_ms: millis(waiting.wait.began.elapsed()),
            }),
            Phase::Granted(hold) | Phase::Holding(hold) => Some(hold.status("holding", host)),
        }
    }
}

impl Hold {
    /// It is over: first the record goes, then the lock.
    pub(super) fn end(self) {
        self.record.remove();
        drop(self.guard);
    }

    /// How it stands.
    pub(super) fn status(&self, state: &str, host: &str) -> ClientStatus {
        let Entry {
            lock,
            pid,
            uid,
            command,
            ..
        } = self.record.entry.clone();
        ClientStatus {
            lock,
            state: state.to_owned(),
            token: Some(self.guard.token().clock()),
            pid,
            uid,
            host: host.to_owned(),
            command,
            since_ms: millis(self.since.elapsed()),
        }
    }
}
