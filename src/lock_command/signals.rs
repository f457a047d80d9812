//! The signals that are meant for the command.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{
    SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::WithRawSiginfo;

use super::channel::Control;
use crate::system::signals::not_ignored;

/// Those that are passed on. Each would end a command that does nothing about
/// it.
const PASSED_ON: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2];

/// Those that the terminal's driver sends to the whole process group, and so to
/// the command as well.
const OF_TERMINAL: [i32; 3] = [SIGHUP, SIGINT, SIGQUIT];

/// Those that would stop a process.
const STOPS: [i32; 3] = [SIGTSTP, SIGTTIN, SIGTTOU];

/// The signals of this process, as a source of a poll.
pub(super) struct Signals(SignalDelivery<UnixStream, WithRawSiginfo>);

impl Signals {
    /// What the client is told, and is to pass on. From here on none of it ends
    /// the process.
    pub(super) fn of_client(registry: &Registry, token: Token) -> io::Result<Self> {
        Self::register(not_ignored(&PASSED_ON), registry, token)
    }

    /// The supervisor outlives them all, and those that would stop it: it must
    /// be there when the client is not any more.
    pub(super) fn of_supervisor(registry: &Registry, token: Token) -> io::Result<Self> {
        let mut signals = not_ignored(&[&PASSED_ON[..], &STOPS].concat());
        // Whoever started us may have us ignore this one, and then nobody could
        // wait for a child.
        signals.push(SIGCHLD);
        Self::register(signals, registry, token)
    }

    fn register(signals: Vec<i32>, registry: &Registry, token: Token) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let mut source = SourceFd(&read.as_raw_fd());
        registry.register(&mut source, token, Interest::READABLE)?;
        let delivery = SignalDelivery::with_pipe(read, write, WithRawSiginfo, signals)?;
        Ok(Signals(delivery))
    }

    /// What has arrived.
    pub(super) fn pending(&mut self) -> impl Iterator<Item = Control> {
        self.0.pending().map(|info| Control::Signal {
            number: info.si_signo,
            // sigaction(2): a process that sends one is no source above zero.
            is_of_terminal: info.si_code > 0 && OF_TERMINAL.contains(&info.si_signo),
        })
    }

    /// What the terminal has sent.
    pub(super) fn of_terminal(&mut self) -> impl Iterator<Item = i32> {
        self.pending().filter_map(|word| match word {
            Control::Signal {
                number,
                is_of_terminal: true,
            } => Some(number),
            _ => None,
        })
    }
}

/// Whether it would have ended a command that is not there yet.
pub(super) fn would_end(signal: i32) -> bool {
    PASSED_ON.contains(&signal)
}
