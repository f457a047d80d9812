//! The client's end of an agent's socket: lines in and out, and an end of the
//! patience with an agent that says nothing.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::event::PollFlags;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use thiserror::Error;

use crate::agent::protocol::{self, Answer, ClientMessage, LONGEST_ANSWER};
use crate::agent::socket_path::{self, PathTooLong};
use crate::system::readiness;

/// How much longer than it should take a word of the agent may take before the
/// user is told that it does not come.
const SILENCE: Duration = Duration::from_secs(2);

/// The shortest time that is waited for anything.
const LEAST: Duration = Duration::from_millis(1);

/// A client's end of a connection to an agent.
pub(crate) struct Connection {
    agent: PathBuf,
    stream: UnixStream,
    unread: Vec<u8>,
    /// So much of it has no end of a line.
    looked_at: usize,
    /// When it is told that the agent does not answer, if that is to be told.
    silent_at: Option<Instant>,
    /// When it is not waited for any longer.
    ends: Option<Instant>,
    tell: Option<Box<dyn FnOnce(AgentSilent)>>,
}

/// An agent that does not answer. It says how to look.
#[derive(Debug, Error)]
#[error(
    "{}: perhaps it is stopped; ps -C turno -o pid,stat,args shows a T then, and kill -CONT \
     has it go on",
    self.in_short()
)]
pub(crate) struct AgentSilent(PathBuf);

impl AgentSilent {
    /// Without how to look.
    pub(crate) fn in_short(&self) -> String {
        format!("the agent at {} does not answer", self.0.display())
    }
}

/// Why there is no answer. The message says what to do.
#[derive(Debug, Error)]
pub(crate) enum ConnectionError {
    /// No socket can be there.
    #[error(transparent)]
    Path(#[from] PathTooLong),
    /// Nobody listens at the socket.
    #[error(
        "no agent listens at {}: {source}. Start one with turno agent (systemctl start turno), \
         or say with --socket or TURNO_SOCKET where it is",
        agent.display()
    )]
    NoAgent { agent: PathBuf, source: io::Error },
    /// The socket is not for us.
    #[error("this user may not use the agent at {}: ls -l shows whose group may", .0.display())]
    NotForUs(PathBuf),
    /// It has not answered for as long as the client would wait.
    #[error(transparent)]
    AgentSilent(AgentSilent),
    /// It has gone, or says what nobody understands.
    #[error("the agent at {} is lost: {source}", agent.display())]
    Lost { agent: PathBuf, source: io::Error },
}

impl Connection {
    /// Connects to the agent that listens there, and waits for no word of it for
    /// longer than this. That it does not answer is told at most once, as soon as
    /// that is to be seen.
    pub(crate) fn open(
        agent: &Path,
        patience: Option<Duration>,
        tell: impl FnOnce(AgentSilent) + 'static,
    ) -> Result<Self, ConnectionError> {
        socket_path::check(agent)?;
        let no_agent = |source| ConnectionError::NoAgent {
            agent: agent.to_owned(),
            source,
        };
        let socket = || -> io::Result<_> {
            let family = AddressFamily::UNIX;
            let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            Ok((UnixStream::from(socket), SocketAddrUnix::new(agent)?))
        };
        let (stream, address) = socket().map_err(no_agent)?;
        let mut connection = Connection {
            agent: agent.to_owned(),
            stream,
            unread: Vec::new(),
            looked_at: 0,
            silent_at: None,
            // A time beyond all measure is none.
            ends: patience.and_then(|patience| Instant::now().checked_add(patience)),
            tell: Some(Box::new(tell)),
        };
        connection.expect_word_after(Duration::ZERO);
        // An agent that is stopped takes no connections, when enough wait.
        let connected = connection.attend(None, |connection, left| {
            set_socket_timeout(&connection.stream, Timeout::Send, left)?;
            Ok(connect(&connection.stream, &address)?)
        });
        match connected {
            Ok(_) => Ok(connection),
            Err(ConnectionError::Lost { source, .. }) => Err(match source.kind() {
                ErrorKind::PermissionDenied => ConnectionError::NotForUs(connection.agent),
                _ => no_agent(source),
            }),
            Err(error) => Err(error),
        }
    }

    /// The agent has something to say so long from now.
    pub(crate) fn expect_word_after(&mut self, time: Duration) {
        self.silent_at = Instant::now().checked_add(time.saturating_add(SILENCE));
    }

    /// The agent has begun to act for us: it is not given up before this time, however
    /// much has passed.
    pub(crate) fn wait_at_least(&mut self, time: Duration) {
        let least = Instant::now().checked_add(time);
        self.ends = self.ends.and_then(|ends| Some(ends.max(least?)));
        self.expect_word_after(Duration::ZERO);
    }

    pub(crate) fn say(&mut self, said: &ClientMessage) -> Result<(), ConnectionError> {
        let said = protocol::line(said).and_then(|line| self.stream.write_all(&line));
        said.map_err(|source| self.lost(source))
    }

    /// The next answer; none if it has not come by then.
    pub(crate) fn hear(
        &mut self,
        until: Option<Instant>,
    ) -> Result<Option<Answer>, ConnectionError> {
        self.attend(until, |connection, left| {
            connection.stream.set_read_timeout(left)?;
            connection.answer()
        })
    }

    /// From here on it is watched, and heard no more: see [`Connection::loss`].
    pub(crate) fn watch(&self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream.set_nonblocking(true)?;
        let descriptor = self.stream.as_raw_fd();
        registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)
    }

    /// Why the lock is lost, if it is.
    pub(crate) fn loss(&mut self) -> Option<String> {
        loop {
            match self.answer() {
                Ok(Answer::Failed { why }) => return Some(format!("the agent says: {why}")),
                // It has nothing else to say while the lock is held.
                Ok(_) => {}
                Err(error) if is_for_now(&error) => return None,
                Err(error) => return Some(format!("the agent is lost: {error}")),
            }
        }
    }

    /// Says that the lock is free, and waits until the agent knows, for so long
    /// at most.
    pub(crate) fn part(mut self, at_most: Duration) {
        let until = Instant::now() + at_most;
        (self.silent_at, self.ends) = (None, None);
        if self.stream.set_nonblocking(false).is_ok() && self.say(&ClientMessage::Done {}).is_ok() {
            while let Ok(Some(_)) = self.hear(Some(until)) {}
        }
    }

    pub(crate) fn lost(&self, source: io::Error) -> ConnectionError {
        let agent = self.agent.clone();
        ConnectionError::Lost { agent, source }
    }

    /// Does what may take until the agent does something, for so long at a time as
    /// there is nothing else to do; none if it was not done by then.
    fn attend<T>(
        &mut self,
        until: Option<Instant>,
        mut once: impl FnMut(&mut Self, Option<Duration>) -> io::Result<T>,
    ) -> Result<Option<T>, ConnectionError> {
        loop {
            let now = Instant::now();
            // We may have been stopped ourselves, and have a word to read.
            if !self.has_word() {
                let silent = || AgentSilent(self.agent.clone());
                if self.silent_at.take_if(|at| *at <= now).is_some()
                    && let Some(tell) = self.tell.take()
                {
                    tell(silent());
                }
                if self.ends.is_some_and(|at| at <= now) {
                    return Err(ConnectionError::AgentSilent(silent()));
                }
            }
            if until.is_some_and(|at| at <= now) {
                return Ok(None);
            }
            let next = [self.silent_at, self.ends, until].into_iter().flatten();
            // No time at all would be one without end to the system.
            let left = next
                .min()
                .map(|at| at.saturating_duration_since(now).max(LEAST));
            match once(self, left) {
                Ok(done) => return Ok(Some(done)),
                // A stop and a start again interrupt it, too.
                Err(error) if is_for_now(&error) => {}
                Err(error) => return Err(self.lost(error)),
            }
        }
    }

    /// Whether there is anything to be heard: read already, or not.
    fn has_word(&self) -> bool {
        let ready = || readiness(&self.stream, PollFlags::IN);
        self.unread[self.looked_at..].contains(&b'\n')
            || ready().is_ok_and(|ready| ready.contains(PollFlags::IN))
    }

    /// The next answer, as the stream gives it.
    fn answer(&mut self) -> io::Result<Answer> {
        loop {
            if let Some(answer) = self.read_already()? {
                return Ok(answer);
            }
            let mut bytes = [0; 16 << 10];
            match self.stream.read(&mut bytes)? {
                0 => {
                    let why = "it has closed the connection";
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, why));
                }
                length => self.unread.extend(&bytes[..length]),
            }
        }
    }

    /// Takes an answer from the front of what was read, if there is a whole one.
    fn read_already(&mut self) -> io::Result<Option<Answer>> {
        let mut new = self.unread[self.looked_at..].iter();
        let Some(end) = new.position(|&byte| byte == b'\n') else {
            self.looked_at = self.unread.len();
            if self.looked_at > LONGEST_ANSWER {
                let why = format!("an answer is longer than {LONGEST_ANSWER} bytes");
                return Err(io::Error::new(ErrorKind::InvalidData, why));
            }
            return Ok(None);
        };
        let line: Vec<u8> = self.unread.drain(..=self.looked_at + end).collect();
        self.looked_at = 0;
        Ok(Some(serde_json::from_slice(&line)?))
    }
}

fn is_for_now(error: &io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}
