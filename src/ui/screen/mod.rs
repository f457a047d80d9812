//! The full-screen view of a node: who it is, its state and clocks, what each
//! peer owes it or waits for, what happened lately, in words and as a space-time
//! diagram. It draws what it is shown
//! and keeps no facts of its own but the lines of the recent past.

mod diagram;
mod draw;
mod labels;
mod terminal;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use crate::engine::{NodeEvent, Observer, Status};
use crate::mutex::State;
use crate::narrate::{Line, Tone, narrate};
use diagram::LiveDiagram;
use draw::Picture;
use terminal::FullScreen;

/// How many lines of the recent past are kept: more than a screen shows.
const MOST_LINES: usize = 200;

/// How far back a line is looked for that is said again.
const RECENT: usize = 20;

/// While somebody waits, the screen shows for how long.
const REDRAW: Duration = Duration::from_secs(1);

/// The shortest time between two pictures: nobody sees more of a flood.
const FRAME: Duration = Duration::from_millis(33);

/// A node on the whole terminal. Dropping it gives the terminal back.
pub struct Screen {
    terminal: FullScreen,
    started: Instant,
    past: VecDeque<Past>,
    diagram: LiveDiagram,
    /// Whether the user wants to see it; none: where there is room for it beside
    /// the rest.
    wants_diagram: Option<bool>,
    /// Whether it is in the picture.
    has_diagram: bool,
    last_frame: Option<Instant>,
    next_refresh: Option<Instant>,
    has_colour: bool,
}

/// A line, when after the start it was last said, and how often.
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
            diagram: LiveDiagram::default(),
            wants_diagram: None,
            has_diagram: false,
            last_frame: None,
            next_refresh: None,
            has_colour: !no_colour,
        })
    }

    fn remember(&mut self, line: Line) {
        let mut times = 1;
        if line.tone == Tone::Ignored {
            // What is sent again and ignored again would drive out the rest.
            let from = self.past.len().saturating_sub(RECENT);
            let said = self
                .past
                .iter()
                .skip(from)
                .position(|past| past.line == line);
            if let Some(past) = said.and_then(|place| self.past.remove(from + place)) {
                times += past.times;
            }
        }
        if self.past.len() == MOST_LINES {
            self.past.pop_front();
        }
        let after = self.started.elapsed();
        self.past.push_back(Past { after, line, times });
    }
}

impl Observer for Screen {
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()> {
        self.diagram.happened(what);
        let lines = narrate(what);
        // Who we are stands at the head of the screen.
        let skipped = usize::from(matches!(what, NodeEvent::Began { .. }));
        for line in lines.into_iter().skip(skipped) {
            self.remember(line);
        }
        Ok(())
    }

    fn refresh(&mut self, status: &Status<'_>) -> io::Result<()> {
        let now = Instant::now();
        if let Some(next) = self.last_frame.map(|last| last + FRAME)
            && now < next
        {
            self.next_refresh = Some(next);
            return Ok(());
        }
        self.last_frame = Some(now);
        let picture = Picture {
            status,
            past: &self.past,
            diagram: &self.diagram,
            wants_diagram: self.wants_diagram,
            has_colour: self.has_colour,
        };
        let has_diagram = &mut self.has_diagram;
        let is_written = self
            .terminal
            .draw(|frame| *has_diagram = draw::draw(frame, &picture))?;
        let is_idle = *status.member.state(&crate::mutex::LockName::default()) == State::Free;
        self.next_refresh = match (is_written, is_idle) {
            (false, _) => Some(now + FRAME),
            (true, false) => Some(now + REDRAW),
            (true, true) => None,
        };
        Ok(())
    }

    fn next_refresh(&self) -> Option<Instant> {
        self.next_refresh
    }

    fn change_view(&mut self) {
        self.has_diagram = !self.has_diagram;
        self.wants_diagram = Some(self.has_diagram);
    }

    fn suspend(&mut self) -> io::Result<()> {
        if !self.terminal.suspend()? {
            let text = "no shell is here that could resume us: not suspended".to_owned();
            let tone = Tone::Trouble;
            self.remember(Line { text, tone });
        }
        self.last_frame = None;
        Ok(())
    }

    fn resume(&mut self) -> io::Result<()> {
        self.last_frame = None;
        self.terminal.resume()
    }
}
