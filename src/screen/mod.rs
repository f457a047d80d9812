//! The full-screen view of a node: who it is, its state and clocks, what each
//! peer owes it or waits for, what happened lately. It draws what it is shown
//! and keeps no facts of its own but the lines of the recent past.

mod draw;
mod terminal;
mod words;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::mutex::State;
use crate::narrate::{Line, Tone, narrate};
use crate::node::{Happening, Observer, Status};
use terminal::FullScreen;

/// How many lines of the recent past are kept: more than a screen shows.
const MOST_LINES: usize = 200;

/// While somebody waits, the screen shows for how long.
const REDRAW: Duration = Duration::from_secs(1);

/// A node on the whole terminal. Dropping it gives the terminal back.
pub struct Screen {
    terminal: FullScreen,
    started: Instant,
    past: VecDeque<Past>,
    next_refresh: Option<Instant>,
    has_colour: bool,
}

/// A line, when after the start it was first said, and how often it was.
struct Past {
    after: Duration,
    line: Line,
    times: u32,
}

impl Screen {
    /// Takes the whole terminal. Without colour where the environment says so
    /// (`NO_COLOR`, <https://no-color.org>).
    ///
    /// # Errors
    /// Those of the terminal; it is as it was then.
    pub fn open() -> io::Result<Self> {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Ok(Screen {
            terminal: FullScreen::enter()?,
            started: Instant::now(),
            past: VecDeque::new(),
            next_refresh: None,
            has_colour: !no_colour,
        })
    }
}

impl Observer for Screen {
    fn happened(&mut self, what: &Happening<'_>) -> io::Result<()> {
        // Who we are stands at the head of the screen.
        if let Happening::Began { .. } = what {
            return Ok(());
        }
        let after = self.started.elapsed();
        for line in narrate(what) {
            // What is sent again and ignored again would drive out the rest.
            let said = self.past.iter_mut().find(|past| past.line == line);
            if let (Tone::Ignored, Some(said)) = (line.tone, said) {
                said.times = said.times.saturating_add(1);
                continue;
            }
            if self.past.len() == MOST_LINES {
                self.past.pop_front();
            }
            self.past.push_back(Past {
                after,
                line,
                times: 1,
            });
        }
        Ok(())
    }

    fn refresh(&mut self, status: &Status<'_>) -> io::Result<()> {
        let is_idle = *status.mutex.state() == State::Free;
        self.next_refresh = (!is_idle).then(|| Instant::now() + REDRAW);
        let (past, has_colour) = (&self.past, self.has_colour);
        self.terminal
            .draw(|frame| draw::draw(frame, status, past, has_colour))
    }

    fn next_refresh(&self) -> Option<Instant> {
        self.next_refresh
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.terminal.suspend()
    }

    fn resume(&mut self) -> io::Result<()> {
        self.terminal.take_again()
    }
}
