//! The messages of `turno lock` on standard error.

use std::io::{self, Write};
use std::time::Duration;

use rustix::event::PollFlags;

use super::LockOptions;
use super::agent_link::LinkEvent;
use crate::LockName;
use crate::printable::Printable;
use crate::system::readiness;

/// Prints the messages that the user wants.
pub(super) struct Messages<'a> {
    options: &'a LockOptions,
    has_reported_wait: bool,
}

impl<'a> Messages<'a> {
    pub(super) fn new(options: &'a LockOptions) -> Self {
        Messages {
            options,
            has_reported_wait: false,
        }
    }

    /// Reports how long the client has waited, and for whom.
    pub(super) fn report_wait(&mut self, text: &str) {
        if self.options.reports_wait {
            self.has_reported_wait = true;
            self.report(&format!("waiting {text}"));
        }
    }

    /// Reports the entry, also to a user who has read that the client waits.
    pub(super) fn report_entry(&self, text: &str) {
        if self.options.is_verbose || self.has_reported_wait {
            self.report(text);
        }
    }

    /// Reports that the lock is kept though the command has ended.
    pub(super) fn report_keeping(&self, left: Duration) {
        if self.options.reports_wait {
            let left = rounded(left);
            self.report(&format!(
                "the command has ended; the lock is kept for {left} more, until --at-least is over"
            ));
        }
    }

    /// Reports that the agent is away for some time, or is back. With a deadline the lease
    /// limits how long the command goes on meanwhile.
    pub(super) fn report_agent(&self, event: &LinkEvent, has_deadline: bool) {
        match event {
            LinkEvent::Absent(why) if has_deadline => self.report(&format!(
                "{why}; the command goes on until its lease ends, and longer if the agent is \
                 started again in time"
            )),
            LinkEvent::Absent(why) => self.report(&format!(
                "{why}; the command goes on, and turno connects again for at most {}",
                rounded(self.options.agent_patience)
            )),
            LinkEvent::Back {
                after,
                was_reported,
            } if *was_reported || self.options.is_verbose => self.report(&format!(
                "the agent is back after {}, and the command goes on under its lock",
                rounded(*after)
            )),
            LinkEvent::Back { .. } | LinkEvent::Lost(_) | LinkEvent::NotHeld(_) => {}
        }
    }

    /// Reports what every user has to know.
    pub(super) fn report(&self, text: &str) {
        print(&with_lock_name(&self.options.lock, text));
    }
}

/// The text, after the name of the lock, if it has one.
pub(crate) fn with_lock_name(lock: &LockName, text: &str) -> String {
    if lock.is_nameless() {
        text.to_owned()
    } else {
        format!("{lock}: {text}")
    }
}

/// Prints a line, unless standard error is full: the command writes there too, and a
/// reader that has stopped must not keep turno from ending the command.
pub(super) fn print(text: &str) {
    let ready = readiness(io::stderr(), PollFlags::OUT);
    if ready.is_ok_and(|ready| ready.contains(PollFlags::OUT)) {
        let line = format!("turno: {}\n", Printable::whole(text.as_bytes()));
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// The time in whole milliseconds, or from 10 s on in whole seconds.
pub(super) fn rounded(time: Duration) -> humantime::FormattedDuration {
    let rounded = if time < Duration::from_secs(10) {
        Duration::from_millis(time.subsec_millis().into()) + Duration::from_secs(time.as_secs())
    } else {
        Duration::from_secs(time.as_secs())
    };
    humantime::format_duration(rounded)
}
