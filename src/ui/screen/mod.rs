//! The full-screen view of a node: its identity, state and clocks, what each peer
//! owes it or waits for, and its latest events as a log and as a space-time diagram.
//! It draws what it is given and keeps only the latest events.

mod diagram;
mod draw;
mod labels;
mod terminal;

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::greetings::{GREETED, Greetings};
use crate::engine::{NodeEvent, Observer, Snapshot};
use crate::mutex::{LockName, State};
use crate::narrate::{Line, Tone, narrate};
use diagram::LiveDiagram;
pub(super) use draw::Palette;
use draw::Picture;
pub(super) use terminal::FullScreen;

/// How many lines the log keeps: more than a screen shows.
const MAX_LINES: usize = 200;

/// Among how many of the latest lines a repeated one is found.
const RECENT: usize = 20;

/// How often the screen is drawn while the node waits or is in the section: it shows
/// for how long.
const REDRAW: Duration = Duration::from_secs(1);

/// The shortest time between two pictures: no user sees more of a flood.
const FRAME: Duration = Duration::from_millis(33);

/// A node on the whole terminal. Dropping it gives the terminal back.
pub struct Screen {
    terminal: FullScreen,
    started: Instant,
    log: VecDeque<LogEntry>,
    greetings: Greetings,
    diagram: LiveDiagram,
    /// Whether the user wants the diagram. `None`: where it fits beside the rest.
    wants_diagram: Option<bool>,
    /// Whether the user wants the keys and the signs explained.
    wants_help: bool,
    /// Whether the latest picture has the diagram.
    has_diagram: bool,
    last_frame: Option<Instant>,
    next_refresh: Option<Instant>,
    palette: Palette,
}

/// A line of the log.
struct LogEntry {
    /// The time from the start of the node to the latest occurrence.
    after: Duration,
    line: Line,
    /// How often it occurred.
    times: u32,
}

impl Screen {
    /// Takes the whole terminal. It has no colour where the environment says so
    /// (`NO_COLOR`, <https://no-color.org>).
    ///
    /// # Errors
    /// Those of the terminal, which is then unchanged.
    pub fn open() -> io::Result<Self> {
        Ok(Screen {
            terminal: FullScreen::enter()?,
            started: Instant::now(),
            log: VecDeque::new(),
            greetings: Greetings::default(),
            diagram: LiveDiagram::default(),
            wants_diagram: None,
            wants_help: false,
            has_diagram: false,
            last_frame: None,
            next_refresh: None,
            palette: Palette::of_environment(),
        })
    }

    /// Replaces the line about all greetings where it stands.
    fn record_greetings(&mut self, line: Line) {
        let is_it = |entry: &&mut LogEntry| entry.line.text.starts_with(GREETED);
        match self.log.iter_mut().find(is_it) {
            Some(entry) => entry.line = line,
            None => self.record(line),
        }
    }

    fn record(&mut self, line: Line) {
        let mut times = 1;
        if line.tone == Tone::Ignored {
            // Lines about resent datagrams would push out the others.
            let from = self.log.len().saturating_sub(RECENT);
            let mut recent = self.log.iter().skip(from);
            let place = recent.position(|entry| entry.line == line);
            if let Some(entry) = place.and_then(|place| self.log.remove(from + place)) {
                times += entry.times;
            }
        }
        if self.log.len() == MAX_LINES {
            self.log.pop_front();
        }
        let after = self.started.elapsed();
        self.log.push_back(LogEntry { after, line, times });
    }
}

impl Observer for Screen {
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()> {
        self.diagram.happened(what);
        // The head of the screen has the first line of the start: our identity.
        let skipped = usize::from(matches!(what, NodeEvent::Began { .. }));
        let mut lines = narrate(what);
        if let Some(greeted) = self.greetings.take_from(&mut lines, what) {
            self.record_greetings(greeted);
        }
        for line in lines.into_iter().skip(skipped) {
            self.record(line);
        }
        Ok(())
    }

    fn refresh(&mut self, snapshot: &Snapshot<'_>) -> io::Result<()> {
        let now = Instant::now();
        if let Some(next) = self.last_frame.map(|last| last + FRAME)
            && now < next
        {
            self.next_refresh = Some(next);
            return Ok(());
        }
        self.last_frame = Some(now);
        let picture = Picture {
            snapshot,
            log: &self.log,
            diagram: &self.diagram,
            wants_diagram: self.wants_diagram,
            wants_help: self.wants_help,
            palette: self.palette,
        };
        let has_diagram = &mut self.has_diagram;
        let is_written = self
            .terminal
            .draw(|frame| *has_diagram = draw::draw(frame, &picture))?;
        let is_idle = *snapshot.member.state(&LockName::default()) == State::Free;
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

    fn explain(&mut self) {
        self.wants_help = !self.wants_help;
    }

    fn suspend(&mut self) -> io::Result<()> {
        if !self.terminal.suspend()? {
            let text = "not suspended: no shell is here that could resume us".to_owned();
            let tone = Tone::Trouble;
            self.record(Line { text, tone });
        }
        self.last_frame = None;
        Ok(())
    }

    fn resume(&mut self) -> io::Result<()> {
        self.last_frame = None;
        self.terminal.resume()
    }
}
