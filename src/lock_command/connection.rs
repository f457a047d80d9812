//! A client's connection to an agent, which may be absent, slow, stopped or killed.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mio::{Registry, Token};
use rustix::event::PollFlags;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use thiserror::Error;

use crate::agent::lines::{self, Lines};
use crate::agent::protocol::{Answer, ClientMessage, MAX_ANSWER};
use crate::agent::socket_path;
use crate::system::{readable, readiness, register_readable};

/// How late an answer may be before the user is told that the agent does not answer.
const SILENCE: Duration = Duration::from_secs(2);

/// The shortest timeout of a system call. To the system, zero means none at all.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// A connection to an agent.
pub(crate) struct Connection {
    agent: PathBuf,
    stream: UnixStream,
    received: Lines,
    /// When to report that the agent does not answer.
    report_silence_at: Option<Instant>,
    /// When to fail because the agent does not answer. `None`: never.
    deadline: Option<Instant>,
    on_silence: Option<Box<dyn FnOnce(AgentSilent)>>,
}

/// An agent that does not answer. The message says how to check.
#[derive(Debug, Error)]
#[error(
    "{}: it may be stopped, and then ps -C turno -o pid,stat,args shows it with T, and kill -CONT \
     PID resumes it",
    self.summary()
)]
pub(crate) struct AgentSilent {
    agent: PathBuf,
    is_reported: bool,
}

impl AgentSilent {
    /// The message without how to check.
    pub(crate) fn summary(&self) -> String {
        format!("the agent at {} does not answer", self.agent.display())
    }

    /// The message, without how to check if that was reported before.
    pub(super) fn conclusion(&self) -> String {
        if self.is_reported {
            self.summary()
        } else {
            self.to_string()
        }
    }
}

/// Why an agent has not answered. The message says what to do.
#[derive(Debug, Error)]
pub(crate) enum ConnectionError {
    /// The agent has not answered before the deadline.
    #[error(transparent)]
    AgentSilent(AgentSilent),
    /// No agent listens, or it has closed the connection. Another may be started.
    #[error("{0}")]
    Absent(String),
    /// This user may not use the agent, or it has broken the protocol.
    #[error("{0}")]
    Failed(String),
}

/// Why an agent no longer serves a client that holds a lock: a sentence.
#[derive(Debug)]
pub(super) enum Loss {
    /// It is about to end, and the command is to end first.
    Ends(String),
    /// It was killed, or is restarted. Another may be started.
    Gone(String),
    /// It does not hold the lock.
    NotHeld(String),
}

/// What a client hears of its agent while its command runs.
#[derive(Debug)]
pub(super) enum News {
    Nothing,
    /// The agent has taken the entry over, and serves this client.
    Resumed,
    Loss(Loss),
}

impl ConnectionError {
    fn not_connected(agent: &Path, error: &io::Error) -> Self {
        let agent = agent.display();
        match error.kind() {
            ErrorKind::PermissionDenied => ConnectionError::Failed(format!(
                "this user may not use the agent at {agent}: ls -l {agent} shows which user and \
                 group may (turno agent --socket-group)"
            )),
            _ => ConnectionError::Absent(format!(
                "no agent listens at {agent}: {error}; start one with turno agent (systemctl \
                 start turno), or give its socket with --socket or TURNO_SOCKET"
            )),
        }
    }

    fn lost(agent: &Path, error: &io::Error) -> Self {
        let agent = agent.display();
        let why = format!("the agent at {agent} is lost: {error}");
        match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                ConnectionError::Absent(why)
            }
            _ => ConnectionError::Failed(why),
        }
    }
}

impl Connection {
    /// Connects to the agent that listens at this path. The connection fails when the
    /// agent does not answer before `deadline`. `on_silence` is called at most once, when
    /// the agent is late.
    pub(crate) fn open(
        agent: &Path,
        deadline: Option<Instant>,
        on_silence: impl FnOnce(AgentSilent) + 'static,
    ) -> Result<Self, ConnectionError> {
        socket_path::check(agent).map_err(ConnectionError::Failed)?;
        let socket = || -> io::Result<_> {
            let family = AddressFamily::UNIX;
            let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            Ok((UnixStream::from(socket), SocketAddrUnix::new(agent)?))
        };
        let not_connected = ConnectionError::not_connected;
        let (stream, address) = socket().map_err(|error| not_connected(agent, &error))?;
        let mut connection = Connection {
            agent: agent.to_owned(),
            stream,
            received: Lines::default(),
            report_silence_at: None,
            deadline,
            on_silence: Some(Box::new(on_silence)),
        };
        connection.expect_answer_within(Duration::ZERO);
        // This blocks while an agent that is stopped has its queue of connections full.
        connection.retry(None, not_connected, |connection, timeout| {
            set_socket_timeout(&connection.stream, Timeout::Send, timeout)?;
            Ok(connect(&connection.stream, &address)?)
        })?;
        Ok(connection)
    }

    /// Connects to an agent that may be absent, without waiting for it.
    pub(super) fn try_open(agent: &Path) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        connect(&socket, &SocketAddrUnix::new(agent)?)?;
        Ok(Connection {
            agent: agent.to_owned(),
            stream: UnixStream::from(socket),
            received: Lines::default(),
            report_silence_at: None,
            deadline: None,
            on_silence: None,
        })
    }

    /// The agent has to send its next answer within this time.
    pub(crate) fn expect_answer_within(&mut self, time: Duration) {
        self.report_silence_at = Instant::now().checked_add(time.saturating_add(SILENCE));
    }

    /// Moves the deadline to at least this time from now: the agent has acted for this
    /// client, which is not to fail because it was itself stopped for a while.
    pub(crate) fn extend_deadline(&mut self, time: Duration) {
        let earliest = Instant::now().checked_add(time);
        self.deadline = self
            .deadline
            .and_then(|deadline| Some(deadline.max(earliest?)));
        self.expect_answer_within(Duration::ZERO);
    }

    pub(crate) fn send(&mut self, message: &ClientMessage) -> Result<(), ConnectionError> {
        let sent = lines::encode(message).and_then(|line| self.stream.write_all(&line));
        sent.map_err(|error| self.lost(&error))
    }

    /// Receives the next answer. `None` if it has not come at `until`.
    pub(crate) fn receive(
        &mut self,
        until: Option<Instant>,
    ) -> Result<Option<Answer>, ConnectionError> {
        self.receive_unless(until, None)
    }

    /// Receives the next answer. `None` if it has not come at `until`, or when `wake` can be
    /// read.
    pub(super) fn receive_unless(
        &mut self,
        until: Option<Instant>,
        wake: Option<&UnixStream>,
    ) -> Result<Option<Answer>, ConnectionError> {
        let received = self.retry(until, ConnectionError::lost, |connection, timeout| {
            if let Some(answer) = connection.received.next(MAX_ANSWER)? {
                return Ok(Some(answer));
            }
            let stream = connection.stream.as_fd();
            let [has_input, is_woken] = match wake {
                Some(wake) => readable([stream, wake.as_fd()], timeout)?,
                None => [readable([stream], timeout)?[0], false],
            };
            if is_woken {
                return Ok(None);
            }
            if !has_input {
                return Err(ErrorKind::WouldBlock.into());
            }
            connection.read_answer().map(Some)
        });
        received.map(Option::flatten)
    }

    /// Registers the connection with a poll. From now on only [`Connection::news`] reads.
    pub(crate) fn register(&self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream.set_nonblocking(true)?;
        register_readable(&self.stream, registry, token)
    }

    /// What has become of the agent, to a client that runs a command. Does not wait.
    pub(super) fn news(&mut self) -> News {
        let says = |why: &str| format!("the agent says: {why}");
        loop {
            return match self.read_answer() {
                Ok(Answer::Resumed {}) => News::Resumed,
                Ok(Answer::NotHeld { why }) => News::Loss(Loss::NotHeld(says(&why))),
                Ok(Answer::Failed { why, again: true }) => News::Loss(Loss::Gone(says(&why))),
                Ok(Answer::Failed { why, again: false }) => News::Loss(Loss::Ends(says(&why))),
                // No other answer has a meaning while the lock is held.
                Ok(_) => continue,
                Err(error) if is_temporary(&error) => News::Nothing,
                Err(error) => {
                    let why = format!("the agent is lost: {error}");
                    News::Loss(Loss::Gone(why))
                }
            };
        }
    }

    /// Releases the lock, and waits until the agent closes the connection, but not longer
    /// than `max_wait`.
    pub(crate) fn release(mut self, max_wait: Duration) {
        let until = Instant::now() + max_wait;
        (self.report_silence_at, self.deadline) = (None, None);
        if self.stream.set_nonblocking(false).is_ok() && self.send(&ClientMessage::Done {}).is_ok()
        {
            while let Ok(Some(_)) = self.receive(Some(until)) {}
        }
    }

    pub(crate) fn lost(&self, error: &io::Error) -> ConnectionError {
        ConnectionError::lost(&self.agent, error)
    }

    /// Repeats an operation with a timeout until the agent lets it succeed. `None` if it
    /// has not succeeded at `until`. `failed` describes an error that ends it.
    fn retry<T>(
        &mut self,
        until: Option<Instant>,
        failed: fn(&Path, &io::Error) -> ConnectionError,
        mut operation: impl FnMut(&mut Self, Option<Duration>) -> io::Result<T>,
    ) -> Result<Option<T>, ConnectionError> {
        loop {
            let now = Instant::now();
            // If this process was stopped itself, an answer may be there that it has not
            // read.
            if !self.has_input() {
                let silent = |is_reported| AgentSilent {
                    agent: self.agent.clone(),
                    is_reported,
                };
                if self.report_silence_at.take_if(|at| *at <= now).is_some()
                    && let Some(on_silence) = self.on_silence.take()
                {
                    on_silence(silent(false));
                }
                if self.deadline.is_some_and(|at| at <= now) {
                    let is_reported = self.on_silence.is_none();
                    return Err(ConnectionError::AgentSilent(silent(is_reported)));
                }
            }
            if until.is_some_and(|at| at <= now) {
                return Ok(None);
            }
            let next = [self.report_silence_at, self.deadline, until];
            let next = next.into_iter().flatten().min();
            let timeout = next.map(|at| at.saturating_duration_since(now).max(MIN_TIMEOUT));
            match operation(self, timeout) {
                Ok(done) => return Ok(Some(done)),
                // SIGSTOP with SIGCONT interrupts it, too.
                Err(error) if is_temporary(&error) => {}
                Err(error) => return Err(failed(&self.agent, &error)),
            }
        }
    }

    /// Whether there is an answer, or a part of one, to read.
    fn has_input(&self) -> bool {
        let ready = || readiness(&self.stream, PollFlags::IN);
        self.received.has_line() || ready().is_ok_and(|ready| ready.contains(PollFlags::IN))
    }

    fn read_answer(&mut self) -> io::Result<Answer> {
        loop {
            if let Some(answer) = self.received.next(MAX_ANSWER)? {
                return Ok(answer);
            }
            let mut bytes = [0; 16 << 10];
            match self.stream.read(&mut bytes)? {
                0 => {
                    let why = "it closed the connection";
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, why));
                }
                length => self.received.push(&bytes[..length]),
            }
        }
    }
}

fn is_temporary(error: &io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}
