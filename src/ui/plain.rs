//! The plain output: one line an event on standard output.

use std::io;
use std::time::Instant;

use crate::engine::{NodeEvent, Observer, Status};
use crate::narrate::{Tone, narrate};
use crate::system::{Output, Quota};

/// Writes what happens to a node as lines.
#[derive(Debug)]
pub struct Plain {
    output: Output,
    /// For what anybody can make a node say.
    quota: Quota,
}

/// How many lines of no effect are told in a second, more than a large group says
/// as it starts; and in a flood.
const OF_NO_EFFECT: (u32, u32) = (100, 10);

impl Plain {
    /// Writes there.
    #[must_use]
    pub fn new(output: Output) -> Self {
        let (most, fewer) = OF_NO_EFFECT;
        Plain {
            output,
            quota: Quota::new(most, fewer),
        }
    }
}

impl Observer for Plain {
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()> {
        let is_handled = matches!(what, NodeEvent::Handled { .. });
        for line in narrate(what) {
            let is_of_no_effect = matches!(line.tone, Tone::Ignored | Tone::Trouble);
            if !(is_handled && is_of_no_effect) || self.quota.take() {
                self.output.say(&line.text)?;
            }
        }
        Ok(())
    }

    fn refresh(&mut self, _status: &Status<'_>) -> io::Result<()> {
        if let Some(unreported) = self.quota.unreported() {
            self.output
                .say(&format!("{unreported} more of no effect"))?;
        }
        self.output.flush()
    }

    fn next_refresh(&self) -> Option<Instant> {
        let due = [self.output.next_flush(), self.quota.next_timeout()];
        due.into_iter().flatten().min()
    }

    fn part(&mut self) {
        self.output.part();
    }
}
