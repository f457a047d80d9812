//! `turno trace`.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Failure, closed_pipe_is_fine};
use crate::trace::{History, check, read};

/// Judge what really happened, from the traces that nodes wrote.
///
/// Every turno process that is given --trace DIR writes a file there. Bring the
/// files of all members into one directory: they are merged by what happened
/// before what, not by the clocks of the machines.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  turno process 1 :10001 :10002 :10003 --trace run
  turno trace check run";

#[derive(Subcommand)]
enum Command {
    Check(Check),
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

/// After how many events progress is shown.
const OFTEN: usize = 100_000;

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Check(check) => check.run(),
        }
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let history = history(&self.folder)?;
        let report = check(&history);
        closed_pipe_is_fine(writeln!(io::stdout(), "{}", report.tell(&history)))?;
        if report.is_clean() {
            return Ok(());
        }
        let faults = report.faults.len();
        Err(Failure::failed(format!("{faults} violations; see above")))
    }
}

fn history(folder: &Path) -> Result<History, Failure> {
    let is_watched = io::stderr().is_terminal();
    let runs = read(folder, |events| {
        if is_watched && events.is_multiple_of(OFTEN) {
            let _ = write!(io::stderr(), "\r{events} events read ");
        }
    });
    if is_watched {
        let _ = write!(io::stderr(), "\r{:30}\r", "");
    }
    History::new(runs.map_err(Failure::failed)?).map_err(Failure::failed)
}
