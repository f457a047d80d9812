//! `turno exercise`: a run of a small group with blanks, to fill in by hand or in a browser.
//!
//! ```text
//! seed, level ─ walk ─> Game: a run on the pure algorithm
//!                         └─ ask ─> questions with answers and rules, a Diagram with letters
//!                                     └─> Sheet ─ print ─> SVG; page ─> HTML; key
//! ```

mod ask;
mod level;
mod page;
mod print;
mod question;
mod walk;

use fastrand::Rng;

use crate::trace::{Diagram, svg};
pub(crate) use level::Level;
use question::Question;

/// The longest run that fits on a page, in events.
const MAX_LENGTH: f64 = 27.0;

/// Of so many runs one fits.
const MAX_RUNS: usize = 1000;

/// A run with blanks. The same seed and level are the same sheet on every machine.
pub(crate) struct Sheet {
    level: Level,
    seed: u64,
    diagram: Diagram,
    questions: Vec<Question>,
}

impl Sheet {
    /// The sheet of a seed.
    pub(crate) fn new(level: Level, seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let runs = (0..MAX_RUNS).map(|_| {
            let game = walk::run(level, &mut random);
            let (diagram, questions) = ask::questions(&game, level, &mut random);
            Sheet {
                level,
                seed,
                diagram,
                questions,
            }
        });
        let mut fitting = runs.filter(Sheet::fits);
        fitting.next().expect("one run in a few fits")
    }

    fn fits(&self) -> bool {
        self.diagram.length <= MAX_LENGTH && self.questions.len() >= self.level.min_questions()
    }

    fn title(&self) -> String {
        format!(
            "Exercise {}, level {}: {}",
            self.seed,
            self.level.number(),
            self.level.title()
        )
    }

    /// The run with letters instead of what is asked.
    fn drawing(&self) -> String {
        without_titles(&svg(&self.diagram))
    }

    /// The answers, with the rules that they follow from.
    pub(crate) fn key(&self) -> String {
        let mut text = format!("{}\n", self.title());
        for question in &self.questions {
            let Question {
                letter,
                text: asked,
                rule,
                ..
            } = question;
            let answer = question.answer();
            text.push_str(&format!("\n{letter}  {asked}\n   {answer}\n   {rule}\n"));
        }
        text
    }
}

/// A drawing without the texts that a browser shows at an element: they have the answers.
fn without_titles(svg: &str) -> String {
    let mut text = String::new();
    let mut rest = svg;
    while let Some((before, after)) = rest.split_once("<title>") {
        text.push_str(before);
        rest = after.split_once("</title>").map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests;
