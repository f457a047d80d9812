//! The signals of the client and the supervisor, which are meant for the command.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::{Registry, Token};
use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::WithRawSiginfo;
use signal_hook::low_level::{self, pipe};
use signal_hook::{SigId, flag};

use super::channel::Control;
use crate::system::signals::not_ignored;
use crate::system::{readable, register_readable};

/// The signals that are passed on. Each ends a command that does not handle it.
const PASSED_ON: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2];

/// The signals that the terminal sends to the whole process group, and so also to the
/// command.
const FROM_TERMINAL: [i32; 3] = [SIGHUP, SIGINT, SIGQUIT];

/// The signals that stop a process.
const STOPS: [i32; 3] = [SIGTSTP, SIGTTIN, SIGTTOU];

/// SIGTSTP to a client that waits: it is to leave the line before it stops, because the
/// lock would be granted to a process that does not run. Dropping it makes the signal stop
/// this process as it does any other.
pub(super) struct Stops {
    requests: UnixStream,
    registered: Option<SigId>,
    is_default: Arc<AtomicBool>,
}

impl Stops {
    pub(super) fn catch() -> io::Result<Self> {
        let (requests, sender) = UnixStream::pair()?;
        requests.set_nonblocking(true)?;
        let is_default = Arc::<AtomicBool>::default();
        let registered = if not_ignored(&[SIGTSTP]).is_empty() {
            None
        } else {
            flag::register_conditional_default(SIGTSTP, Arc::clone(&is_default))?;
            Some(pipe::register(SIGTSTP, sender)?)
        };
        Ok(Stops {
            requests,
            registered,
            is_default,
        })
    }

    /// Can be read when the signal has arrived.
    pub(super) fn requests(&self) -> &UnixStream {
        &self.requests
    }

    /// Whether the signal has arrived since the last stop.
    pub(super) fn is_requested(&self) -> bool {
        self.is_requested_within(Duration::ZERO)
    }

    /// Waits for the signal.
    pub(super) fn is_requested_within(&self, time: Duration) -> bool {
        readable([self.requests.as_fd()], Some(time)).is_ok_and(|[requested]| requested)
    }

    /// Stops this process, and returns when it continues.
    pub(super) fn stop(&mut self) {
        let _ = low_level::emulate_default_handler(SIGTSTP);
        let mut bytes = [0; 64];
        while self.requests.read(&mut bytes).is_ok_and(|read| read > 0) {}
    }
}

impl Drop for Stops {
    fn drop(&mut self) {
        self.is_default.store(true, Ordering::SeqCst);
        if let Some(registered) = self.registered.take() {
            low_level::unregister(registered);
        }
    }
}

/// The signals of this process, as a source of a poll.
pub(super) struct Signals(SignalDelivery<UnixStream, WithRawSiginfo>);

impl Signals {
    /// Catches the signals that the client passes on. They no longer end it.
    pub(super) fn of_client(registry: &Registry, token: Token) -> io::Result<Self> {
        Self::register(not_ignored(&PASSED_ON), registry, token)
    }

    /// Catches the same signals for the supervisor, and those that would stop it: it must
    /// be able to act when the client dies.
    pub(super) fn of_supervisor(registry: &Registry, token: Token) -> io::Result<Self> {
        let mut signals = not_ignored(&[&PASSED_ON[..], &STOPS].concat());
        // Caught even if the parent ignored it: otherwise the system would reap the
        // children, and their ends could not be waited for.
        signals.push(SIGCHLD);
        Self::register(signals, registry, token)
    }

    fn register(signals: Vec<i32>, registry: &Registry, token: Token) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        register_readable(&read, registry, token)?;
        let delivery = SignalDelivery::with_pipe(read, write, WithRawSiginfo, signals)?;
        Ok(Signals(delivery))
    }

    /// The signals that have arrived.
    pub(super) fn pending(&mut self) -> impl Iterator<Item = Control> {
        self.0.pending().map(|info| Control::Signal {
            number: info.si_signo,
            // The kernel's signals have a code above zero, those of a process do not
            // (sigaction(2)).
            is_from_terminal: info.si_code > 0 && FROM_TERMINAL.contains(&info.si_signo),
        })
    }

    /// The signals that have arrived from the terminal.
    pub(super) fn pending_from_terminal(&mut self) -> impl Iterator<Item = i32> {
        self.pending().filter_map(|control| match control {
            Control::Signal {
                number,
                is_from_terminal: true,
            } => Some(number),
            _ => None,
        })
    }
}

/// Whether a message passes a signal on that tells the command to end.
pub(super) fn asks_to_end(message: Control) -> bool {
    matches!(
        message,
        Control::Signal {
            number: SIGHUP | SIGINT | SIGQUIT | SIGTERM,
            ..
        }
    )
}

/// Whether this signal is passed on, and ends a command that does not handle it.
pub(super) fn ends_command(signal: i32) -> bool {
    PASSED_ON.contains(&signal)
}
