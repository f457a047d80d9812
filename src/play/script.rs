//! A script as a file: commands, with comments, and in a transcript what they cause.

use std::fmt;

use super::command::{Command, Mistake, parse};

/// The commands of a file.
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(super) steps: Vec<Step>,
    /// The comments and empty lines below the last command.
    pub(super) end: Vec<String>,
}

/// A command, and what stands above it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The number of its line, from 1.
    pub(super) line: usize,
    /// The comments and empty lines above it.
    pub(super) above: Vec<String>,
    pub(super) text: String,
    pub(super) command: Command,
}

/// Why a file is no script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong in it.
    pub mistake: Mistake,
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ScriptError { line, mistake } = self;
        write!(f, "{line}:{}: {mistake}", mistake.column)
    }
}

/// What begins a command in a transcript.
const COMMAND: &str = "> ";

impl Script {
    /// Parses a file. If a line begins with `> `, it is a transcript: these lines are its
    /// commands, and what is below them is what they caused. In any other file every line
    /// is a command. Empty lines and those that begin with `#` are comments.
    ///
    /// # Errors
    /// The line and the column of the first mistake.
    pub fn parse(file: &str) -> Result<Self, ScriptError> {
        let is_transcript = file.lines().any(|line| line.starts_with(COMMAND));
        let mut script = Script::default();
        for (line, text) in (1..).zip(file.lines()) {
            let trimmed = text.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                script.end.push(text.to_owned());
                continue;
            }
            let (offset, text) = match (is_transcript, text.strip_prefix(COMMAND)) {
                (false, _) => (0, text),
                (true, Some(text)) => (COMMAND.len(), text),
                (true, None) => continue,
            };
            let command = parse(text).map_err(|mut mistake| {
                mistake.column += offset;
                ScriptError { line, mistake }
            })?;
            script.steps.push(Step {
                line,
                above: std::mem::take(&mut script.end),
                text: text.trim().to_owned(),
                command,
            });
        }
        Ok(script)
    }
}
