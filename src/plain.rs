//! The plain output: one line an event on standard output.

use std::io::{self, Write};

use crate::narrate::narrate;
use crate::node::{Happening, Observer, Status};

/// Writes what happens to a node as lines.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
}

impl<W: Write> Plain<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Plain { out }
    }
}

impl<W: Write> Observer for Plain<W> {
    fn happened(&mut self, what: &Happening<'_>) -> io::Result<()> {
        for line in narrate(what) {
            writeln!(self.out, "{}", line.text)?;
        }
        self.out.flush()
    }

    fn refresh(&mut self, _status: &Status<'_>) -> io::Result<()> {
        Ok(())
    }
}
