//! `turno exercise`.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use super::{Failure, closed_pipe_is_fine};
use crate::exercise::{Level, Sheet};

/// Make an exercise: a run of three nodes with blanks to fill in.
///
/// A page (.html) checks what is filled in, in any browser, and answers what is wrong with
/// the rule. A drawing (.svg) is for print. The same seed and level are the same sheet on
/// every machine.
///
/// Exit codes: 0 made, 1 a file cannot be written, 2 wrong use.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Which run: any number
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How hard, from 1 to 5: Lamport clocks; who enters first; deferred replies; lost
    /// datagrams and kept permissions; a node starts again
    #[arg(long, default_value = "1")]
    level: Level,

    /// Write the sheet into this file: a page if it ends in .html, for print if in .svg
    #[arg(short, long = "output", value_name = "FILE")]
    output: Option<PathBuf>,

    /// Print the answers, each with the rule that it follows from
    #[arg(long)]
    solution: bool,
}

const EXAMPLES: &str = "\
Examples:
  turno exercise --level 3 --seed 7 -o sheet.html
  turno exercise --level 3 --seed 7 -o sheet.svg
  turno exercise --level 3 --seed 7 --solution";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let sheet = Sheet::new(self.level, self.seed);
        if let Some(path) = &self.output {
            let text = match path.extension().and_then(|extension| extension.to_str()) {
                Some("html") => sheet.html(),
                Some("svg") => sheet.svg(),
                _ => {
                    let shown = path.display();
                    return Err(Failure::usage(format!(
                        "{shown} ends neither in .html, for a page that checks the answers, nor \
                         in .svg, for print"
                    )));
                }
            };
            fs::write(path, text).map_err(|error| {
                Failure::failed(format!("cannot write {}: {error}", path.display()))
            })?;
        } else if !self.solution {
            return Err(Failure::usage(
                "where to? -o sheet.html makes a page, -o sheet.svg a sheet for print; --solution \
                 prints the answers",
            ));
        }
        if self.solution {
            return closed_pipe_is_fine(io::stdout().write_all(sheet.key().as_bytes()));
        }
        Ok(())
    }
}
