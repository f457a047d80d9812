//! One client, as the server sees it: bytes in, requests out, and back.
//!
//! A client has one request under way at most. Until that is answered, and the
//! answer has been taken, nothing more is read from it: a client that sends
//! faster than it is served, or does not read, fills its own buffers and not
//! ours.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use mio::net::TcpStream;

use crate::framing::{Inbox, Message, PATIENCE};
use crate::protocol::{Answer, Request};

/// How much is read at once.
const PIECE: usize = 4096;

/// How many pieces are read before others have their turn.
const MOST_PIECES: usize = 16;

/// A client.
pub struct Connection {
    socket: TcpStream,
    inbox: Inbox,
    outbox: Vec<u8>,
    /// Of the request that is under way, whether a newline closed it.
    under_way: Option<bool>,
    /// The poll has said that there is something to read, and it is not all read
    /// yet.
    is_readable: bool,
    /// It will send nothing more.
    is_at_its_end: bool,
    /// When it sent something last, or came.
    heard: Instant,
    /// It has asked for something that is understood.
    has_asked: bool,
}

/// What is to be done about a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// It asks for this, and is to be answered.
    Answer(Request),
    /// Nothing, until the poll says so.
    Wait,
    /// Nothing, until the poll says so or it has paused.
    WaitForPause,
    /// To go on with it, once the others have had their turn.
    GoOn,
    /// It is gone.
    Close,
}

impl Connection {
    pub fn new(socket: TcpStream) -> Self {
        Connection {
            socket,
            inbox: Inbox::new(),
            outbox: Vec::new(),
            under_way: None,
            is_readable: true,
            is_at_its_end: false,
            heard: Instant::now(),
            has_asked: false,
        }
    }

    pub fn socket(&mut self) -> &mut TcpStream {
        &mut self.socket
    }

    /// The poll says that it can be read.
    pub fn ready(&mut self) {
        self.is_readable = true;
    }

    /// Goes on with it as far as it goes without waiting.
    pub fn go_on(&mut self) -> Next {
        let done = self.try_to_go_on();
        // A connection that fails is a client that is gone.
        done.unwrap_or(Next::Close)
    }

    fn try_to_go_on(&mut self) -> io::Result<Next> {
        if !self.flush()? || self.under_way.is_some() {
            return Ok(Next::Wait);
        }
        for _ in 0..MOST_PIECES {
            if let Some(request) = self.next_request() {
                return Ok(Next::Answer(request));
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
        Ok(Next::GoOn)
    }

    /// Answers the request that is under way.
    pub fn answer(&mut self, answer: &Answer) {
        let had_newline = self.under_way.take().unwrap_or_default();
        let end = if had_newline { "\n" } else { "" };
        self.outbox.extend(format!("{answer}{end}").bytes());
    }

    /// How gladly it is let go when there is no room: first those that have never
    /// asked for anything, of these the one that has been silent longest. None
    /// while it waits for an answer.
    pub fn last_to_go(&self) -> Option<(bool, Instant)> {
        let is_idle = self.under_way.is_none() && self.outbox.is_empty();
        is_idle.then_some((self.has_asked, self.heard))
    }

    /// When what it has sent ends by a pause, if it sends nothing more.
    pub fn pause_ends(&self) -> Instant {
        self.heard + PATIENCE
    }

    fn next_request(&mut self) -> Option<Request> {
        let is_quiet = self.is_at_its_end || Instant::now() >= self.pause_ends();
        let is_quiet = is_quiet && !self.is_readable;
        let Message { text, had_newline } = self.inbox.next(is_quiet, Request::whole)?;
        self.under_way = Some(had_newline);
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
                self.heard = Instant::now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.is_readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether it has taken all that was answered.
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
