//! The client's end of the agent's socket: JSON lines, while it waits for its
//! turn.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::{Config, RunError};
use crate::agent::talk::{self, Answer, LONGEST_LINE, Said};

/// A connection to an agent.
pub(super) struct Connection {
    stream: UnixStream,
    unread: Vec<u8>,
}

impl Connection {
    pub(super) fn open(config: &Config) -> Result<Self, RunError> {
        let open = || {
            let address = SocketAddrUnix::new(&config.socket)?;
            let family = AddressFamily::UNIX;
            let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
            // An agent that is stopped takes no connections, when enough wait.
            set_socket_timeout(&socket, Timeout::Send, config.patience.with_grace())?;
            connect(&socket, &address)?;
            Ok(socket)
        };
        let socket = config.socket.clone();
        match open() {
            Ok(opened) => Ok(Connection {
                stream: opened.into(),
                unread: Vec::new(),
            }),
            Err(Errno::ACCESS) => Err(RunError::NotForUs(socket)),
            Err(Errno::AGAIN) => Err(RunError::does_not_answer(config)),
            Err(error) => {
                let source = io::Error::from(error);
                Err(RunError::NoAgent { socket, source })
            }
        }
    }

    pub(super) fn say(&mut self, said: &Said) -> io::Result<()> {
        self.stream.write_all(&talk::line(said)?)
    }

    /// The next answer, in time; none when the time is over.
    pub(super) fn hear(&mut self, until: Option<Instant>) -> io::Result<Option<Answer>> {
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            self.stream.set_read_timeout(left)?;
            match self.answer() {
                Ok(answer) => return Ok(Some(answer)),
                // A stop and a start again interrupt it, too.
                Err(error) if is_for_now(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// From here on it is watched, and heard no more: see [`Connection::loss`].
    pub(super) fn watch(&self, registry: &Registry, token: Token) -> io::Result<()> {
        self.stream.set_nonblocking(true)?;
        let descriptor = self.stream.as_raw_fd();
        registry.register(&mut SourceFd(&descriptor), token, Interest::READABLE)
    }

    /// Why the lock is lost, if it is.
    pub(super) fn loss(&mut self) -> Option<String> {
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
    pub(super) fn part(mut self, at_most: Duration) {
        let until = Instant::now() + at_most;
        let said = self.stream.set_nonblocking(false);
        if said.and_then(|()| self.say(&Said::Done {})).is_ok() {
            while let Ok(Some(_)) = self.hear(Some(until)) {}
        }
    }

    /// The next answer, as the stream gives it.
    fn answer(&mut self) -> io::Result<Answer> {
        loop {
            if let Some(answer) = next(&mut self.unread)? {
                return Ok(answer);
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes)? {
                0 => {
                    let why = "it has closed the connection";
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, why));
                }
                length => self.unread.extend(&bytes[..length]),
            }
        }
    }
}

/// Takes an answer from the front of what was read, if there is a whole one.
fn next(unread: &mut Vec<u8>) -> io::Result<Option<Answer>> {
    let Some(end) = unread.iter().position(|&byte| byte == b'\n') else {
        return if unread.len() > LONGEST_LINE {
            Err(ErrorKind::InvalidData.into())
        } else {
            Ok(None)
        };
    };
    let line: Vec<u8> = unread.drain(..=end).collect();
    Ok(Some(serde_json::from_slice(&line)?))
}

fn is_for_now(error: &io::Error) -> bool {
    use ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}
