//! The plain view: one line per event on standard output.

use std::io;
use std::time::{Duration, Instant};

use super::greetings::Greetings;
use crate::engine::{NodeEvent, Observer, Snapshot};
use crate::narrate::{Line, Tone, narrate};
use crate::system::{Output, Quota};

/// How long the line about greetings waits for those of further members.
const GREETING: Duration = Duration::from_millis(200);

/// Writes the events of a node as lines.
#[derive(Debug)]
pub struct Plain {
    output: Output,
    /// Limits the lines without effect, which any sender of datagrams can cause.
    quota: Quota,
    greetings: Greetings,
    /// The line about the greetings so far, and when it is written at the latest.
    greeted: Option<(Line, Instant)>,
}

impl Plain {
    /// Writes to this output.
    pub fn new(output: Output) -> Self {
        // More per second than a large group writes as it starts; fewer in a flood.
        let quota = Quota::new(100, 10);
        Plain {
            output,
            quota,
            greetings: Greetings::default(),
            greeted: None,
        }
    }

    /// Keeps the line about all greetings in place of one about another member's.
    fn keep_greeting(&mut self, lines: &mut Vec<Line>, what: &NodeEvent<'_>) {
        let known = self.greetings.count();
        let greeted = self.greetings.take_from(lines, what);
        let greeted = greeted.filter(|_| self.greetings.count() > known);
        if let Some(line) = greeted {
            let first = self.greeted.as_ref().map(|(_, at)| *at);
            let at = first.unwrap_or_else(|| Instant::now() + GREETING);
            self.greeted = Some((line, at));
        }
    }

    fn write_greeting(&mut self) -> io::Result<()> {
        match self.greeted.take() {
            Some((line, _)) => self.output.write_line(&line.text),
            None => Ok(()),
        }
    }
}

impl Observer for Plain {
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()> {
        let is_handled = matches!(what, NodeEvent::Handled { .. });
        let mut lines = narrate(what);
        self.keep_greeting(&mut lines, what);
        if !lines.is_empty() {
            self.write_greeting()?;
        }
        for line in lines {
            let has_no_effect = matches!(line.tone, Tone::Ignored | Tone::Trouble);
            if !(is_handled && has_no_effect) || self.quota.take() {
                self.output.write_line(&line.text)?;
            }
        }
        Ok(())
    }

    fn refresh(&mut self, _snapshot: &Snapshot<'_>) -> io::Result<()> {
        if let Some(unreported) = self.quota.unreported() {
            let text = format!("{unreported} more lines without effect");
            self.output.write_line(&text)?;
        }
        let is_due = |(_, at): &(Line, Instant)| *at <= Instant::now();
        if self.greeted.as_ref().is_some_and(is_due) {
            self.write_greeting()?;
        }
        self.output.flush()
    }

    fn next_refresh(&self) -> Option<Instant> {
        let greeting = self.greeted.as_ref().map(|(_, at)| *at);
        let due = [
            self.output.next_flush(),
            self.quota.next_timeout(),
            greeting,
        ];
        due.into_iter().flatten().min()
    }

    fn close(&mut self) {
        // The output may be closed.
        let _ = self.write_greeting();
        self.output.close();
    }
}
