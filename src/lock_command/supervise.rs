//! The supervisor of a command: between the client and all that comes of the
//! command.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::io::{Errno, FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{Pid, Signal, WaitStatus, getpgid, getpgrp, kill_process};
use signal_hook::consts::SIGCHLD;

use super::channel::{self, CommandFds, Control};
use super::process_tree::OtherChildren;
use super::signals::Signals;
use super::{NOT_EXECUTABLE, NOT_FOUND, OWN_FAILURE, SIGNALED, messages, process_tree};
use crate::system::signals::{is_blocked, is_handled};

const CHANNEL: Token = Token(0);
const SIGNALS: Token = Token(1);

/// Whoever started us may have blocked the word of a child's end.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The command has the record open from this number on: scripts use small ones
/// for their own files, and would close it.
const RECORD: i32 = 100;

/// Runs a command for a client: its exit code, or 128 and the number of the
/// signal that killed it.
///
/// # Errors
/// Nobody has started it as a supervisor, or it cannot do what one has to. The
/// command was not run.
pub(crate) fn supervise(command: &[OsString]) -> io::Result<u8> {
    let (mut supervisor, given) = Supervisor::start()?;
    let code = supervisor.run(command, given)?;
    // The client may be gone.
    let _ = supervisor.channel.write_all(&[code]);
    Ok(code)
}

struct Supervisor {
    poll: Poll,
    signals: Signals,
    channel: UnixStream,
    /// How often it is looked whether anybody has ended, if there is no word of it.
    look_every: Option<Duration>,
}

/// What the client wants.
enum Wanted {
    Nothing,
    This(Control),
    /// The end of everything.
    Kill,
}

impl Supervisor {
    fn start() -> io::Result<(Self, CommandFds)> {
        let (channel, given) = channel::take()?;
        rustix::thread::set_name(c"turno-lock")?;
        process_tree::keep()?;
        let poll = Poll::new()?;
        let signals = Signals::of_supervisor(poll.registry(), SIGNALS)?;
        channel.set_nonblocking(true)?;
        let mut source = SourceFd(&channel.as_raw_fd());
        let registry = poll.registry();
        registry.register(&mut source, CHANNEL, Interest::READABLE)?;
        let supervisor = Supervisor {
            poll,
            signals,
            channel,
            look_every: is_blocked(SIGCHLD).then_some(LOOK_EVERY),
        };
        Ok((supervisor, given))
    }

    fn run(&mut self, command: &[OsString], given: CommandFds) -> io::Result<u8> {
        if let Some(code) = self.ended_before()? {
            return Ok(code);
        }
        let (_record, input) = (inheritable(&given.record)?, given.input);
        let command = match spawn(command, input) {
            Ok(pid) => pid,
            Err(code) => return Ok(code),
        };
        // The terminal's signals of this moment may have come just before the
        // command.
        for signal in self.signals.of_terminal() {
            if !has_had(command, signal) {
                pass_on(command, signal);
            }
        }
        self.watch(command)
    }

    /// Whether the command has ended before it began: what is to be passed on
    /// to it would have ended it.
    fn ended_before(&mut self) -> io::Result<Option<u8>> {
        if let Some(signal) = self.signals.of_terminal().next() {
            return Ok(Some(signaled(signal)));
        }
        Ok(match self.wanted()? {
            Wanted::Nothing => None,
            Wanted::This(Control::Signal { number, .. }) => Some(signaled(number)),
            Wanted::This(Control::End) | Wanted::Kill => Some(OWN_FAILURE),
        })
    }

    fn watch(&mut self, command: Pid) -> io::Result<u8> {
        let mut events = Events::with_capacity(8);
        let mut ended: Option<u8> = None;
        let mut was_killed = false;
        let mut has_to_end = false;
        loop {
            // The client gets them too, and passes them on.
            self.signals.pending().for_each(drop);
            let is_all = process_tree::reap(|pid, status| {
                if pid == command {
                    ended = Some(code(status));
                    was_killed = status.terminating_signal().is_some();
                }
            });
            // Who was killed has left nothing behind on purpose.
            if let Some(code) = ended
                && was_killed
            {
                process_tree::kill(&OtherChildren::default());
                return Ok(code);
            }
            // What a command leaves behind that ends of its own accord is its
            // own affair.
            if let Some(code) = ended
                && (is_all || !has_to_end)
            {
                return Ok(code);
            }
            match self.wanted()? {
                Wanted::Nothing => {
                    let polled = self.poll.poll(&mut events, self.look_every);
                    match polled {
                        Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                        _ => {}
                    }
                }
                Wanted::Kill => {
                    process_tree::kill(&OtherChildren::default());
                    return Ok(ended.unwrap_or(signaled(Signal::KILL.as_raw())));
                }
                Wanted::This(Control::End) => {
                    has_to_end = true;
                    process_tree::terminate();
                }
                Wanted::This(Control::Signal {
                    number,
                    is_of_terminal,
                }) => {
                    let is_new = !is_of_terminal || !has_had(command, number);
                    if ended.is_none() && is_new {
                        pass_on(command, number);
                    }
                }
            }
        }
    }

    fn wanted(&mut self) -> io::Result<Wanted> {
        let mut byte = [0];
        loop {
            return match self.channel.read(&mut byte) {
                Ok(0) => Ok(Wanted::Kill),
                Ok(_) => Ok(Wanted::This(Control::from_byte(byte[0]))),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => Ok(Wanted::Nothing),
                    ErrorKind::Interrupted => continue,
                    ErrorKind::ConnectionReset => Ok(Wanted::Kill),
                    _ => Err(error),
                },
            };
        }
    }
}

/// The record once more, for all that is started from here.
fn inheritable(record: &OwnedFd) -> io::Result<OwnedFd> {
    // There may be no numbers that high.
    let inheritable =
        fcntl_dupfd_cloexec(record, RECORD).or_else(|_| fcntl_dupfd_cloexec(record, 3))?;
    fcntl_setfd(&inheritable, FdFlags::empty())?;
    Ok(inheritable)
}

/// Starts the command.
///
/// # Errors
/// The exit code; why it could not be started has been said.
fn spawn(command: &[OsString], input: OwnedFd) -> Result<Pid, u8> {
    let (program, arguments) = command.split_first().ok_or(OWN_FAILURE)?;
    let spawned = Command::new(program)
        .args(arguments)
        .stdin(Stdio::from(input))
        .spawn();
    let error = match spawned {
        Ok(child) => {
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            return pid.ok_or(OWN_FAILURE);
        }
        Err(error) => error,
    };
    let code = match Errno::from_io_error(&error) {
        Some(Errno::NOENT) => NOT_FOUND,
        // There is no process to execute it.
        Some(Errno::AGAIN | Errno::NOMEM) => OWN_FAILURE,
        _ => NOT_EXECUTABLE,
    };
    let shown = Path::new(program).display();
    messages::say(&format!("cannot run {shown}: {error}"));
    Err(code)
}

/// Whether a signal that the terminal has sent to our group has come to the
/// command by itself. It has not if the command has left the group, or was not
/// there yet. A command that does nothing about the signal has ended then, so
/// that to send it once more does no harm; only one that does is sent no second
/// one.
fn has_had(command: Pid, signal: i32) -> bool {
    getpgid(Some(command)) == Ok(getpgrp()) && is_handled(command.as_raw_pid(), signal)
}

fn pass_on(command: Pid, signal: i32) {
    let Some(named) = Signal::from_named_raw(signal) else {
        return;
    };
    // It has not been waited for, so the number is still its own.
    if let Err(error) = kill_process(command, named) {
        messages::say(&format!("cannot pass signal {signal} on: {error}"));
    }
}

fn code(status: WaitStatus) -> u8 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => signaled(signal),
        (None, None) => OWN_FAILURE,
    }
}

fn signaled(signal: i32) -> u8 {
    SIGNALED + u8::try_from(signal).unwrap_or_default()
}
