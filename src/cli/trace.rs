//! `turno trace`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use super::{Failure, closed_pipe_is_fine};
use crate::trace::{Diagram, History, Progress, View, check, html, mermaid, shiviz, svg};

/// Judge what really happened, from the traces that nodes wrote.
///
/// Every node that is given --trace DIR writes a file there: processes, agents,
/// programs that use the library. Bring the files of all members into one
/// directory: they are merged by what happened before what, not by the clocks of
/// the machines.
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

/// Was the section ever held twice? Do tokens rise? Who waited for whom?
///
/// Exit codes: 0 nothing is wrong, 1 a violation, or no trace to be read, 2 wrong
/// use. A violation is told with the lines of the trace that show it; and where
/// the trace is not whole, what is missing.
#[derive(Args)]
struct Check {
    /// Where the traces are
    folder: PathBuf,
}

/// Draw what happened as a space-time diagram.
///
/// A line a node, from left to right; an arrow a request or a reply; bars for
/// WAIT, HELD with its token, and what a node defers, with the reason. Without -o
/// the SVG goes to standard output.
///
/// With --html it is a page to be opened in a browser, which needs nothing else:
/// point at an event, and what led to it and what it led to lights up; step
/// through the run, and watch the nodes change. run.html#step=5 and
/// run.html#event=0-3 are links into it.
#[derive(Args)]
struct Draw {
    /// Where the traces are
    folder: PathBuf,

    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write a page that a browser shows, to look into, instead of an SVG
    #[arg(long)]
    html: bool,

    /// Place events by the clocks of the machines, not by what happened before
    /// what
    #[arg(long)]
    by_time: bool,

    /// Leave out what is earlier, counted from the first event
    #[arg(long, value_name = "TIME", value_parser = super::process::time)]
    from: Option<Duration>,

    /// Leave out what is later
    #[arg(long, value_name = "TIME", value_parser = super::process::time)]
    to: Option<Duration>,

    /// Draw only these nodes
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    nodes: Vec<u16>,

    /// Draw this lock; the nameless one, if not given
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    lock: String,
}

/// Write what happened for another program that draws, to standard output.
#[derive(Args)]
struct Export {
    /// Where the traces are
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
        let mut teller = Teller::new();
        let history = teller.read(&self.folder)?;
        teller.tell("judging");
        let report = check(&history);
        teller.clear();
        closed_pipe_is_fine(writeln!(io::stdout(), "{}", report.tell(&history)))?;
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
        let mut teller = Teller::new();
        let history = teller.read(&self.folder)?;
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
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
        teller.tell("drawing");
        let diagram = Diagram::new(&history, &view).map_err(Failure::failed)?;
        let text = if self.html {
            html(&history, &diagram).map_err(Failure::failed)?
        } else {
            svg(&diagram)
        };
        teller.clear();
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
        let mut teller = Teller::new();
        let history = teller.read(&self.folder)?;
        teller.tell("exporting");
        let text = if self.format.shiviz {
            shiviz(&history)
        } else {
            mermaid(&history)
        };
        let text = text.map_err(Failure::failed)?;
        teller.clear();
        closed_pipe_is_fine(io::stdout().write_all(text.as_bytes()))
    }
}

/// Tells on standard error how far a long trace is, if that is a terminal.
struct Teller {
    is_watched: bool,
    shown: Instant,
}

/// How often it does.
const OFTEN: Duration = Duration::from_millis(100);

/// More than it tells at once.
const WIDTH: usize = 50;

impl Teller {
    fn new() -> Self {
        Teller {
            is_watched: io::stderr().is_terminal(),
            shown: Instant::now(),
        }
    }

    fn read(&mut self, folder: &Path) -> Result<History, Failure> {
        let history = History::read(folder, |progress| match progress {
            Progress::Reading { events, percent } if self.shown.elapsed() >= OFTEN => {
                self.tell(&format!("reading, {percent} %, {events} events"));
            }
            Progress::Reading { .. } => {}
            Progress::Merging { events } => self.tell(&format!("merging {events} events")),
        });
        history.map_err(|error| {
            self.clear();
            Failure::failed(error)
        })
    }

    /// Instead of what it has told before.
    fn tell(&mut self, what: &str) {
        if self.is_watched {
            self.shown = Instant::now();
            // The next begins where this one did, on any terminal.
            let _ = write!(io::stderr(), "\r{:WIDTH$}\r{what}", "");
        }
    }

    fn clear(&mut self) {
        self.tell("");
    }
}
