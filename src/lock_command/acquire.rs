//! The client acquires its lock from the agent. It has nothing to lose meanwhile: when it
//! loses the agent, it asks the next one.

use std::fs::File;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::absence::Absence;
use super::ask::ask;
use super::connection::{AgentSilent, Connection};
use super::messages::{self, Messages, rounded};
use super::record::lock;
use super::setback::{Setback, not_locked};
use super::signals::Stops;
use super::{LockCommandError, LockOptions, MIN_REPORTED_WAIT, WaitLimit, with_lock_name};
use crate::agent::protocol::{Answer, ClientMessage};

/// How long an agent may take to tell a client that was granted its lock to go.
const MAX_GO: Duration = Duration::from_secs(5);

/// How long a client that does not wait waits for the answer of its agent: a try takes at
/// most five seconds.
const MAX_TRY: Duration = Duration::from_secs(8);

/// How long after its own limit the client still reads the agent's answer, which says what
/// stood in the way.
const MAX_LATE: Duration = Duration::from_millis(500);

/// How long the agent may take to tell who has the lock.
const MAX_SURVEY: Duration = Duration::from_secs(3);

/// A client that has looked for an agent for less than this time has not waited.
const MIN_WAITED: Duration = Duration::from_millis(100);

/// After this wait the client handles SIGTSTP. A lock that is free is acquired sooner.
const SHORT_WAIT: Duration = Duration::from_millis(50);

/// An acquired lock.
pub(super) struct Acquired {
    /// The fencing token of the entry.
    pub(super) token: u64,
    /// The id of this machine's member.
    pub(super) node: u16,
    /// The length of the lease, if the group has failover.
    pub(super) lease: Option<Duration>,
    /// The record of the entry, which stays locked while a process has it open.
    pub(super) record: File,
}

/// The turn under which the command may run.
pub(super) enum Turn {
    /// Its own.
    Own(Connection, Acquired),
    /// That under which this process runs already. It is the outer `turno lock` that ends
    /// the command if it has to.
    Outer { node: u16, is_shared: bool },
}

/// Requests the lock, and waits for it. A signal ends this process as it does any other:
/// it holds nothing yet that would outlive it.
pub(super) fn acquire(
    options: &LockOptions,
    messages: &mut Messages<'_>,
) -> Result<Turn, LockCommandError> {
    let mut waiter = Waiter {
        options,
        messages,
        began: Instant::now(),
        has_connected: false,
        is_agent_older: false,
        absence: None,
        stops: None,
    };
    loop {
        let connection = waiter.connect();
        let outcome = connection.and_then(|connection| waiter.ask(connection));
        match outcome {
            Ok(turn) => return Ok(turn),
            Err(Setback::Failed(error)) => return Err(error),
            Err(Setback::Stopped) => {
                // The connection is closed: it does not stand in line.
                if let Some(stops) = &mut waiter.stops {
                    stops.stop();
                }
            }
            Err(Setback::Again(why)) => {
                waiter.check_limit(&why)?;
                // It is there: the patience with it begins again.
                let absence = waiter.absence.get_or_insert_with(Absence::begin);
                absence.begin_again();
                let pause = absence.next_pause(None).unwrap_or_default();
                waiter.pause(&why, pause);
            }
            Err(Setback::Absent(why)) => waiter.wait_for_agent(&why)?,
        }
    }
}

/// A client that waits for its lock.
struct Waiter<'a, 'b> {
    options: &'a LockOptions,
    messages: &'a mut Messages<'b>,
    began: Instant,
    /// Whether it has found an agent.
    has_connected: bool,
    /// It does not know every field of a request.
    is_agent_older: bool,
    /// While no agent is there that has answered.
    absence: Option<Absence>,
    /// After a while, to leave the line when the user stops this process.
    stops: Option<Stops>,
}

impl Waiter<'_, '_> {
    fn connect(&mut self) -> Result<Connection, Setback> {
        let lock = self.options.lock.clone();
        let on_silence = move |silent: AgentSilent| {
            messages::print(&with_lock_name(&lock, &silent.to_string()));
        };
        let deadline = match self.options.wait_limit {
            WaitLimit::AtOnce => Instant::now().checked_add(MAX_TRY),
            WaitLimit::AtMost(time) => self.began.checked_add(time.saturating_add(MAX_LATE)),
            WaitLimit::Unlimited => None,
        };
        let connection = Connection::open(&self.options.socket, deadline, on_silence)?;
        self.has_connected = true;
        Ok(connection)
    }

    /// Asks the agent for the lock, and waits until it is acquired.
    fn ask(&mut self, mut connection: Connection) -> Result<Turn, Setback> {
        let asked_at = Instant::now();
        let waited = asked_at.duration_since(self.began);
        let waited = Some(waited).filter(|waited| *waited >= MIN_WAITED);
        let mut ask = ask(self.options, waited.unwrap_or_default());
        if self.is_agent_older {
            (ask.outer, ask.reentrant, ask.under) = (None, false, Vec::new());
        }
        let is_plain = ask.outer.is_none() && !ask.reentrant && ask.under.is_empty() && !ask.shared;
        connection.send(&ClientMessage::Ask(ask))?;
        let report_at = self.began + MIN_REPORTED_WAIT;
        let mut unreported: Option<String> = None;
        let mut acquired: Option<Acquired> = None;
        loop {
            if Instant::now() >= report_at
                && let Some(text) = unreported.take()
            {
                self.messages.report_wait(&text);
            }
            let catch_at = self.stops.is_none().then_some(asked_at + SHORT_WAIT);
            let report_at = unreported.is_some().then_some(report_at);
            let until = [catch_at, report_at].into_iter().flatten().min();
            let wake = self.stops.as_ref().map(Stops::requests);
            let Some(answer) = connection.receive_unless(until, wake)? else {
                if self.stops.as_ref().is_some_and(Stops::is_requested) {
                    return Err(Setback::Stopped);
                }
                if catch_at.is_some_and(|at| at <= Instant::now()) {
                    self.stops = Some(Stops::catch()?);
                }
                continue;
            };
            match (answer, acquired.take()) {
                (Answer::Waiting { text }, before) => {
                    unreported = Some(text);
                    acquired = before;
                    self.absence = None;
                    // The next report comes when the wait has lasted twice as long.
                    connection.expect_answer_within(asked_at.elapsed());
                }
                (
                    Answer::Granted {
                        token,
                        node,
                        record,
                        lease_us,
                    },
                    None,
                ) => {
                    unreported = None;
                    self.absence = None;
                    let record = match lock(&record) {
                        Ok(record) => record,
                        Err(error) => return Err(not_locked(&mut connection, error)),
                    };
                    acquired = Some(Acquired {
                        token,
                        node,
                        record,
                        lease: lease_us.map(Duration::from_micros),
                    });
                    connection.send(&match lease_us {
                        None => ClientMessage::Locked {},
                        Some(_) => ClientMessage::LockedUntil {},
                    })?;
                    connection.extend_deadline(MAX_GO);
                }
                (Answer::Go {}, Some(acquired)) => {
                    let (waited, token) = (rounded(self.began.elapsed()), acquired.token);
                    let text = format!("acquired after {waited}, token {token}");
                    self.messages.report_entry(&text);
                    // From here on the turn stands, and the command is stopped with this
                    // process.
                    if let Some(mut stops) = self.stops.take()
                        && stops.is_requested()
                    {
                        stops.stop();
                    }
                    return Ok(Turn::Own(connection, acquired));
                }
                (
                    Answer::TimedOut {
                        why,
                        is_unanswered: true,
                    },
                    _,
                ) => return Err(Setback::Failed(LockCommandError::Unanswered(why))),
                (Answer::TimedOut { mut why, .. }, _) => {
                    // From here on a stop is one as of any other program.
                    self.stops = None;
                    if self.options.is_verbose
                        && let Some(holder) = self.holder(&mut connection)
                    {
                        why = format!("{why}; {holder}");
                    }
                    return Err(Setback::Failed(LockCommandError::Busy(why)));
                }
                (Answer::Failed { why, again: true }, _) => {
                    return Err(Setback::Again(format!("the agent says: {why}")));
                }
                (Answer::Within { node, shared }, None) => {
                    return Ok(Turn::Outer {
                        node,
                        is_shared: shared,
                    });
                }
                (Answer::Failed { why, .. }, None)
                    if !is_plain && why.contains("unknown field") =>
                {
                    if self.options.is_reentrant {
                        let why = "the agent is older than this turno lock, and does not know of \
                                   --reentrant: restart the agent";
                        return Err(Setback::Failed(LockCommandError::Failed(why.to_owned())));
                    }
                    // Whether it is this field that it does not know, the next answer tells.
                    if self.options.is_shared && self.is_agent_older {
                        let why = "the agent is older than this turno lock, and does not know of \
                                   --shared: restart the agent";
                        return Err(Setback::Failed(LockCommandError::Failed(why.to_owned())));
                    }
                    self.is_agent_older = true;
                    return Err(Setback::Again(format!("the agent says: {why}")));
                }
                (Answer::Failed { why, again: false }, _) => {
                    let why = format!("the agent says: {why}");
                    return Err(Setback::Failed(LockCommandError::Failed(why)));
                }
                (answer, _) => {
                    let why = format!("it sent an unexpected answer: {answer:?}");
                    return Err(connection.lost(&io::Error::other(why)).into());
                }
            }
        }
    }

    /// Who has the lock, as the members tell: member, process, command, and since when.
    /// `None`: none of them has it any more, or the agent is older and does not ask them.
    fn holder(&self, connection: &mut Connection) -> Option<String> {
        connection.extend_deadline(MAX_SURVEY);
        let question = ClientMessage::Group {
            lock: Some(self.options.lock.as_str().to_owned()),
            brief: true,
        };
        connection.send(&question).ok()?;
        let Answer::Status(status) = connection.receive(None).ok()?? else {
            return None;
        };
        let group = status.group?;
        let holder = group.holder(self.options.lock.as_str())?;
        let mut peers = status.node.peers.iter();
        let member = match peers.find(|peer| peer.id == holder.member) {
            Some(peer) => peer.shown_name(),
            None => format!("this machine ({})", holder.member),
        };
        Some(holder.as_holder(&member))
    }

    /// Waits a moment for an agent, unless the time for that is over.
    ///
    /// # Errors
    /// Why none is there.
    fn wait_for_agent(&mut self, why: &str) -> Result<(), LockCommandError> {
        let absence = self.absence.get_or_insert_with(Absence::begin);
        let over_at = match self.options.wait_limit {
            WaitLimit::AtMost(time) => self.began.checked_add(time),
            _ if self.has_connected => absence.patience_ends_at(self.options.agent_patience),
            // Without a limit of its own a client that finds no agent fails at once.
            _ => Some(Instant::now()),
        };
        let Some(pause) = absence.next_pause(over_at) else {
            return Err(LockCommandError::Failed(self.too_long(why)));
        };
        self.pause(why, pause);
        Ok(())
    }

    /// Waits for this time, and reports a long absence of the agent.
    fn pause(&mut self, why: &str, pause: Duration) {
        let absence = self.absence.as_mut();
        if absence.is_some_and(Absence::is_to_be_reported) {
            self.messages.report_wait(&format!("for the agent: {why}"));
        }
        match &mut self.stops {
            Some(stops) => {
                if stops.is_requested_within(pause) {
                    stops.stop();
                }
            }
            None => thread::sleep(pause),
        }
    }

    /// Whether to ask again: the time for that may be over.
    fn check_limit(&self, why: &str) -> Result<(), LockCommandError> {
        let limit = match self.options.wait_limit {
            WaitLimit::AtMost(time) => time,
            WaitLimit::AtOnce => MAX_TRY,
            WaitLimit::Unlimited => return Ok(()),
        };
        if self.began.elapsed() < limit {
            return Ok(());
        }
        Err(LockCommandError::Failed(self.too_long(why)))
    }

    /// Why the command was not run, to a user who has set a limit.
    fn too_long(&self, why: &str) -> String {
        match self.options.wait_limit {
            WaitLimit::AtMost(time) => format!("not acquired within {}: {why}", rounded(time)),
            _ => why.to_owned(),
        }
    }
}
