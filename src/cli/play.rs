//! `turno play`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;

use super::{Failure, closed_pipe_is_fine};
use crate::play::{BatchError, Lines, Prompt, Script, Session, play_script};

/// Play with the algorithm: a group without a network, a step at a time.
///
/// Each datagram waits until a command delivers, delays, repeats or loses it; nodes ask,
/// leave, crash and start again. At a terminal there is a prompt with history, completion
/// (Tab) and undo, below the diagram and the list of what is under way. An empty line
/// plays the next line of FILE, or delivers the oldest datagram.
///
/// Otherwise the commands come from FILE or standard input, and a transcript goes to
/// standard output. A wrong line ends it.
///
/// Exit codes: 0 played, 1 a file cannot be read or written, 2 wrong use, or a wrong line.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A script: a command a line, # begins a comment. A transcript (as of save, and
    /// those in tests/transcripts) is one too: there a command begins with "> "
    file: Option<PathBuf>,

    /// Write the diagram as a page to step through (as turno trace draw --html), after
    /// every command; it overwrites the file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Print the diagram below the transcript
    #[arg(long)]
    diagram: bool,

    /// Print a transcript at a terminal too, instead of the prompt
    #[arg(long)]
    plain: bool,
}

const EXAMPLES: &str = "\
Commands: group 3, group 3 asks everybody, group 3 original 2; 1 x, 1 leaves, 1 gives
up, 1 ticks, 1 timer, 1 crashes, 1 starts; deliver all; deliver 4 (or deliver 1 2:
the oldest from 1 to 2), lose, delay and repeat; under way, states, check. At the
prompt and in a pipe also: undo, save FILE, html FILE, svg FILE, diagram, help, quit.

Examples:
  turno play
  turno play lesson.txt
  turno play tests/transcripts/kept.txt --plain --diagram
  printf '%s\\n' 'group 3' '1 x' 'lose 1' 'deliver all' states | turno play
  turno play lesson.txt --html lesson.html";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let is_watched = !self.plain && io::stdin().is_terminal() && io::stdout().is_terminal();
        let name = self.file.as_ref().map(|file| file.display().to_string());
        let file = self.file.as_ref().map(fs::read_to_string).transpose();
        let file = file.map_err(|error| {
            let name = name.as_deref().unwrap_or_default();
            Failure::failed(format!("cannot read {name}: {error}"))
        })?;
        let script = name.as_deref().zip(file.as_deref());
        if is_watched {
            let script = script
                .map(|(name, text)| match Script::parse(text) {
                    Ok(script) => Ok((name, script)),
                    Err(error) => Err(Failure::usage(format!("{name}:{error}"))),
                })
                .transpose()?;
            return closed_pipe_is_fine(Prompt::new(script, self.html).run());
        }
        let mut output = io::stdout().lock();
        let played = match script {
            Some((_, text)) => play_script(text, self.diagram, &mut output),
            None => Lines::default().play(io::stdin().lock(), self.diagram, &mut output),
        };
        let source = name.as_deref().unwrap_or("standard input");
        let session = match played {
            Ok(session) => session,
            Err(BatchError::Script(why)) => return Err(Failure::usage(format!("{source}:{why}"))),
            Err(BatchError::Io(error)) => return closed_pipe_is_fine(Err(error)),
        };
        closed_pipe_is_fine(output.flush())?;
        self.write_page(&session)
    }

    fn write_page(&self, session: &Session) -> Result<(), Failure> {
        let Some(path) = &self.html else {
            return Ok(());
        };
        let page = session.html().map_err(Failure::failed)?;
        fs::write(path, page)
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
    }
}
