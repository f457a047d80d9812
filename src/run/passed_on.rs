//! The signals that are meant for the command.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use signal_hook::consts::{
    SIGALRM, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::WithRawSiginfo;
use signal_hook_mio::v1_0::Signals;

use super::channel::Word;
use crate::system::signals::not_ignored;

/// Those that are passed on. Each would end a command that does nothing about
/// it.
const PASSED_ON: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGUSR1, SIGUSR2];

/// Those that the terminal's driver sends to the whole process group, and so to
/// the command as well.
const OF_TERMINAL: [i32; 3] = [SIGHUP, SIGINT, SIGQUIT];

/// What the client is told, and is to pass on.
pub(super) struct PassedOn(SignalDelivery<UnixStream, WithRawSiginfo>);

impl PassedOn {
    /// From here on they no longer end the process.
    pub(super) fn register(registry: &Registry, token: Token) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let mut source = SourceFd(&read.as_raw_fd());
        registry.register(&mut source, token, Interest::READABLE)?;
        let passed_on = not_ignored(&PASSED_ON);
        let signals = SignalDelivery::with_pipe(read, write, WithRawSiginfo, passed_on)?;
        Ok(PassedOn(signals))
    }

    /// What has arrived.
    pub(super) fn pending(&mut self) -> impl Iterator<Item = Word> {
        self.0.pending().map(|info| Word::Signal {
            number: info.si_signo,
            // sigaction(2): a process that sends one is no source above zero.
            is_of_terminal: info.si_code > 0 && OF_TERMINAL.contains(&info.si_signo),
        })
    }
}

/// The supervisor outlives them all, and those that would stop it: it must be
/// there when the client is not any more.
pub(super) fn outlive(registry: &Registry, token: Token) -> io::Result<Signals> {
    let stops = [SIGTSTP, SIGTTIN, SIGTTOU];
    let outlived = [&PASSED_ON[..], &stops].concat();
    let mut signals = Signals::new(not_ignored(&outlived))?;
    // Whoever started us may have us ignore this one, and then nobody could wait
    // for a child.
    signals.add_signal(signal_hook::consts::SIGCHLD)?;
    registry.register(&mut signals, token, Interest::READABLE)?;
    Ok(signals)
}

/// Whether it would have ended a command that is not there yet.
pub(super) fn would_end(signal: i32) -> bool {
    PASSED_ON.contains(&signal)
}
