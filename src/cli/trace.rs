//! `turno trace`.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use super::{Failure, closed_pipe_is_fine};
use crate::printable::json;
use crate::system::micros;
use crate::trace::{
    Diagram, History, Progress, View, check, html, locks_to_draw, mermaid, mermaid_events, shiviz,
    svg,
};

/// Check and draw what really happened, from the traces of the nodes.
///
/// Every node with --trace DIR writes a file there: processes, agents, programs that
/// use the library. Bring the files of all members into one directory: they are
/// merged by what happened before what, not by the clocks of the machines.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  turno process 1 :10001 :10002 :10003 --trace run
  turno trace check run
  turno trace draw run -o run.svg
  turno trace draw run --html -o run.html
  turno trace draw run --from 2s --to 5s --nodes 1,2 -o part.svg
  turno trace draw run --lock nightly --by-time -o nightly.svg
  turno trace export run --mermaid";

#[derive(Subcommand)]
enum Command {
    Check(Check),
    Draw(Draw),
    Export(Export),
}

/// Check that the section was never held twice and that tokens rise.
///
/// Also checks that no member let a younger request go first and that no clock ran
/// backwards, and reports how long each node waited. A violation is shown with the
/// lines of the trace that prove it. Gaps in the trace are listed.
///
/// Exit codes: 0 no violation, 1 a violation, or no readable trace, 2 wrong use.
#[derive(Args)]
struct Check {
    /// The directory with the traces
    folder: PathBuf,

    /// Print one JSON object; times are microseconds
    #[arg(long)]
    json: bool,
}

/// Draw a space-time diagram.
///
/// A line a node, from left to right; an arrow a request or a reply; bars for WAIT,
/// for HELD with its token, and for deferred replies with the reason. Without -o the
/// SVG goes to standard output.
///
/// With --html it is one page for a browser: point at an event to light up what led
/// to it and what it led to; step through the run to watch the nodes change.
/// run.html#step=5 and run.html#event=0-3 are links into it.
///
/// The lanes of several locks stand under each other, on one axis.
///
/// Exit codes: 0 drawn, 1 no readable trace, 2 wrong use, an unknown lock, or too much
/// for one drawing.
#[derive(Args)]
struct Draw {
    /// The directory with the traces
    folder: PathBuf,

    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write a page for a browser instead of an SVG
    #[arg(long)]
    html: bool,

    /// Place events by the clocks of the machines, with a time axis, not by what
    /// happened before what
    #[arg(long)]
    by_time: bool,

    /// Leave out what is earlier, counted from the first event
    #[arg(long, value_name = "TIME", value_parser = super::duration::time)]
    from: Option<Duration>,

    /// Leave out what is later
    #[arg(long, value_name = "TIME", value_parser = super::duration::time)]
    to: Option<Duration>,

    /// Draw only these nodes
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    nodes: Vec<u16>,

    /// Draw this lock, and others that are given so; up to 8 of the trace if not given
    #[arg(long, value_name = "NAME")]
    lock: Vec<String>,

    /// Draw all events, also more than 20000, and all locks
    #[arg(long)]
    all: bool,
}

/// A drawing has this many events at most without being told so: more take a browser
/// long to show.
const MAX_EVENTS: usize = 20_000;

/// Write a trace for another program that draws, to standard output.
#[derive(Args)]
struct Export {
    /// The directory with the traces
    folder: PathBuf,

    #[command(flatten)]
    format: Format,

    /// With --mermaid: export this lock, and others that are given so
    #[arg(long, value_name = "NAME", conflicts_with = "shiviz")]
    lock: Vec<String>,

    /// With --mermaid: also more than 20000 events, and all locks
    #[arg(long, conflicts_with = "shiviz")]
    all: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Format {
    /// For ShiViz: a log with vector clocks
    #[arg(long)]
    shiviz: bool,

    /// For Mermaid: a sequence diagram
    #[arg(long)]
    mermaid: bool,
}

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Check(check) => check.run(),
            Command::Draw(draw) => draw.run(),
            Command::Export(export) => export.run(),
        }
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let mut progress = ProgressLine::new();
        let history = progress.read(&self.folder)?;
        progress.show("checking");
        let report = check(&history);
        progress.clear();
        let text = match self.json {
            true => json::text(&report.json(&history)).map_err(Failure::failed)?,
            false => report.text(&history),
        };
        closed_pipe_is_fine(writeln!(io::stdout(), "{text}"))?;
        if report.is_clean() {
            return Ok(());
        }
        let faults = report.faults.len();
        let plural = if faults == 1 { "" } else { "s" };
        Err(Failure::failed(format!(
            "{faults} violation{plural}; see above"
        )))
    }
}

impl Draw {
    fn run(self) -> Result<(), Failure> {
        let mut progress = ProgressLine::new();
        let history = progress.read(&self.folder)?;
        let members = history.members();
        if let Some(id) = self.nodes.iter().find(|id| !(1..=members).contains(id)) {
            return Err(
                progress.refused(format!("there is no node {id}: the trace is of {members}"))
            );
        }
        let locks = locks_to_draw(&history, &self.lock, self.all);
        let locks = locks.map_err(|why| progress.refused(why))?;
        let view = View {
            by_time: self.by_time,
            from: self.from.map(micros),
            to: self.to.map(micros),
            nodes: self.nodes.into_iter().collect(),
            locks,
        };
        let (events, to) = Diagram::measure(&history, &view, MAX_EVENTS);
        if events > MAX_EVENTS && !self.all {
            let to = to / 1_000;
            return Err(progress.refused(format!(
                "the drawing would have {events} events, and has at most {MAX_EVENTS}: take a \
                 part with --from and --to (--to {to}ms draws the first {MAX_EVENTS}), --nodes \
                 or --lock, or give --all"
            )));
        }
        progress.show("drawing");
        let diagram = Diagram::new(&history, &view).map_err(Failure::failed)?;
        let text = if self.html {
            html(&history, &diagram).map_err(Failure::failed)?
        } else {
            svg(&diagram)
        };
        progress.clear();
        match self.output {
            None => closed_pipe_is_fine(io::stdout().write_all(text.as_bytes())),
            Some(file) => fs::write(&file, text).map_err(|error| {
                Failure::failed(format!("cannot write {}: {error}", file.display()))
            }),
        }
    }
}

impl Export {
    fn run(self) -> Result<(), Failure> {
        let mut progress = ProgressLine::new();
        let history = progress.read(&self.folder)?;
        if self.format.mermaid {
            return self.mermaid(&history, progress);
        }
        progress.show("exporting");
        let text = shiviz(&history).map_err(Failure::failed)?;
        progress.clear();
        closed_pipe_is_fine(io::stdout().write_all(text.as_bytes()))
    }
}

impl Export {
    fn mermaid(self, history: &History, mut progress: ProgressLine) -> Result<(), Failure> {
        let locks = locks_to_draw(history, &self.lock, self.all);
        let locks = locks.map_err(|why| progress.refused(why))?;
        let events = mermaid_events(history, &locks);
        if events > MAX_EVENTS && !self.all {
            return Err(progress.refused(format!(
                "the diagram would have {events} events, and has at most {MAX_EVENTS}: take one \
                 lock with --lock, draw a part with turno trace draw, or give --all"
            )));
        }
        let text = mermaid(history, &locks).map_err(Failure::failed)?;
        progress.clear();
        closed_pipe_is_fine(io::stdout().write_all(text.as_bytes()))
    }
}

/// Shows on standard error how far the work is, if that is a terminal.
struct ProgressLine {
    is_watched: bool,
    shown: Instant,
}

/// The shortest time between two changes of the line.
const INTERVAL: Duration = Duration::from_millis(100);

/// More columns than any of its texts has.
const WIDTH: usize = 50;

impl ProgressLine {
    fn new() -> Self {
        ProgressLine {
            is_watched: io::stderr().is_terminal(),
            shown: Instant::now(),
        }
    }

    fn read(&mut self, folder: &Path) -> Result<History, Failure> {
        let history = History::read(folder, |Progress { events, percent }| match percent {
            Some(percent) if self.shown.elapsed() >= INTERVAL => {
                self.show(&format!("reading, {percent} %, {events} events"));
            }
            Some(_) => {}
            None => self.show(&format!("merging {events} events")),
        });
        history.map_err(|error| {
            self.clear();
            Failure::failed(error)
        })
    }

    /// Replaces the text of the line.
    fn show(&mut self, text: &str) {
        if self.is_watched {
            self.shown = Instant::now();
            // The next text starts in the same column, on any terminal.
            let _ = write!(io::stderr(), "\r{:WIDTH$}\r{text}", "");
        }
    }

    /// Ends the line, and returns that this is refused.
    fn refused(&mut self, why: impl Display) -> Failure {
        self.clear();
        Failure::usage(why)
    }

    fn clear(&mut self) {
        self.show("");
    }
}
