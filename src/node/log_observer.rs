//! The observer of a node without a terminal: it logs what a person must know.

use std::io;

use crate::engine::{NodeEvent, Observer, Snapshot};
use crate::mutex::NodeId;
use crate::narrate::{Tone, narrate};
use crate::protocol::Event;

/// The log target of the lines about members that have moved.
pub(crate) const MOVED: &str = "turno::moved";

/// Logs the events of a node.
#[derive(Debug)]
pub(super) struct LogObserver;

impl Observer for LogObserver {
    fn happened(&mut self, what: &NodeEvent<'_>) -> io::Result<()> {
        let is_ordinary = match what {
            NodeEvent::Moved { .. } => {
                for line in narrate(what) {
                    log::info!(target: MOVED, "{}", line.text);
                }
                return Ok(());
            }
            // Another node has this member's id: a person must stop one of the two.
            NodeEvent::Handled { event, member, .. } => sender(event) != Some(member.id()),
            _ => false,
        };
        if is_ordinary && !log::log_enabled!(log::Level::Debug) {
            return Ok(());
        }
        for line in narrate(what) {
            match line.tone {
                Tone::Trouble if !is_ordinary => {
                    // The level says it already.
                    let text = line.text.strip_prefix("WARNING: ");
                    log::warn!("{}", text.unwrap_or(&line.text));
                }
                _ => log::debug!("{}", line.text),
            }
        }
        Ok(())
    }

    fn refresh(&mut self, _snapshot: &Snapshot<'_>) -> io::Result<()> {
        Ok(())
    }
}

fn sender(event: &Event) -> Option<NodeId> {
    match event {
        Event::Received { message, .. } => Some(message.from),
        _ => None,
    }
}
