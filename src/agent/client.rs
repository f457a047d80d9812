//! One client of an agent, from its request to the end of its entry.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::connection::Connection;
use super::hold::{Hold, HoldDeadline};
use super::protocol::{Answer, Ask, ClientStatus};
use super::record::{Entry, Records, description};
use super::usage::{NotHad, Usage};
use super::waiting::Waiting;
use crate::system::{boot_clock, micros, millis, process};
use crate::views::Moment;
use crate::wire::{HOLDING, WAITING};
use crate::{LocalNode, LockError};

/// How long a client may take to take its turn up.
const MAX_TAKE_UP: Duration = Duration::from_secs(2);

const NOT_TAKEN_UP: &str = "its turn went to the next, because it was not taken up within two \
                            seconds: this process was stopped, or could not run";

/// A program of this machine with a connection to the agent.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) connection: Connection,
    /// Its process id, as the system reports it.
    pub(super) pid: Option<u32>,
    /// Its user id, as the system reports it.
    pub(super) uid: Option<u32>,
    pub(super) phase: Phase,
    /// Has the agent poll this client.
    pub(super) waker: Waker,
}

/// What a client does.
#[derive(Debug)]
pub(super) enum Phase {
    /// It neither has nor wants a lock.
    Idle,
    /// It waits for a lock.
    Waiting(Waiting),
    /// It was granted a lock, and has not begun to use it.
    Granted(Hold),
    /// It is in the critical section.
    Holding(Hold),
}

impl Client {
    /// The answer that is due to a client that waits: the outcome of its request, or for
    /// whom it waits.
    pub(super) fn poll(
        &mut self,
        now: Instant,
        node: &mut LocalNode,
        records: &mut Records,
        usage: &mut Usage,
    ) -> Option<Answer> {
        let waiting = match &mut self.phase {
            Phase::Waiting(waiting) => waiting,
            Phase::Granted(hold) if hold.since + MAX_TAKE_UP <= now => {
                return self.pass_turn_on(usage);
            }
            _ => return None,
        };
        let mut context = Context::from_waker(&self.waker);
        let Poll::Ready(outcome) = Pin::new(&mut waiting.request).poll(&mut context) else {
            waiting.check_limit(now);
            return None;
        };
        let ask = mem::take(&mut waiting.ask);
        let waited = waiting.timer.began.elapsed();
        self.phase = Phase::Idle;
        let guard = match outcome {
            Ok(guard) => guard,
            Err(error) => {
                usage.not_had(&ask.name, not_had(&error));
                return Some(failure(error, ask.at_once));
            }
        };
        let token = guard.token().get();
        // An entry without a record would be forgotten if this process were killed, though
        // its command still runs.
        let until = guard.expires_since_boot();
        let until = until.map(|until| Moment::default() + until);
        let lease = node.lease();
        Some(match records.write(self.entry(&ask, token), until) {
            Ok(record) => {
                let path = record.path.clone();
                self.phase = Phase::Granted(Hold {
                    record,
                    guard,
                    since: now,
                    waited,
                    deadline: until
                        .zip(lease)
                        .map(|(until, lease)| HoldDeadline::new(until, lease)),
                });
                Answer::Granted {
                    token,
                    node: node.id(),
                    record: path,
                    lease_us: lease.map(micros),
                }
            }
            Err(error) => {
                let errno = rustix::io::Errno::from_io_error(&error);
                let way_out = match errno {
                    Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE) => {
                        "raise its limit of open files (LimitNOFILE= of its unit, or ulimit -n)"
                    }
                    _ => {
                        "the agent must be able to write into that directory, on a disk with free \
                         space"
                    }
                };
                let why = format!(
                    "the command was not run, because its entry cannot be recorded in {}: {error}; \
                     {way_out}",
                    records.folder.display()
                );
                log::warn!("lock {:?}: {why}", ask.name);
                usage.not_had(&ask.name, NotHad::Failed);
                Answer::failed(why)
            }
        })
    }

    /// The agent no longer serves this client, which may have gone.
    pub(super) fn refuse(&mut self, why: &str) {
        let _ = self.connection.send(&Answer::failed(why));
    }

    /// Gives up the entry of a client that has not said in time that it takes its turn up:
    /// it is stopped, say, and the group would wait for a process that does not run.
    fn pass_turn_on(&mut self, usage: &mut Usage) -> Option<Answer> {
        let phase = mem::replace(&mut self.phase, Phase::Idle);
        if let Phase::Granted(hold) = phase {
            let Entry {
                lock, pid, command, ..
            } = &hold.record.entry;
            let client = description(*pid, command);
            log::info!("lock {lock:?}: the turn of {client} is passed on: it was not taken up");
            // The client that wakes up finds this before it misses the record.
            let _ = self.connection.send(&Answer::ask_again(NOT_TAKEN_UP));
            hold.give_up(usage, NotHad::NotTakenUp);
        }
        None
    }

    /// When to poll a client that waits, though its request has no outcome, or that was
    /// granted its lock.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Waiting(waiting) => waiting.next_timeout(),
            Phase::Granted(hold) => Some(hold.since + MAX_TAKE_UP),
            Phase::Idle | Phase::Holding(_) => None,
        }
    }

    pub(super) fn waiting_mut(&mut self) -> Option<&mut Waiting> {
        match &mut self.phase {
            Phase::Waiting(waiting) => Some(waiting),
            _ => None,
        }
    }

    pub(super) fn waiting(&self) -> Option<&Waiting> {
        match &self.phase {
            Phase::Waiting(waiting) => Some(waiting),
            _ => None,
        }
    }

    /// The lock that it has or wants.
    pub(super) fn lock(&self) -> Option<&str> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Waiting(waiting) => Some(&waiting.ask.name),
            Phase::Granted(hold) | Phase::Holding(hold) => Some(&hold.record.entry.lock),
        }
    }

    /// The status of a client that has or wants a lock.
    pub(super) fn status(&self, host: &str) -> Option<ClientStatus> {
        match &self.phase {
            Phase::Idle => None,
            Phase::Waiting(waiting) => {
                let ask = &waiting.ask;
                Some(ClientStatus {
                    lock: ask.name.clone(),
                    state: WAITING.to_owned(),
                    token: None,
                    shared: ask.shared,
                    pid: self.pid,
                    uid: self.uid,
                    host: host.to_owned(),
                    command: ask.command.clone(),
                    since_ms: millis(waiting.timer.began.elapsed()),
                    not_begun: false,
                    stopped: is_stopped(self.pid),
                    ticket: waiting.request.ticket(),
                    under: ask.under.clone(),
                })
            }
            Phase::Granted(hold) | Phase::Holding(hold) => Some(ClientStatus {
                not_begun: matches!(self.phase, Phase::Granted(_)),
                stopped: is_stopped(self.pid),
                ..hold.status(HOLDING, host)
            }),
        }
    }

    /// The entry of this client, which was granted a lock with this token.
    fn entry(&self, ask: &Ask, token: u64) -> Entry {
        Entry {
            lock: ask.name.clone(),
            token,
            shared: ask.shared,
            pid: self.pid,
            uid: self.uid,
            command: ask.command.clone(),
            began_us: Some(boot_clock::now().0),
            no_command: ask.no_command,
        }
    }
}

/// Whether a process is stopped, as far as this user may see.
fn is_stopped(pid: Option<u32>) -> bool {
    pid.is_some_and(process::is_stopped)
}

/// Why a request that failed did not get its lock.
fn not_had(error: &LockError) -> NotHad {
    match error {
        LockError::Busy { .. } => NotHad::Busy,
        LockError::Unanswered { .. } => NotHad::Unanswered,
        _ => NotHad::Failed,
    }
}

/// The answer to a request that failed. The client adds the name of the lock.
fn failure(error: LockError, at_once: bool) -> Answer {
    let why = match error {
        LockError::Busy {
            waited, blocked, ..
        } => {
            let limit = match at_once {
                true => String::new(),
                false => format!(" within {:.1} s", waited.as_secs_f64()),
            };
            return Answer::TimedOut {
                why: format!("not run{limit}: {}", blocked.reason()),
                is_unanswered: false,
            };
        }
        LockError::Unanswered { blocked, .. } => {
            return Answer::TimedOut {
                why: format!("not run: {}", blocked.silence()),
                is_unanswered: true,
            };
        }
        LockError::Refused { reason, .. } => format!("the lock cannot be acquired: {reason}"),
        error => error.to_string(),
    };
    Answer::failed(why)
}
