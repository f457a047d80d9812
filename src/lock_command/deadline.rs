//! The deadline of a command: with failover it must have ended when the lease of its
//! member ends, because another member may enter then.
//!
//! Client and supervisor each have it from the record, and need neither each other nor
//! the agent to act on it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::agent::deadline;
use crate::system::boot_clock;
use crate::views::Moment;

/// How long before its deadline a command is warned, told to end, and killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Margins {
    warn: Duration,
    end: Duration,
    kill: Duration,
}

impl Margins {
    /// Those of the supervisor, of a lease of this length. A command that does not end is
    /// to be killed `kill_after` its SIGTERM, if there is time for that.
    pub(super) fn of_supervisor(lease: Duration, kill_after: Duration) -> Self {
        let kill = lease / 10;
        Margins {
            warn: lease / 3,
            end: kill + kill_after.min(lease / 4 - kill),
            kill,
        }
    }

    /// Those of the client, which acts only if the supervisor has not.
    pub(super) fn of_client(lease: Duration) -> Self {
        let kill = lease / 20;
        Margins {
            warn: kill,
            end: kill,
            kill,
        }
    }
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    Nothing,
    /// The lease was not renewed for two thirds of its length.
    Warn,
    End,
    Kill,
}

/// The deadline of a command, as a source of a poll.
#[derive(Debug)]
pub(super) struct Deadline {
    record: File,
    margins: Margins,
    until: Moment,
    /// What was due for this `until`.
    done: Due,
    /// Expires also when the machine wakes up too late.
    timer: OwnedFd,
}

impl Deadline {
    /// Registers the deadline of a record.
    ///
    /// # Errors
    /// The system's; or the record has no deadline.
    pub(super) fn register(
        record: impl AsFd,
        margins: Margins,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), token, Interest::READABLE)?;
        let record = File::from(record.as_fd().try_clone_to_owned()?);
        let until = deadline::read(&record)?;
        let until = until.ok_or_else(|| io::Error::other("the record has no deadline"))?;
        Ok(Deadline {
            record,
            margins,
            until,
            done: Due::Nothing,
            timer,
        })
    }

    /// What is due now and was not due before. An end that was due stays so, even if the
    /// lease is renewed after it.
    pub(super) fn due(&mut self) -> io::Result<Due> {
        if self.done < Due::End {
            // If it cannot be read, the last one counts.
            let renewed = deadline::read(&self.record).ok().flatten();
            if let Some(until) = renewed.filter(|until| *until > self.until) {
                (self.until, self.done) = (until, Due::Nothing);
            }
        }
        let now = boot_clock::now();
        let stages = [
            (Due::Warn, self.margins.warn),
            (Due::End, self.margins.end),
            (Due::Kill, self.margins.kill),
        ];
        let stages = stages.map(|(due, margin)| (due, self.until - margin));
        let passed = stages
            .iter()
            .filter(|(_, at)| *at <= now)
            .map(|(due, _)| *due);
        let due = passed.max().unwrap_or(Due::Nothing);
        let next = stages.iter().map(|(_, at)| *at).find(|at| *at > now);
        if let Some(next) = next {
            self.set_timer(next)?;
        }
        let is_new = due > self.done;
        self.done = due.max(self.done);
        Ok(if is_new { due } else { Due::Nothing })
    }

    fn set_timer(&self, at: Moment) -> io::Result<()> {
        let at = at.since(Moment::default());
        let time = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(at).map_err(io::Error::other)?,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &time)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_command_is_warned_then_told_to_end_then_killed_and_the_client_comes_last() {
        let lease = 10 * SECOND;
        let supervisor = Margins::of_supervisor(lease, lease);
        assert_eq!(supervisor.end, lease / 4);
        assert!(supervisor.warn > supervisor.end && supervisor.end > supervisor.kill);
        assert!(Margins::of_client(lease).kill < supervisor.kill);
        // Little time between SIGTERM and SIGKILL is given if little is asked for.
        assert_eq!(Margins::of_supervisor(lease, SECOND).end, 2 * SECOND);
        assert_eq!(Margins::of_supervisor(lease, Duration::ZERO).end, SECOND);
    }
}
