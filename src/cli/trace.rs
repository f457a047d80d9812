//! `turno trace`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use super::{Failure, closed_pipe_is_fine};
use crate::system::micros;
use crate::trace::{Diagram, History, Progress, View, check, html, mermaid, shiviz, svg};

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

    /// Place events by the clocks of the machines, not by what happened before what
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

    /// Draw this lock; the nameless one if not given
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    lock: String,
}

/// Write a trace for another program that draws, to standard output.
#[derive(Args)]
struct Export {
    /// The directory with the traces
    folder: PathBuf,

    #[command(flatten)]
    format: Format,
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
        closed_pipe_is_fine(writeln!(io::stdout(), "{}", report.text(&history)))?;
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
            return Err(Failure::usage(format!(
                "there is no node {id}: the trace is of {members}"
            )));
        }
        let view = View {
            by_time: self.by_time,
            from: self.from.map(micros),
            to: self.to.map(micros),
            nodes: self.nodes.into_iter().collect(),
            lock: self.lock,
        };
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
        progress.show("exporting");
        let text = if self.format.shiviz {
            shiviz(&history)
        } else {
            mermaid(&history)
        };
        let text = text.map_err(Failure::failed)?;
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

    fn clear(&mut self) {
        self.show("");
    }
}
