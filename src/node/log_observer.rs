//! The observer of a node that has no terminal: what must be known goes to the
//! log.

use std::io;

use crate::engine::{NodeEvent, Observer, Status};
use crate::narrate::{Tone, narrate};
use crate::protocol::Event;

/// Logs what it is told.
#[derive(Debug)]
pub(super) struct LogObserver;

impl Observer for LogObserver {
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()> {
        let is_ordinary = matches!(what, NodeEvent::Handled { .. }) && !is_of_double(what);
        // Nothing is put into words that nobody reads.
        if is_ordinary && !log::log_enabled!(log::Level::Debug) {
            return Ok(());
        }
        for line in narrate(what) {
            match line.tone {
                Tone::Trouble if !is_ordinary => log::warn!("{}", line.text),
                _ => log::debug!("{}", line.text),
            }
        }
        Ok(())
    }

    fn refresh(&mut self, _status: &Status<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// Whether another node claims to be this member: somebody has to end one of them.
fn is_of_double(what: &NodeEvent<'_>) -> bool {
    let NodeEvent::Handled { event, member, .. } = what else {
        return false;
    };
    matches!(event, Event::Received { message, .. } if message.from == member.id())
}
