//! The user, as a source of envelopes: the keys of a terminal, or the lines of
//! standard input.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::event::{PollFd, PollFlags, Timespec};
use signal_hook::consts::{SIGINT, SIGTSTP};

use super::envelope::{Envelope, Source};
use super::udp::retry_interrupted;
use crate::mutex::NodeId;

/// The longest line of standard input that is kept; no command is longer.
const LONGEST_LINE: usize = 64;

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
            Input::Keys => Reader::Keys(Keys::open(own_id)?),
            Input::Lines => Reader::Lines(Lines::default()),
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

    /// The poll says that standard input can be read.
    pub(super) fn readable(&mut self) {
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
        match &mut self.reader {
            Reader::Keys(keys) => {
                self.is_readable = false;
                keys.drain(queue)?;
            }
            Reader::Lines(lines) => match lines.read_some(queue)? {
                Progress::More => {}
                Progress::Empty => self.is_readable = false,
                Progress::End => {
                    self.is_readable = false;
                    self.reader = Reader::Closed;
                }
            },
            Reader::Closed => self.is_readable = false,
        }
        Ok(())
    }
}

/// The keys of a terminal in raw mode.
struct Keys {
    own_id: String,
    /// The digits of the own id that have been typed so far.
    typed: String,
}

impl Keys {
    fn open(own_id: NodeId) -> io::Result<Self> {
        own_the_terminal()?;
        Ok(Keys {
            own_id: own_id.to_string(),
            typed: String::new(),
        })
    }

    fn drain(&mut self, queue: &mut VecDeque<Envelope>) -> io::Result<()> {
        // crossterm reads a terminal that has hung up for ever; SIGHUP ends us.
        while !readiness(io::stdin())?.intersects(PollFlags::HUP | PollFlags::ERR)
            && event::poll(Duration::ZERO)?
        {
            if let event::Event::Key(key) = event::read()? {
                self.press(key, queue);
            }
        }
        Ok(())
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
        match key.code {
            KeyCode::Char('c') if control => {
                queue.push_back(Envelope::new(Source::Signal(SIGINT), ""));
            }
            KeyCode::Char('z') if control => {
                queue.push_back(Envelope::new(Source::Signal(SIGTSTP), ""));
            }
            KeyCode::Char('q' | 'Q') if !control => {
                queue.push_back(Envelope::new(Source::Signal(SIGINT), ""));
            }
            KeyCode::Char('x' | 'X') if !control => {
                queue.push_back(Envelope::new(Source::Keyboard, "x"));
            }
            _ => {}
        }
        if let Some(digit) = digit
            && self.completes_own_id(digit)
        {
            queue.push_back(Envelope::new(Source::Keyboard, self.own_id.as_str()));
        }
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

/// Gives this process an open terminal of its own in place of standard input,
/// and makes that one non-blocking.
///
/// crossterm goes on reading when it holds an unfinished escape sequence, and
/// on a blocking terminal the whole node would wait there for the next key. The
/// standard input that we were given is shared with whoever started us, so its
/// flags are not ours to change.
fn own_the_terminal() -> io::Result<()> {
    let name = rustix::termios::ttyname(io::stdin(), Vec::new())?;
    let path = Path::new(std::ffi::OsStr::from_bytes(name.to_bytes()));
    let terminal = File::options().read(true).write(true).open(path)?;
    rustix::io::ioctl_fionbio(&terminal, true)?;
    rustix::stdio::dup2_stdin(&terminal)?;
    Ok(())
}

/// The lines of standard input. It may be shared and blocking, so it is read
/// only when that cannot block.
#[derive(Default)]
struct Lines {
    line: Vec<u8>,
    /// The line is longer than any command: its rest is not kept.
    is_too_long: bool,
}

enum Progress {
    More,
    Empty,
    End,
}

impl Lines {
    /// Reads once, and puts every line that is now complete into the queue.
    fn read_some(&mut self, queue: &mut VecDeque<Envelope>) -> io::Result<Progress> {
        let input = io::stdin();
        if readiness(&input)?.is_empty() {
            return Ok(Progress::Empty);
        }
        let mut buffer = [0; 4096];
        // A terminal that has hung up is an error, and an end like any other.
        let read = retry_interrupted(|| Ok(rustix::io::read(&input, &mut buffer)?));
        let length = match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Progress::Empty),
            read => read.unwrap_or(0),
        };
        for byte in &buffer[..length] {
            match byte {
                b'\n' => self.end_line(queue),
                _ if self.line.len() < LONGEST_LINE => self.line.push(*byte),
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
        let line = std::mem::take(&mut self.line);
        if !std::mem::take(&mut self.is_too_long) {
            queue.push_back(Envelope::new(Source::Keyboard, line));
        }
    }
}

/// What could be done with a descriptor at this moment.
fn readiness(descriptor: impl AsFd) -> io::Result<PollFlags> {
    let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    retry_interrupted(|| Ok(rustix::event::poll(&mut polled, Some(&at_once))?))?;
    Ok(polled[0].revents())
}
