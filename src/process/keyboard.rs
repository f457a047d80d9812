//! The user as a source of envelopes: the keys of a terminal, or the lines of standard
//! input.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use mio::{Registry, Token};
use rustix::event::PollFlags;

use super::{Envelope, UserInput};
use crate::mutex::NodeId;
use crate::system::terminal::is_in_foreground;
use crate::system::{readiness, register_readable, retry_interrupted};

/// The longest line of standard input that is read: longer than any command.
const MAX_LINE: usize = 64;

/// How long crossterm may look for a key. With no time it does not look at all; on a busy
/// machine even this time may pass before it looks.
const KEY_TIMEOUT: Duration = Duration::from_millis(1);

/// The source of the user's input.
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
    /// There may be more to read: the next drain tries it.
    pub(super) is_readable: bool,
}

enum Reader {
    Keys(Keys),
    Lines(Lines),
    /// Standard input has ended.
    Closed,
}

impl Keyboard {
    /// Registers standard input with this poll.
    ///
    /// # Errors
    /// Those of the system: standard input cannot be polled.
    pub(super) fn open(
        input: Input,
        own_id: NodeId,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let own_id = own_id.to_string();
        let reader = match input {
            Input::Keys => Reader::Keys(Keys {
                own_id,
                typed: String::new(),
            }),
            Input::Lines => Reader::Lines(Lines {
                own_id,
                line: Vec::new(),
                is_too_long: false,
            }),
        };
        let is_readable = match register_readable(&io::stdin(), registry, token) {
            Ok(()) => false,
            // A file, or /dev/null: it is not polled because it is always readable.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => true,
            Err(error) => return Err(error),
        };
        Ok(Keyboard {
            reader,
            is_readable,
        })
    }

    /// Puts the user's input into the queue.
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
    fn read_all(&mut self, queue: &mut VecDeque<Envelope>) -> io::Result<Progress> {
        // crossterm may say no without having looked. For input that it has already
        // read, only a second question helps; for unread input, the poll's flags do.
        let mut has_said_no = false;
        loop {
            let hung_up = PollFlags::HUP | PollFlags::ERR;
            let readiness = readiness(io::stdin(), PollFlags::IN)?;
            if readiness.intersects(hung_up) {
                // SIGHUP ends the process.
                return Ok(Progress::End);
            }
            match event::poll(KEY_TIMEOUT) {
                Ok(true) => has_said_no = false,
                Ok(false) if !has_said_no => {
                    has_said_no = true;
                    continue;
                }
                Ok(false) if readiness.contains(PollFlags::IN) => return Ok(Progress::More),
                Ok(false) => return Ok(Progress::Empty),
                // The terminal has hung up meanwhile.
                Err(_) => return Ok(Progress::End),
            }
            if let event::Event::Key(key) = event::read()? {
                self.press(key, queue);
            }
        }
    }

    /// Handles Ctrl-C and Ctrl-Z too, because in raw mode the terminal sends no signals.
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
            KeyCode::Char('?') => Some(UserInput::Explain),
            KeyCode::Char('x' | 'X') if !control => Some(UserInput::Request),
            _ => digit
                .is_some_and(|digit| self.completes_own_id(digit))
                .then_some(UserInput::Tick),
        };
        queue.extend(input.map(Envelope::User));
    }

    /// Whether this digit completes our id. No Enter ends a number, so the end of the
    /// typed digits that may still become our id is kept.
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

/// The lines of standard input. It may be shared and blocking, so it is read only when
/// it is ready.
struct Lines {
    own_id: String,
    line: Vec<u8>,
    /// The line is longer than any command, and ignored.
    is_too_long: bool,
}

impl Lines {
    /// Reads once, and puts the input of every complete line into the queue.
    fn read_some(&mut self, queue: &mut VecDeque<Envelope>) -> io::Result<Progress> {
        let input = io::stdin();
        // When we return to the foreground, a SIGCONT makes us try again.
        if readiness(&input, PollFlags::IN)?.is_empty() || !is_in_foreground(&input) {
            return Ok(Progress::Empty);
        }
        let mut buffer = [0; 4096];
        // A terminal that has hung up returns an error, and is an end of input too.
        let read = retry_interrupted(|| Ok(rustix::io::read(&input, &mut buffer)?));
        let length = match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Empty),
            read => read.unwrap_or(0),
        };
        for &byte in &buffer[..length] {
            match byte {
                b'\n' => self.end_line(queue),
                _ if self.line.len() < MAX_LINE => self.line.push(byte),
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

    /// The input that a line stands for, as in the original: `x` or the own id.
    fn input(&self, line: &[u8]) -> Option<UserInput> {
        match line.trim_ascii() {
            b"x" => Some(UserInput::Request),
            line if line == self.own_id.as_bytes() => Some(UserInput::Tick),
            _ => None,
        }
    }
}
