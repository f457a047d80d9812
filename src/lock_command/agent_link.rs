//! The client's link to its agent while its command runs. A lost one is made again: the
//! record keeps the lock meanwhile, and proves to the next agent whose entry it is.

use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::{Registry, Token};

use super::acquire::Acquired;
use super::connection::{Connection, Loss, News};
use super::messages::rounded;
use super::{LockOptions, outer_turns};
use crate::agent::protocol::{ClientMessage, Turn};

/// The first pause between two tries to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// The longest one.
const MAX_PAUSE: Duration = Duration::from_millis(250);

/// How long an agent that is there again has to answer at least.
const MAX_ANSWER: Duration = Duration::from_secs(2);

/// How long an agent may be away before that is reported: a restart is no news.
const QUIET: Duration = Duration::from_secs(2);

/// A connection that is made again when it is lost.
pub(super) struct AgentLink {
    socket: PathBuf,
    turn: Turn,
    record: File,
    /// How long the agent may be away. `None`: the lease of its member limits that.
    patience: Option<Duration>,
    quiet: Duration,
    state: State,
}

enum State {
    Connected(Connection),
    /// The agent is away.
    Absent {
        absence: Absence,
        retry_at: Instant,
        pause: Duration,
    },
    /// An agent is there again, and was asked to take the entry over.
    Resuming {
        absence: Absence,
        connection: Connection,
        asked_at: Instant,
    },
    /// The client does not look for the agent any more.
    Ended,
}

struct Absence {
    since: Instant,
    why: String,
    is_reported: bool,
}

/// What the client has to act on.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// The agent is away for some time: why.
    Absent(String),
    /// The agent is back, and serves this client as before.
    Back {
        after: Duration,
        /// Whether the user was told that it was away.
        was_reported: bool,
    },
    /// The command has to end: why.
    Lost(String),
    /// The agent does not hold the lock: why. The command must not go on.
    NotHeld(String),
}

impl AgentLink {
    /// The link of a client that was granted its lock on this connection.
    pub(super) fn new(
        connection: Connection,
        acquired: &Acquired,
        options: &LockOptions,
    ) -> io::Result<Self> {
        let record = acquired.record.try_clone()?;
        let quiet = match (options.is_verbose, acquired.lease) {
            (true, _) => Duration::ZERO,
            (false, Some(lease)) => QUIET.min(lease / 4),
            (false, None) => QUIET,
        };
        Ok(AgentLink {
            socket: options.socket.clone(),
            turn: outer_turns::turn(&options.lock, acquired.token, &record)?,
            record,
            patience: acquired.lease.is_none().then_some(options.agent_patience),
            quiet,
            state: State::Connected(connection),
        })
    }

    /// Registers the connection with a poll.
    pub(super) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        match &self.state {
            State::Connected(connection) => connection.register(registry, token),
            _ => Ok(()),
        }
    }

    /// What has become of the agent since the last call. Connects again if it is time to.
    pub(super) fn next_event(&mut self, registry: &Registry, token: Token) -> Option<LinkEvent> {
        let now = Instant::now();
        match mem::replace(&mut self.state, State::Ended) {
            State::Ended => None,
            State::Connected(mut connection) => match connection.news() {
                News::Nothing | News::Resumed => {
                    self.state = State::Connected(connection);
                    None
                }
                News::Loss(Loss::Gone(why)) => {
                    drop(connection);
                    let absence = Absence {
                        since: now,
                        why,
                        is_reported: false,
                    };
                    self.connect(absence, FIRST_PAUSE, registry, token)
                }
                News::Loss(loss) => Some(ended(loss)),
            },
            State::Absent {
                absence,
                retry_at,
                pause,
            } if retry_at > now => {
                self.state = State::Absent {
                    absence,
                    retry_at,
                    pause,
                };
                self.check_absence(now)
            }
            State::Absent { absence, pause, .. } => {
                self.connect(absence, MAX_PAUSE.min(pause * 2), registry, token)
            }
            State::Resuming {
                absence,
                mut connection,
                asked_at,
            } => match connection.news() {
                News::Nothing => {
                    self.state = State::Resuming {
                        absence,
                        connection,
                        asked_at,
                    };
                    self.check_absence(now)
                }
                News::Resumed => {
                    self.state = State::Connected(connection);
                    Some(LinkEvent::Back {
                        after: absence.since.elapsed(),
                        was_reported: absence.is_reported,
                    })
                }
                News::Loss(Loss::Gone(_)) => {
                    drop(connection);
                    self.wait(absence, FIRST_PAUSE);
                    self.check_absence(now)
                }
                News::Loss(Loss::Ends(why)) if why.contains("unknown variant") => {
                    let why = "the agent is older than this turno lock, and does not take its \
                               command over";
                    Some(LinkEvent::Lost(why.to_owned()))
                }
                News::Loss(loss) => Some(ended(loss)),
            },
        }
    }

    /// When to call [`AgentLink::next_event`] though nothing has arrived.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let (absence, retry_at) = match &self.state {
            State::Connected(_) | State::Ended => return None,
            State::Absent {
                absence, retry_at, ..
            } => (absence, Some(*retry_at)),
            State::Resuming { absence, .. } => (absence, None),
        };
        let report_at = (!absence.is_reported).then_some(absence.since + self.quiet);
        let due = [retry_at, report_at, self.patience_ends_at()];
        due.into_iter().flatten().min()
    }

    /// Releases the lock. Whether an agent was there to do it: the next one sees that the
    /// record is unlocked.
    pub(super) fn release(self, max_wait: Duration) -> bool {
        match self.state {
            State::Connected(connection) | State::Resuming { connection, .. } => {
                connection.release(max_wait);
                true
            }
            State::Absent { .. } | State::Ended => false,
        }
    }

    fn connect(
        &mut self,
        absence: Absence,
        pause: Duration,
        registry: &Registry,
        token: Token,
    ) -> Option<LinkEvent> {
        if self.patience == Some(Duration::ZERO) {
            self.wait(absence, pause);
            return self.check_absence(Instant::now());
        }
        // An agent that is started now does not find the entry.
        if self
            .record
            .metadata()
            .is_ok_and(|record| record.nlink() == 0)
        {
            let why = format!("{}, and the record of the entry is gone", absence.why);
            return Some(LinkEvent::NotHeld(why));
        }
        let opened = Connection::try_open(&self.socket).and_then(|mut connection| {
            connection.register(registry, token)?;
            let resume = ClientMessage::Resume(self.turn.clone());
            connection.send(&resume).map_err(io::Error::other)?;
            Ok(connection)
        });
        match opened {
            Ok(connection) => {
                self.state = State::Resuming {
                    absence,
                    connection,
                    asked_at: Instant::now(),
                }
            }
            Err(_) => self.wait(absence, pause),
        }
        self.check_absence(Instant::now())
    }

    fn wait(&mut self, absence: Absence, pause: Duration) {
        self.state = State::Absent {
            absence,
            retry_at: Instant::now() + pause,
            pause,
        };
    }

    /// When the command has to end. `None`: the agent is there, or the patience has no end.
    fn patience_ends_at(&self) -> Option<Instant> {
        match &self.state {
            State::Connected(_) | State::Ended => None,
            State::Absent { absence, .. } => absence.since.checked_add(self.patience?),
            // This process may have been stopped for longer than its patience.
            State::Resuming {
                absence, asked_at, ..
            } => {
                let ends_at = absence.since.checked_add(self.patience?)?;
                Some(ends_at.max(*asked_at + MAX_ANSWER))
            }
        }
    }

    /// Whether the agent is away for so long that something has to be done.
    fn check_absence(&mut self, now: Instant) -> Option<LinkEvent> {
        let is_over = self.patience_ends_at().is_some_and(|at| at <= now);
        let (State::Absent { absence, .. } | State::Resuming { absence, .. }) = &mut self.state
        else {
            return None;
        };
        let waited = now.saturating_duration_since(absence.since);
        if let Some(patience) = self.patience
            && is_over
        {
            let mut why = mem::take(&mut absence.why);
            if !patience.is_zero() {
                why = format!("{why}, and has not come back within {}", rounded(patience));
            }
            self.state = State::Ended;
            return Some(LinkEvent::Lost(why));
        }
        if waited < self.quiet || mem::replace(&mut absence.is_reported, true) {
            return None;
        }
        Some(LinkEvent::Absent(absence.why.clone()))
    }
}

/// The event of a loss after which no agent is looked for.
fn ended(loss: Loss) -> LinkEvent {
    match loss {
        Loss::NotHeld(why) => LinkEvent::NotHeld(why),
        Loss::Ends(why) | Loss::Gone(why) => LinkEvent::Lost(why),
    }
}
