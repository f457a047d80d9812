//! Scripts without a terminal: from a file or through a pipe, to a transcript.

use std::io::{self, BufRead, Write};

use super::command::HELP;
use super::files::Files;
use super::picture::Picture;
use super::script::{Script, ScriptError};
use super::session::{Answer, Session};

/// How wide the diagram is where no terminal says it.
const WIDTH: usize = 100;

/// Why a script ended early.
#[derive(Debug)]
pub(crate) enum BatchError {
    /// A line is wrong: `4:7: "delivr" is not understood; ...`.
    Script(String),
    /// Reading or writing failed.
    Io(io::Error),
}

impl From<io::Error> for BatchError {
    fn from(error: io::Error) -> Self {
        BatchError::Io(error)
    }
}

impl From<ScriptError> for BatchError {
    fn from(error: ScriptError) -> Self {
        BatchError::Script(error.to_string())
    }
}

/// Plays a file and writes its transcript. Nothing is played if a line is no command.
///
/// # Errors
/// What came before a command that cannot be executed is written first.
pub(crate) fn play_script(
    file: &str,
    with_diagram: bool,
    output: &mut impl Write,
) -> Result<Session, BatchError> {
    let script = Script::parse(file)?;
    let mut session = Session::default();
    let played = session.play(script);
    output.write_all(session.transcript().as_bytes())?;
    played.map_err(|(line, why)| BatchError::Script(format!("{line}: {why}")))?;
    if with_diagram {
        writeln!(output)?;
        write_diagram(&session, output)?;
    }
    output.flush()?;
    Ok(session)
}

/// Writes the whole diagram, without colour.
pub(super) fn write_diagram(session: &Session, output: &mut impl Write) -> io::Result<()> {
    let picture = Picture {
        width: WIDTH,
        has_colour: false,
    };
    let mut lines = picture.diagram(&session.game, usize::MAX);
    lines.push(picture.standing(&session.game));
    lines
        .iter()
        .try_for_each(|line| writeln!(output, "{}", line.trim_end()))
}

/// Lines that come through a pipe: what a person could type at the prompt.
#[derive(Default)]
pub(crate) struct Lines {
    files: Files,
}

impl Lines {
    /// Executes each line as it comes, and writes what it caused.
    ///
    /// # Errors
    /// The first line that is wrong; those before it are executed.
    pub(crate) fn play(
        mut self,
        input: impl BufRead,
        with_diagram: bool,
        output: &mut impl Write,
    ) -> Result<Session, BatchError> {
        let mut session = Session::default();
        for (number, line) in (1..).zip(input.lines()) {
            let line = line?;
            let answer = session.enter(&line);
            if let Answer::Wrong { column, why } = answer {
                output.flush()?;
                let column = column.map(|column| format!(":{column}"));
                let column = column.unwrap_or_default();
                return Err(BatchError::Script(format!("{number}{column}: {why}")));
            }
            let trimmed = line.trim();
            match trimmed.starts_with('#') || trimmed.is_empty() {
                true => writeln!(output, "{trimmed}")?,
                false => writeln!(output, "> {}", trimmed.trim_start_matches("> "))?,
            }
            match answer {
                Answer::Done(lines) | Answer::Shown(lines) => {
                    for line in lines {
                        writeln!(output, "{line}")?;
                    }
                }
                Answer::Help => {
                    for line in HELP {
                        writeln!(output, "{line}")?;
                    }
                }
                Answer::Diagram => write_diagram(&session, output)?,
                Answer::Write { path, text } => {
                    let written = self.files.write(&path, &text);
                    written.map_err(|why| BatchError::Script(format!("{number}: {why}")))?;
                }
                Answer::Quit => break,
                Answer::Undone(_) | Answer::Rest | Answer::Wrong { .. } => {}
            }
            output.flush()?;
        }
        if with_diagram {
            writeln!(output)?;
            write_diagram(&session, output)?;
        }
        Ok(session)
    }
}
