//! The whole terminal, always given back as it was.
//!
//! Drawing never waits: bytes that the terminal does not take at once are kept, and no
//! new picture is drawn before it has taken them. The terminal is never queried,
//! because it might not answer.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, ErrorKind, Stdout, Write};
use std::panic;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crossterm::cursor::Show;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, Terminal, TerminalOptions, Viewport};
use rustix::process::{getpgid, getpgrp, getsid};
use signal_hook::consts::SIGTSTP;
use signal_hook::low_level::emulate_default_handler;

use crate::system::retry_interrupted;
use crate::system::terminal::{is_in_foreground, reopen};

/// How long it may take to give the terminal back.
const GIVING_BACK: Duration = Duration::from_millis(500);

/// The whole terminal, in raw mode. A drop gives it back, and so does a panic.
pub(in crate::ui) struct FullScreen {
    device: Device,
    unwritten: Unwritten,
    /// `None` while the shell has the terminal.
    terminal: Option<Terminal<CrosstermBackend<Unwritten>>>,
    area: Rect,
}

impl FullScreen {
    pub(in crate::ui) fn enter() -> io::Result<Self> {
        give_back_on_panic();
        let mut screen = FullScreen {
            device: Device::open(),
            unwritten: Unwritten::default(),
            terminal: None,
            area: Rect::default(),
        };
        screen.take()?;
        Ok(screen)
    }

    /// Draws a picture, or writes the rest of the one before, if the terminal has not
    /// taken all of that. Returns whether all is written.
    pub(in crate::ui) fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<bool> {
        let Some(terminal) = &mut self.terminal else {
            return Ok(true);
        };
        if !self.device.write(&self.unwritten)? {
            return Ok(false);
        }
        let area = self.device.area();
        if area != self.area {
            self.area = area;
            terminal.resize(area)?;
        }
        terminal.draw(picture)?;
        self.device.write(&self.unwritten)
    }

    /// Gives the terminal to the shell and stops until the shell resumes us. Returns
    /// false, and does nothing, if there is no shell that could.
    pub(in crate::ui) fn suspend(&mut self) -> io::Result<bool> {
        if !has_job_control() {
            return Ok(false);
        }
        self.give_back();
        emulate_default_handler(SIGTSTP)?;
        self.resume()?;
        Ok(true)
    }

    /// Takes the terminal again after another program had it; not while we are in the
    /// background.
    pub(in crate::ui) fn resume(&mut self) -> io::Result<()> {
        if !is_in_foreground(io::stdin()) {
            self.terminal = None;
            return Ok(());
        }
        // The shell may have left raw mode, which crossterm believes is still set.
        self.give_back();
        self.take()
    }

    fn take(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        self.area = self.device.area();
        queue!(self.unwritten, EnterAlternateScreen, Clear(ClearType::All))?;
        let viewport = Viewport::Fixed(self.area);
        let backend = CrosstermBackend::new(self.unwritten.clone());
        let terminal = Terminal::with_options(backend, TerminalOptions { viewport })?;
        self.terminal = Some(terminal);
        Ok(())
    }

    /// Ignores errors: there is nothing to restore at a terminal that is gone.
    fn give_back(&mut self) {
        if self.terminal.take().is_none() {
            return;
        }
        self.unwritten.bytes.borrow_mut().clear();
        let _ = queue!(self.unwritten, LeaveAlternateScreen, Show);
        let end = Instant::now() + GIVING_BACK;
        while let Ok(false) = self.device.write(&self.unwritten)
            && Instant::now() < end
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = disable_raw_mode();
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Gives the terminal back before the message of a panic: the message would vanish with
/// the alternate screen.
fn give_back_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
        report(info);
    }));
}

/// Whether there is a shell that could resume us. There is none if the leader of the
/// session is in our own process group: then the terminal runs nothing but us.
fn has_job_control() -> bool {
    let of_leader = getsid(None).and_then(|leader| getpgid(Some(leader)));
    of_leader.is_ok_and(|of_leader| of_leader != getpgrp())
}

enum Device {
    /// The terminal, opened again, non-blocking, and in place of standard input:
    /// crossterm keeps reading while it has an unfinished escape sequence, and on a
    /// blocking terminal the whole node would wait there for the next key.
    Own(File),
    /// The terminal as it was given to us, if it belongs to another user (`su`).
    Given(Stdout),
}

impl Device {
    fn open() -> Self {
        let own = reopen(io::stdin()).and_then(|terminal| {
            rustix::stdio::dup2_stdin(&terminal)?;
            Ok(terminal)
        });
        own.map_or_else(|_| Device::Given(io::stdout()), Device::Own)
    }

    fn area(&self) -> Rect {
        let size = match self {
            Device::Own(terminal) => rustix::termios::tcgetwinsize(terminal),
            Device::Given(stdout) => rustix::termios::tcgetwinsize(stdout),
        };
        match size {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                Rect::new(0, 0, size.ws_col, size.ws_row)
            }
            _ => Rect::new(0, 0, 80, 24),
        }
    }

    /// Writes as much as the terminal takes. Returns whether that was all.
    fn write(&mut self, unwritten: &Unwritten) -> io::Result<bool> {
        let mut bytes = unwritten.bytes.borrow_mut();
        while !bytes.is_empty() {
            let written = retry_interrupted(|| match self {
                Device::Own(terminal) => terminal.write(&bytes),
                Device::Given(stdout) => {
                    stdout.write_all(&bytes)?;
                    stdout.flush()?;
                    Ok(bytes.len())
                }
            });
            match written {
                Ok(written) => drop(bytes.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// The bytes that are drawn and not yet written.
#[derive(Clone, Default)]
struct Unwritten {
    bytes: Rc<RefCell<Vec<u8>>>,
}

impl Write for Unwritten {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
