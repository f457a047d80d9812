//! One client of an agent, from its call to its end.

use std::time::{Duration, Instant};

use super::connection::Connection;
use super::protocol::{Ask, ClientStatus, FIRST_WORD};
use super::record::{Entry, Record};
use crate::system::{WaitTimer, millis};
use crate::{Guard, Request};

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

/// Somebody who waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) request: Request,
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
    pub(super) fn new(request: Request, ask: Ask, limit: Option<Duration>) -> Self {
        let wait = WaitTimer::first_report_after(FIRST_WORD);
        Waiting {
            request,
            ask,
            // A limit that no `Instant` can express is none.
            until: limit.and_then(|limit| wait.began.checked_add(limit)),
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
    /// Who it is, for other clients that wait for it.
    pub(super) fn description(&self, ask: &Ask) -> String {
        self.entry(ask, 0).to_string()
    }

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
            token: Some(self.guard.token().get()),
            pid,
            uid,
            host: host.to_owned(),
            command,
            since_ms: millis(self.since.elapsed()),
        }
    }
}
