//! The line at the prompt: editing, history, completion, and what Enter would do.

use std::borrow::Cow;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::command::{OF_THE_PROMPT, next_words};

/// What the user has typed.
pub(super) enum Typed {
    Line(String),
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    End,
}

/// What the line under edit depends on.
#[derive(Default)]
pub(super) struct Hints {
    /// The command that Enter plays on an empty line.
    pub(super) next: Option<String>,
    pub(super) members: u16,
    /// The numbers of the datagrams under way.
    pub(super) datagrams: Vec<u16>,
    pub(super) has_colour: bool,
}

pub(super) struct LineEditor {
    editor: Editor<Hints, MemHistory>,
}

impl LineEditor {
    pub(super) fn new() -> Result<Self, ReadlineError> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .auto_add_history(true)
            .build();
        let history = MemHistory::with_config(&config);
        let editor = Editor::with_history(config, history)?;
        Ok(LineEditor { editor })
    }

    /// Waits for a line.
    pub(super) fn read(&mut self, hints: Hints) -> Result<Typed, ReadlineError> {
        self.editor.set_helper(Some(hints));
        match self.editor.readline("> ") {
            Ok(line) => Ok(Typed::Line(line)),
            Err(ReadlineError::Interrupted) => Ok(Typed::Interrupt),
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(error) => Err(error),
        }
    }
}

impl Completer for Hints {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = line.get(..pos).unwrap_or(line);
        let start = typed.rfind(' ').map_or(0, |space| space + 1);
        let before: Vec<&str> = typed[..start].split_whitespace().collect();
        let mut words = next_words(&before, self.members);
        match before[..] {
            [] => {
                let first = OF_THE_PROMPT
                    .iter()
                    .filter_map(|words| words.split(' ').next());
                words.extend(first.map(str::to_owned));
            }
            ["deliver" | "repeat" | "delay" | "lose"] => {
                let numbers = self.datagrams.iter().map(u16::to_string);
                words.extend(numbers);
                words.dedup();
            }
            _ => {}
        }
        words.retain(|word| word.starts_with(&typed[start..]));
        words.iter_mut().for_each(|word| word.push(' '));
        Ok((start, words))
    }
}

impl Hinter for Hints {
    type Hint = String;

    fn hint(&self, line: &str, _: usize, _: &Context<'_>) -> Option<String> {
        self.next.clone().filter(|_| line.is_empty())
    }
}

impl Highlighter for Hints {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        match self.has_colour {
            true => format!("\x1b[2m{hint}\x1b[0m").into(),
            false => format!("[Enter: {hint}]").into(),
        }
    }
}

impl Validator for Hints {}

impl Helper for Hints {}
