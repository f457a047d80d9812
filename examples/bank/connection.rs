//! One client of the server: bytes in, requests out; answers in, bytes out.
//!
//! A client has at most one pending request. Until the client has taken the answer, the
//! server reads nothing more from it: a client that sends too fast, or does not read, fills
//! its own buffers and not ours.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;

use crate::framing::{Inbox, Message, PAUSE};
use crate::protocol::{Answer, Request};

/// How many bytes are read at once.
const PIECE: usize = 4096;

/// How many pieces are read before the other clients are served.
const MAX_PIECES: usize = 16;

/// A client.
pub struct Connection {
    socket: TcpStream,
    inbox: Inbox,
    outbox: Vec<u8>,
    /// Whether a newline closed the pending request. `None` if there is no such request.
    pending: Option<bool>,
    /// There may be more to read.
    is_readable: bool,
    /// The client will send nothing more.
    is_at_its_end: bool,
    /// When it last sent something, or connected.
    last_heard: Instant,
    /// It has made a valid request.
    has_asked: bool,
}

/// What to do about a client next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Answer this request.
    Request(Request),
    /// Wait for the poll.
    Wait,
    /// Wait for the poll, or for a pause of the client.
    WaitForPause,
    /// Advance again after the other clients are served.
    Again,
    /// Close the connection.
    Close,
}

impl Connection {
    pub fn new(socket: TcpStream) -> Self {
        Connection {
            socket,
            inbox: Inbox::new(),
            outbox: Vec::new(),
            pending: None,
            is_readable: true,
            is_at_its_end: false,
            last_heard: Instant::now(),
            has_asked: false,
        }
    }

    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// The poll reports that the client can be read or written.
    pub fn ready(&mut self) {
        self.is_readable = true;
    }

    /// Writes and reads as far as possible without waiting.
    pub fn advance(&mut self) -> Next {
        // A client whose connection fails is gone.
        self.try_to_advance().unwrap_or(Next::Close)
    }

    fn try_to_advance(&mut self) -> io::Result<Next> {
        if !self.flush()? || self.pending.is_some() {
            return Ok(Next::Wait);
        }
        for _ in 0..MAX_PIECES {
            if let Some(request) = self.next_request() {
                return Ok(Next::Request(request));
            }
            if self.is_at_its_end {
                return Ok(Next::Close);
            }
            if !self.is_readable {
                return Ok(if self.inbox.waits_for_a_pause() {
                    Next::WaitForPause
                } else {
                    Next::Wait
                });
            }
            self.read()?;
        }
        Ok(Next::Again)
    }

    /// Answers the pending request.
    pub fn answer(&mut self, answer: &Answer) {
        let had_newline = self.pending.take().unwrap_or_default();
        let end = if had_newline { "\n" } else { "" };
        self.outbox.extend(format!("{answer}{end}").bytes());
    }

    /// The order in which connections are closed when there is no room: first clients
    /// without a valid request, and of these the one that has been silent longest. `None`
    /// while the client waits for an answer.
    pub fn eviction_rank(&self) -> Option<(bool, Instant)> {
        let is_idle = self.pending.is_none() && self.outbox.is_empty();
        is_idle.then_some((self.has_asked, self.last_heard))
    }

    /// When a pause ends its message, if it sends nothing more.
    pub fn pause_ends(&self) -> Instant {
        self.last_heard + PAUSE
    }

    fn next_request(&mut self) -> Option<Request> {
        let is_quiet = self.is_at_its_end || Instant::now() >= self.pause_ends();
        let is_quiet = is_quiet && !self.is_readable;
        let Message { text, had_newline } = self.inbox.next(is_quiet, Request::complete)?;
        self.pending = Some(had_newline);
        let request = Request::parse(&text);
        self.has_asked |= request.operation.is_some();
        Some(request)
    }

    fn read(&mut self) -> io::Result<()> {
        let mut piece = [0; PIECE];
        match self.socket.read(&mut piece) {
            Ok(0) => {
                self.is_at_its_end = true;
                self.is_readable = false;
            }
            Ok(length) => {
                self.inbox.push(&piece[..length]);
                self.last_heard = Instant::now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Writes the answer. Returns whether the client has taken all of it.
    fn flush(&mut self) -> io::Result<bool> {
        while !self.outbox.is_empty() {
            match self.socket.write(&self.outbox) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.outbox.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}
