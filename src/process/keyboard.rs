//! The user, as a source of envelopes: the keys of a terminal, or the lines of
//! standard input.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsRawFd;
use std::time::Duration;

use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::event::PollFlags;

use super::{Envelope, UserInput};
use crate::mutex::NodeId;
use crate::system::readiness;
use crate::system::retry_interrupted;
use crate::system::terminal::is_in_foreground;

/// The longest line of standard input that is kept; no command is longer.
const LONGEST_LINE: usize = 64;

/// How long crossterm may look for a key. It does not look at all without some
/// time; and on a busy machine that may be over before it does.
const A_MOMENT: Duration = Duration::from_millis(1);

/// Where the user's words come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// The keys of the terminal that is standard input, in raw mode.
    Keys,
    /// The lines of standard input.
    Lines,
}

/// Standard input.
pub(super) struct Keyboard {
    reader: Reader,
    /// The poll has said that there is something to read, and it is not all
    /// read yet.
    is_readable: bool,
}

enum Reader {
    Keys(Keys),
    Lines(Lines),
    /// Its end has come.
    Closed,
}

impl Keyboard {
    /// # Errors
    /// The system's, when standard input cannot be waited for.
    pub(super) fn open(
        input: Input,
        own_id: NodeId,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let reader = match input {
            Input::Keys => Reader::Keys(Keys::new(own_id)),
            Input::Lines => Reader::Lines(Lines::new(own_id)),
        };
        let standard_input = io::stdin().as_raw_fd();
        let registered =
            registry.register(&mut SourceFd(&standard_input), token, Interest::READABLE);
        let is_readable = match registered {
            Ok(()) => false,
            // A file, or /dev/null: there is nothing to wait for, it can be read
            // at once.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => true,
            Err(error) => return Err(error),
        };
        Ok(Keyboard {
            reader,
            is_readable,
        })
    }

    /// The poll says that standard input can be read; or nobody knows, and it is
    /// to be tried.
    pub(super) fn ready(&mut self) {
        self.is_readable = true;
    }

    /// Whether there may be more to read at once.
    pub(super) fn has_more(&self) -> bool {
        self.is_readable
    }

    /// Puts what the user has said into the queue.
    pub(super) fn drain(&mut self, queue: &mut VecDeque<Envelope>) -> io::Result<()> {
        if !self.is_readable {
            return Ok(());
        }
        let progress = match &mut self.reader {
            Reader::Keys(keys) => keys.read_all(queue)?,
            Reader::Lines(lines) => lines.read_some(queue)?,
            Reader::Closed => Progress::Empty,
        };
        match progress {
            Progress::More => {}
            Progress::Empty => self.is_readable = false,
            Progress::End => {
                self.is_readable = false;
                self.reader = Reader::Closed;
            }
        }
        Ok(())
    }
}

enum Progress {
    More,
    Empty,
    End,
}

/// The keys of a terminal in raw mode.
struct Keys {
    own_id: String,
    /// The digits of the own id that have been typed so far.
    typed: String,
}

impl Keys {
    fn new(own_id: NodeId) -> Self {
        Keys {
            own_id: own_id.to_string(),
            typed: String::new(),
        }
    }

    fn read_all(&mut self, queue: &mut VecDeque<Envelope>) -> io::Result<Progress> {
        // A no may mean that it has not looked. What it has read already can
        // only be asked for again; what is still to be read can be seen.
        let mut has_said_no = false;
        loop {
            let hung_up = PollFlags::HUP | PollFlags::ERR;
            let readiness = readiness(io::stdin(), PollFlags::IN)?;
            if readiness.intersects(hung_up) {
                // SIGHUP ends us.
                return Ok(Progress::End);
            }
            match event::poll(A_MOMENT) {
                Ok(true) => has_said_no = false,
                Ok(false) if !has_said_no => {
                    has_said_no = true;
                    continue;
                }
                Ok(false) if readiness.contains(PollFlags::IN) => return Ok(Progress::More),
                Ok(false) => return Ok(Progress::Empty),
                // It has hung up just now.
                Err(_) => return Ok(Progress::End),
            }
            if let event::Event::Key(key) = event::read()? {
                self.press(key, queue);
            }
        }
    }

    /// In raw mode the terminal makes no signals of Ctrl-C and Ctrl-Z, so it is
    /// done here.
    fn press(&mut self, key: KeyEvent, queue: &mut VecDeque<Envelope>) {
        if key.kind == KeyEventKind::Release {
            return;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let digit = match key.code {
            KeyCode::Char(c) if c.is_ascii_digit() && !control => Some(c),
            _ => None,
        };
        if digit.is_none() {
            self.typed.clear();
        }
        let input = match key.code {
            KeyCode::Char('c') if control => Some(UserInput::Quit),
            KeyCode::Char('z') if control => Some(UserInput::Suspend),
            KeyCode::Char('q' | 'Q') if !control => Some(UserInput::Quit),
            KeyCode::Char('d' | 'D') if !control => Some(UserInput::ChangeView),
            KeyCode::Char('x' | 'X') if !control => Some(UserInput::Request),
            _ => digit
                .is_some_and(|digit| self.completes_own_id(digit))
                .then_some(UserInput::Tick),
        };
        queue.extend(input.map(Envelope::User));
    }

    /// Whether this digit is the last of the own id. There is no Enter to wait
    /// for: of what was typed, the end that could still become the own id is
    /// kept.
    fn completes_own_id(&mut self, digit: char) -> bool {
        self.typed.push(digit);
        while !self.own_id.starts_with(&self.typed) {
            self.typed.remove(0);
        }
        let complete = self.typed == self.own_id;
        if complete {
            self.typed.clear();
        }
        complete
    }
}

/// The lines of standard input. It may be shared and blocking, so it is read
/// only when there is something.
struct Lines {
    own_id: String,
    line: Vec<u8>,
    /// The line is longer than any command: its rest is not kept.
    is_too_long: bool,
}

impl Lines {
    fn new(own_id: NodeId) -> Self {
        Lines {
            own_id: own_id.to_string(),
            line: Vec::new(),
            is_too_long: false,
        }
    }

    /// Reads once, and puts every line that is now complete into the queue.
    fn read_some(&mut self, queue: &mut VecDeque<Envelope>) -> io::Result<Progress> {
        let input = io::stdin();
        // Back in the foreground there is a SIGCONT, and it is tried again.
        if readiness(&input, PollFlags::IN)?.is_empty() || !is_in_foreground(&input) {
            return Ok(Progress::Empty);
        }
        let mut buffer = [0; 4096];
        // A terminal that has hung up is an error, and an end like any other.
        let read = retry_interrupted(|| Ok(rustix::io::read(&input, &mut buffer)?));
        let length = match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Empty),
            read => read.unwrap_or(0),
        };
        for &byte in &buffer[..length] {
            match byte {
                b'\n' => self.end_line(queue),
                _ if self.line.len() < LONGEST_LINE => self.line.push(byte),
                _ => self.is_too_long = true,
            }
        }
        if length > 0 {
            return Ok(Progress::More);
        }
        self.end_line(queue);
        Ok(Progress::End)
    }

    fn end_line(&mut self, queue: &mut VecDeque<Envelope>) {
        let text = std::mem::take(&mut self.line);
        if !std::mem::take(&mut self.is_too_long) {
            queue.extend(self.input(&text).map(Envelope::User));
        }
    }

    /// What the original's process understands of a line: `x` and its own id.
    fn input(&self, line: &[u8]) -> Option<UserInput> {
        match line.trim_ascii() {
            b"x" => Some(UserInput::Request),
            line if line == self.own_id.as_bytes() => Some(UserInput::Tick),
            _ => None,
        }
    }
}
