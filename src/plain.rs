//! The plain output: one line an event on standard output.

use std::io::{self, Write};

use crate::narrate::narrate;
use crate::node::{Happening, Observer, Status};

/// Writes what happens to a node as lines.
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    label: Option<String>,
}

impl<W: Write> Plain<W> {
    /// Writes to `out`, each line after `label|` if there is a label: so the
    /// lines of several nodes can be told apart in one place.
    pub fn new(out: W, label: Option<String>) -> Self {
        Plain { out, label }
    }
}

/// A whole line, after the label if there is one.
pub(crate) fn labelled(label: Option<&str>, text: &str) -> String {
    match label {
        Some(label) => format!("{label}| {text}\n"),
        None => format!("{text}\n"),
    }
}

impl<W: Write> Observer for Plain<W> {
    fn happened(&mut self, what: &Happening<'_>) -> io::Result<()> {
        for line in narrate(what) {
            // One write a line: no other process's line can come into it.
            let line = labelled(self.label.as_deref(), &line.text);
            self.out.write_all(line.as_bytes())?;
        }
        self.out.flush()
    }

    fn refresh(&mut self, _status: &Status<'_>) -> io::Result<()> {
        Ok(())
    }
}
