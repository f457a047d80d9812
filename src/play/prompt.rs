//! The playground at a terminal: the diagram, what is under way, and a prompt.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::PathBuf;
use std::{process, thread};

use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, terminal};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::error::ReadlineError;
use signal_hook::consts::{SIGHUP, SIGTERM};
use signal_hook::iterator::Signals;

use super::command::HELP;
use super::files::Files;
use super::line_editor::{Hints, LineEditor, Typed};
use super::picture::{LEGEND, Picture, fitting, folded};
use super::script::{Script, Step};
use super::session::{Answer, Session};

/// At most so many lines list what is under way.
const MAX_UNDER_WAY: usize = 4;

/// A session at a terminal.
pub(crate) struct Prompt {
    session: Session,
    files: Files,
    /// The page that is written after every command.
    page: Option<PathBuf>,
    /// The commands of the file that were not played yet.
    rest: VecDeque<Step>,
    /// The comments below its last command.
    end: Vec<String>,
    /// What is shown below the diagram: comments of the file, lists, or what is wrong.
    message: Vec<String>,
    is_wrong: bool,
    has_colour: bool,
}

impl Prompt {
    /// A session that begins with a group of three, or with the first command of a script
    /// from this file.
    pub(crate) fn new(script: Option<(&str, Script)>, page: Option<PathBuf>) -> Self {
        let mut prompt = Prompt {
            session: Session::default(),
            files: Files::default(),
            page,
            rest: VecDeque::new(),
            end: Vec::new(),
            message: Vec::new(),
            is_wrong: false,
            has_colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        match script {
            Some((_, script)) => {
                prompt.rest = script.steps.into();
                prompt.end = script.end;
                prompt.show_comment();
            }
            None => {
                prompt.session.enter("group 3");
                prompt.message = [
                    "Three nodes that know each other's clocks. Type a command, 1 x for example:",
                    "node 1 asks for the critical section. help lists the commands, Tab completes.",
                ]
                .map(str::to_owned)
                .into();
            }
        }
        prompt
    }

    /// Lets the user play until the end, then leaves the whole diagram on the terminal.
    ///
    /// # Errors
    /// Those of the terminal.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut editor = LineEditor::new().map_err(io_error)?;
        let screen = FullScreen::enter()?;
        let mut was_interrupted = false;
        loop {
            self.draw()?;
            let typed = editor.read(self.hints()).map_err(io_error)?;
            self.is_wrong = false;
            match typed {
                Typed::End => break,
                Typed::Interrupt if was_interrupted => break,
                Typed::Interrupt => {
                    was_interrupted = true;
                    self.message = vec!["Ctrl-C again, Ctrl-D or quit ends it".to_owned()];
                    continue;
                }
                Typed::Line(line) => {
                    if !self.enter(&line) {
                        break;
                    }
                }
            }
            was_interrupted = false;
            self.write_page();
        }
        drop(screen);
        let width = usize::from(terminal::size()?.0);
        let picture = self.picture(width);
        let lines = picture.diagram(&self.session.game, usize::MAX);
        let mut out = io::stdout().lock();
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    }

    /// Executes a line. Returns whether the session goes on.
    fn enter(&mut self, line: &str) -> bool {
        self.message.clear();
        if line.trim().is_empty() {
            self.next();
            return true;
        }
        match self.session.enter(line) {
            Answer::Done(_) => self.show_comment(),
            Answer::Shown(lines) => self.message = lines,
            Answer::Help => self.message = HELP.iter().map(|line| (*line).to_owned()).collect(),
            Answer::Diagram => {
                self.message = vec!["it is above; html FILE writes all of it".to_owned()];
            }
            Answer::Undone(step) => {
                self.message = vec![format!("undone: {}", step.text)];
                if step.line > 0 {
                    self.rest.push_front(step);
                }
            }
            Answer::Write { path, text } => match self.files.write(&path, &text) {
                Ok(()) => self.message = vec![format!("written: {}", path.escape_debug())],
                Err(why) => self.wrong(why),
            },
            Answer::Rest => {
                while !self.rest.is_empty() && !self.is_wrong {
                    self.next();
                }
            }
            Answer::Quit => return false,
            Answer::Wrong { why, .. } => self.wrong(why),
        }
        true
    }

    fn wrong(&mut self, why: String) {
        self.is_wrong = true;
        self.message = vec![why];
    }

    /// Plays the next command of the file; without one the oldest datagram arrives.
    fn next(&mut self) {
        let Some(step) = self.rest.pop_front() else {
            if let Some(next) = self.oldest() {
                self.session.enter(&next);
            }
            return;
        };
        let is_list = super::session::is_list(step.command);
        let kept = step.clone();
        match self.session.step(step) {
            Ok(lines) => {
                if is_list {
                    self.message = lines;
                }
                self.show_comment();
                if self.rest.is_empty() {
                    self.session.end_with(std::mem::take(&mut self.end));
                }
            }
            Err(why) => {
                self.wrong(format!(
                    "line {} of the file: {}: {why}",
                    kept.line, kept.text
                ));
                self.rest.push_front(kept);
            }
        }
    }

    /// Adds the comment above the next command of the file.
    fn show_comment(&mut self) {
        let next = self.rest.front();
        let above = next.into_iter().flat_map(|step| &step.above);
        let comments = above.filter(|line| !line.trim().is_empty()).cloned();
        self.message.extend(comments);
    }

    fn oldest(&self) -> Option<String> {
        let oldest = self.session.game.in_transit.front()?;
        Some(format!("deliver {}", oldest.number))
    }

    fn hints(&self) -> Hints {
        let game = &self.session.game;
        let next = self.rest.front().map(|step| step.text.clone());
        Hints {
            next: next.or_else(|| self.oldest()),
            members: game.members(),
            datagrams: game.in_transit.iter().map(|it| it.number).collect(),
            has_colour: self.has_colour,
        }
    }

    fn write_page(&mut self) {
        let Some(path) = &self.page else { return };
        let written = (self.session.html())
            .and_then(|page| std::fs::write(path, page).map_err(|error| error.to_string()));
        if let Err(why) = written {
            self.wrong(format!("the page is not written: {why}"));
        }
    }

    fn picture(&self, width: usize) -> Picture {
        Picture {
            width,
            has_colour: self.has_colour,
        }
    }

    /// Draws everything above the prompt, from the top of the screen.
    fn draw(&self) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        let (width, height) = (usize::from(width.max(20)), usize::from(height.max(6)));
        let picture = self.picture(width);
        let game = &self.session.game;
        let mut below = Vec::new();
        let under_way = picture.under_way(game, MAX_UNDER_WAY);
        below.push(picture.dim(match under_way.is_empty() {
            true => "nothing is under way",
            false => "under way:",
        }));
        below.extend(under_way);
        // The title, the head, the lanes as they are, the legend, the prompt.
        let room = height.saturating_sub(5 + below.len());
        let mut message = Vec::new();
        for line in &self.message {
            message.extend(folded(line, width.saturating_sub(1)));
        }
        message.truncate(room);
        let message = message.into_iter().map(|line| match self.is_wrong {
            true => picture.red(&line),
            false => line,
        });
        below.extend(message);
        let room = height.saturating_sub(5 + below.len());
        let mut lines = vec![fitting(&self.title(), width.saturating_sub(1))];
        let diagram = picture.diagram(game, room);
        lines.extend(diagram);
        lines.push(picture.standing(game));
        lines.push(picture.dim(&fitting(LEGEND, width.saturating_sub(1))));
        lines.extend(below);
        let mut out = io::stdout().lock();
        execute!(
            out,
            terminal::Clear(terminal::ClearType::All),
            cursor::MoveTo(0, 0)
        )?;
        for line in lines {
            writeln!(out, "{line}")?;
        }
        out.flush()
    }

    fn title(&self) -> String {
        let game = &self.session.game;
        let kept = match game.keeps_permissions {
            true => "permissions are kept",
            false => "every entry asks everybody",
        };
        let group = match game.members() {
            0 => "no group yet".to_owned(),
            members => format!("group of {members}, {kept}"),
        };
        let next = match (self.rest.len(), self.oldest()) {
            (0, None) => String::new(),
            (0, Some(_)) => " · Enter delivers the oldest".to_owned(),
            (rest, _) => format!(" · Enter plays the next of {rest} lines"),
        };
        format!("{group}{next} · help · undo · quit")
    }
}

fn io_error(error: ReadlineError) -> io::Error {
    match error {
        ReadlineError::Io(error) => error,
        other => io::Error::other(other.to_string()),
    }
}

/// The alternate screen; dropping it gives the terminal back, and so does a signal that
/// ends the process.
struct FullScreen;

impl FullScreen {
    fn enter() -> io::Result<Self> {
        let settings = tcgetattr(io::stdin())?;
        let mut signals = Signals::new([SIGTERM, SIGHUP])?;
        thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                leave(&settings);
                process::exit(128 + signal);
            }
        });
        execute!(io::stdout(), EnterAlternateScreen)?;
        Ok(FullScreen)
    }
}

fn leave(settings: &Termios) {
    // The process ends, whatever becomes of the terminal.
    let _ = execute!(io::stdout(), LeaveAlternateScreen);
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, settings);
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        let _ = execute!(io::stdout(), LeaveAlternateScreen);
    }
}
