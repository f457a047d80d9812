//! The plain view: one line per event on standard output.

use std::io;
use std::time::Instant;

use crate::engine::{NodeEvent, Observer, Snapshot};
use crate::narrate::{Tone, narrate};
use crate::system::{Output, Quota};

/// Writes the events of a node as lines.
#[derive(Debug)]
pub struct Plain {
    output: Output,
    /// Limits the lines without effect, which any sender of datagrams can cause.
    quota: Quota,
}

impl Plain {
    /// Writes to this output.
    pub fn new(output: Output) -> Self {
        // More per second than a large group writes as it starts; fewer in a flood.
        let quota = Quota::new(100, 10);
        Plain { output, quota }
    }
}

impl Observer for Plain {
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()> {
        let is_handled = matches!(what, NodeEvent::Handled { .. });
        for line in narrate(what) {
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
        self.output.flush()
    }

    fn next_refresh(&self) -> Option<Instant> {
        let due = [self.output.next_flush(), self.quota.next_timeout()];
        due.into_iter().flatten().min()
    }

    fn close(&mut self) {
        self.output.close();
    }
}
