//! The observer of a node that has no terminal: what must be known goes to the
//! log.

use std::io;

use crate::narrate::{Tone, narrate};
use crate::node::{Happening, Observer, Status};

/// Logs what it is told.
#[derive(Debug)]
pub(super) struct Quiet;

impl Observer for Quiet {
    fn happened(&mut self, what: &Happening<'_>) -> io::Result<()> {
        let is_of_no_effect = matches!(what, Happening::Handled { .. });
        // Nothing is put into words that nobody reads.
        if is_of_no_effect && !log::log_enabled!(log::Level::Debug) {
            return Ok(());
        }
        for line in narrate(what) {
            match line.tone {
                Tone::Trouble if !is_of_no_effect => log::warn!("{}", line.text),
                _ => log::debug!("{}", line.text),
            }
        }
        Ok(())
    }

    fn refresh(&mut self, _status: &Status<'_>) -> io::Result<()> {
        Ok(())
    }
}
