//! What is said on standard error.

use std::io::{self, Write};
use std::time::Duration;

use rustix::event::PollFlags;

use super::LockOptions;
use crate::printable::Printable;
use crate::system::readiness;

/// Says what the user wants to be told.
pub(super) struct Messages<'a> {
    config: &'a LockOptions,
}

impl<'a> Messages<'a> {
    pub(super) fn new(config: &'a LockOptions) -> Self {
        Messages { config }
    }

    /// For whom the client waits.
    pub(super) fn of_waiting(&self, text: &str) {
        if self.config.is_told_of_waiting {
            self.tell(&format!("waiting {text}"));
        }
    }

    /// That the turn has come: also to whoever was told of the wait for it.
    pub(super) fn of_turn(&self, is_told_of_wait: bool, text: &str) {
        if self.config.is_told_of_all || self.config.is_told_of_waiting && is_told_of_wait {
            self.tell(text);
        }
    }

    /// What only those want to know who ask for it.
    pub(super) fn of_progress(&self, text: &str) {
        if self.config.is_told_of_all {
            self.tell(text);
        }
    }

    /// What everybody has to know.
    pub(super) fn tell(&self, text: &str) {
        say(&about(&self.config.lock, text));
    }
}

/// Which lock it is about.
pub(crate) fn about(lock: &crate::LockName, text: &str) -> String {
    if lock.is_nameless() {
        text.to_owned()
    } else {
        format!("{lock}: {text}")
    }
}

/// A line, for whoever reads: standard error is the command's too, and whoever
/// has ceased to read it does not keep us from ending the command.
pub(super) fn say(text: &str) {
    let is_taken = readiness(io::stderr(), PollFlags::OUT);
    if is_taken.is_ok_and(|ready| ready.contains(PollFlags::OUT)) {
        let line = format!("turno: {}\n", Printable::whole(text.as_bytes()));
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// A time as people say it: not to the nanosecond.
pub(super) fn rough(time: Duration) -> String {
    let unit = if time < Duration::from_secs(10) {
        Duration::from_millis(1)
    } else {
        Duration::from_secs(1)
    };
    let units = time.as_millis() / unit.as_millis();
    let rounded = unit.saturating_mul(u32::try_from(units).unwrap_or(u32::MAX));
    humantime::format_duration(rounded).to_string()
}
