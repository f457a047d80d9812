//! A game from its first command on: what was typed or read, and what it caused.

use super::command::{Command, parse};
use super::game::Game;
use super::script::{Script, Step};
use crate::printable::Printable;

/// The commands so far and the group that they led to.
#[derive(Clone, Debug, Default)]
pub struct Session {
    pub(super) game: Game,
    done: Vec<Done>,
    /// The comments and empty lines below the last command.
    end: Vec<String>,
}

/// A command that was executed.
#[derive(Clone, Debug)]
struct Done {
    step: Step,
    /// What it caused, a line each.
    lines: Vec<String>,
}

/// What a typed line asks for.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A command was executed, with these lines; in the picture its rows say the same.
    Done(Vec<String>),
    /// Lines to show that are not part of the transcript.
    Shown(Vec<String>),
    Help,
    Diagram,
    /// This command was taken back.
    Undone(Step),
    /// A file to write, and its text.
    Write {
        path: String,
        text: String,
    },
    /// Play the rest of the file.
    Rest,
    Quit,
    /// The line is wrong, at this column if it is no command; nothing has changed.
    Wrong {
        column: Option<usize>,
        why: String,
    },
}

impl Session {
    /// Plays a whole script.
    ///
    /// # Errors
    /// The number of the line whose command cannot be executed, and why.
    pub fn play(&mut self, script: Script) -> Result<(), (usize, String)> {
        for step in script.steps {
            let line = step.line;
            self.step(step).map_err(|why| (line, why))?;
        }
        self.end_with(script.end);
        Ok(())
    }

    /// Adds comments below the last command.
    pub(super) fn end_with(&mut self, comments: Vec<String>) {
        self.end.extend(comments);
    }

    /// Executes a command of a script, and returns the lines about it.
    pub(super) fn step(&mut self, step: Step) -> Result<Vec<String>, String> {
        let lines = self.game.execute(step.command)?;
        self.done.push(Done {
            step,
            lines: lines.clone(),
        });
        Ok(lines)
    }

    /// All commands with what they caused, as a file that can be played again.
    #[must_use]
    pub fn transcript(&self) -> String {
        let mut text = String::new();
        for Done { step, lines } in &self.done {
            for above in &step.above {
                text.push_str(&format!("{above}\n"));
            }
            text.push_str(&format!("> {}\n", step.text));
            for line in lines {
                text.push_str(&format!("{line}\n"));
            }
        }
        for line in &self.end {
            text.push_str(&format!("{line}\n"));
        }
        text
    }

    /// The run as a space-time diagram: an SVG.
    ///
    /// # Errors
    /// Nothing has happened yet.
    pub fn svg(&self) -> Result<String, String> {
        self.game.svg()
    }

    /// The run as a page for a browser.
    ///
    /// # Errors
    /// Nothing has happened yet.
    pub fn html(&self) -> Result<String, String> {
        self.game.html()
    }

    /// Whether the trace check finds nothing; the report.
    ///
    /// # Errors
    /// Nothing has happened yet.
    pub fn check(&self) -> Result<(bool, String), String> {
        self.game.check()
    }

    /// Takes a line that was typed, or came through a pipe.
    pub(super) fn enter(&mut self, line: &str) -> Answer {
        let line = line.trim();
        let line = line.strip_prefix("> ").unwrap_or(line).trim();
        if line.is_empty() || line.starts_with('#') {
            if !line.is_empty() {
                self.end.push(line.to_owned());
            }
            return Answer::Shown(Vec::new());
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        match (word, rest) {
            ("help" | "?", _) => return Answer::Help,
            ("diagram", "") => return Answer::Diagram,
            ("rest", "") => return Answer::Rest,
            ("quit" | "exit" | "q", "") => return Answer::Quit,
            ("undo", "") => return self.undo(),
            ("save", path) => return written(path, word, Ok(self.transcript())),
            ("html", path) => return written(path, word, self.html()),
            ("svg", path) => return written(path, word, self.svg()),
            _ => {}
        }
        let command = match parse(line) {
            Ok(command) => command,
            Err(mistake) => {
                return Answer::Wrong {
                    column: Some(mistake.column),
                    why: Printable::whole(mistake.message.as_bytes()).to_string(),
                };
            }
        };
        let above = std::mem::take(&mut self.end);
        let step = Step {
            line: 0,
            above: above.clone(),
            text: line.to_owned(),
            command,
        };
        match self.step(step) {
            Ok(lines) if is_list(command) => Answer::Shown(lines),
            Ok(lines) => Answer::Done(lines),
            Err(why) => {
                self.end = above;
                Answer::Wrong { column: None, why }
            }
        }
    }

    /// Takes the last command back. Everything before it is played again: the same
    /// commands lead to the same group.
    fn undo(&mut self) -> Answer {
        let Some(last) = self.done.pop() else {
            let why = "there is nothing to undo".to_owned();
            return Answer::Wrong { column: None, why };
        };
        self.game = Game::default();
        for done in &self.done {
            // It was possible before, and is again.
            let _ = self.game.execute(done.step.command);
        }
        self.end.clear();
        Answer::Undone(last.step)
    }
}

/// Whether a command only lists something, which no row of the diagram shows.
pub(super) fn is_list(command: Command) -> bool {
    matches!(
        command,
        Command::UnderWay | Command::States | Command::Check
    )
}

fn written(path: &str, word: &str, text: Result<String, String>) -> Answer {
    match text {
        _ if path.is_empty() => Answer::Wrong {
            column: None,
            why: format!(
                "{word} takes the name of a file: {word} run.{}",
                match word {
                    "save" => "txt",
                    other => other,
                }
            ),
        },
        Ok(text) => Answer::Write {
            path: path.to_owned(),
            text,
        },
        Err(why) => Answer::Wrong { column: None, why },
    }
}
