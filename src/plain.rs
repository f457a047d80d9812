//! The plain output: one line an event on standard output.

use std::io;
use std::time::Instant;

use crate::narrate::narrate;
use crate::node::{Happening, Observer, Status};
use crate::system::Output;

/// Writes what happens to a node as lines.
#[derive(Debug)]
pub struct Plain {
    output: Output,
}

impl Plain {
    /// Writes there.
    #[must_use]
    pub fn new(output: Output) -> Self {
        Plain { output }
    }
}

impl Observer for Plain {
    fn happened(&mut self, what: &Happening<'_>) -> io::Result<()> {
        for line in narrate(what) {
            self.output.say(&line.text)?;
        }
        Ok(())
    }

    fn refresh(&mut self, _status: &Status<'_>) -> io::Result<()> {
        self.output.flush()
    }

    fn next_refresh(&self) -> Option<Instant> {
        self.output.next_flush()
    }

    fn part(&mut self) {
        self.output.part();
    }
}
