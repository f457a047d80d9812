//! The supervisor: it starts the command for the client, and ends all of the command's
//! processes when it has to.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use mio::{Events, Poll, Token};
use rustix::process::{Pid, Signal, WaitStatus};
use signal_hook::consts::SIGCHLD;

use super::channel::{self, CommandFds, Control};
use super::command::{has_received, inheritable, pass_on, spawn};
use super::deadline::{Deadline, Due, Margins};
use super::exit_code::{self, OWN_FAILURE};
use super::messages::{self, with_lock_name};
use super::process_tree::{self, OtherChildren};
use super::signals::Signals;
use crate::LockName;
use crate::system::signals::is_blocked;
use crate::system::{register_readable, retry_interrupted};

const CHANNEL: Token = Token(0);
const SIGNALS: Token = Token(1);
const DEADLINE: Token = Token(2);

/// How often to check for the end of a child when SIGCHLD is blocked, which the parent
/// of turno may have done.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// What a supervisor is told beside the command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Supervision {
    /// The length of the lease: the record has a deadline.
    pub(crate) lease: Option<Duration>,
    pub(crate) kill_after: Duration,
    pub(crate) lapse: Lapse,
    /// Whether to wait for everything that the command has started.
    pub(crate) until_all_end: bool,
}

/// What to do when a lease was not renewed for two thirds of its length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lapse {
    /// The signal that the command gets.
    pub(crate) signal: Option<i32>,
    /// The command that is run by a shell.
    pub(crate) command: Option<OsString>,
}

impl Lapse {
    /// The arguments of a supervisor.
    pub(super) fn arguments(&self, lease: Duration, kill_after: Duration) -> Vec<OsString> {
        let micros = |time: Duration| OsString::from(time.as_micros().to_string());
        let mut arguments = vec![
            OsString::from("--lease-us"),
            micros(lease),
            OsString::from("--kill-after-us"),
            // A supervisor has no more time than the lease.
            micros(kill_after.min(lease)),
        ];
        if let Some(signal) = self.signal {
            arguments.extend(["--lapse-signal".into(), signal.to_string().into()]);
        }
        if let Some(command) = &self.command {
            arguments.extend(["--lapse-command".into(), command.clone()]);
        }
        arguments
    }
}

/// Runs a command for a client. Returns its exit code, or 128 + N if signal N killed it.
///
/// # Errors
/// This process was not started as a supervisor, or the system refuses what one needs.
/// The command was not run.
pub(crate) fn supervise(supervision: Supervision, command: &[OsString]) -> io::Result<u8> {
    let (mut supervisor, fds) = Supervisor::start(supervision)?;
    let code = supervisor.run(command, fds)?;
    // The client may have died.
    let _ = supervisor.channel.write_all(&[code]);
    Ok(code)
}

struct Supervisor {
    poll: Poll,
    signals: Signals,
    channel: UnixStream,
    /// `None` if SIGCHLD tells of the end of a child.
    check_interval: Option<Duration>,
    deadline: Option<Deadline>,
    lapse: Lapse,
    until_all_end: bool,
}

/// What the client has ordered.
enum Order {
    Nothing,
    Control(Control),
    /// Kill all processes of the command: the channel is closed.
    KillAll,
}

impl Supervisor {
    fn start(supervision: Supervision) -> io::Result<(Self, CommandFds)> {
        let (channel, fds) = channel::open()?;
        rustix::thread::set_name(c"turno-lock")?;
        process_tree::adopt_orphans()?;
        let poll = Poll::new()?;
        let signals = Signals::of_supervisor(poll.registry(), SIGNALS)?;
        channel.set_nonblocking(true)?;
        register_readable(&channel, poll.registry(), CHANNEL)?;
        let deadline = supervision.lease.map(|lease| {
            let margins = Margins::of_supervisor(lease, supervision.kill_after);
            Deadline::register(&fds.record, margins, poll.registry(), DEADLINE)
        });
        let supervisor = Supervisor {
            deadline: deadline.transpose()?,
            lapse: supervision.lapse,
            until_all_end: supervision.until_all_end,
            poll,
            signals,
            channel,
            check_interval: is_blocked(SIGCHLD).then_some(CHECK_INTERVAL),
        };
        Ok((supervisor, fds))
    }

    fn run(&mut self, command: &[OsString], fds: CommandFds) -> io::Result<u8> {
        if let Some(code) = self.ended_early()? {
            return Ok(code);
        }
        if self.due()? >= Due::End {
            messages::print(&named(
                "the command was not run, because the lease is about to end",
            ));
            return Ok(OWN_FAILURE);
        }
        let (_record, input) = (inheritable(&fds.record)?, fds.input);
        let command = match spawn(command, input) {
            Ok(pid) => pid,
            Err(code) => return Ok(code),
        };
        // The terminal may have sent a signal just before the command was there.
        for signal in self.signals.pending_from_terminal() {
            if !has_received(command, signal) {
                pass_on(command, signal);
            }
        }
        self.wait_for_command(command)
    }

    /// The exit code of a command that is not started any more, because what has arrived
    /// for it would have ended it.
    fn ended_early(&mut self) -> io::Result<Option<u8>> {
        if let Some(signal) = self.signals.pending_from_terminal().next() {
            return Ok(Some(exit_code::killed_by(signal)));
        }
        Ok(match self.receive()? {
            Order::Nothing => None,
            Order::Control(Control::Signal { number, .. }) => Some(exit_code::killed_by(number)),
            Order::Control(Control::Terminate) | Order::KillAll => Some(OWN_FAILURE),
        })
    }

    /// What the deadline has made due.
    fn due(&mut self) -> io::Result<Due> {
        let due = self.deadline.as_mut().map(Deadline::due);
        Ok(due.transpose()?.unwrap_or(Due::Nothing))
    }

    /// The lease was not renewed for two thirds of its length: tells the command.
    fn warn(&self, command: Pid) {
        if let Some(signal) = self.lapse.signal {
            pass_on(command, signal);
        }
        if let Some(text) = &self.lapse.command {
            let mut shell = Command::new("/bin/sh");
            if let Err(error) = shell.arg("-c").arg(text).stdin(Stdio::null()).spawn() {
                messages::print(&format!("cannot run the --lapse-command: {error}"));
            }
        }
    }

    fn wait_for_command(&mut self, command: Pid) -> io::Result<u8> {
        let mut events = Events::with_capacity(8);
        let mut ended: Option<WaitStatus> = None;
        let mut must_end = false;
        let mut is_lapsed = false;
        loop {
            // They are ignored here: the client gets the same signals, and passes them on.
            self.signals.pending().for_each(drop);
            let is_all = process_tree::reap(|pid, status| {
                if pid == command {
                    ended = Some(status);
                }
            });
            if let Some(status) = ended {
                let code = if is_lapsed {
                    OWN_FAILURE
                } else {
                    exit_code::of(status)
                };
                // A command that was killed has left nothing behind on purpose.
                if status.signaled() {
                    process_tree::kill_all(&OtherChildren::default());
                    return Ok(code);
                }
                // A command that ends by itself may leave processes behind, unless the user
                // has them waited for. One that had to end may not.
                if is_all || !(must_end || self.until_all_end) {
                    return Ok(code);
                }
            }
            match self.due()? {
                Due::Nothing => {}
                Due::Warn if ended.is_none() => self.warn(command),
                Due::Warn => {}
                Due::End => {
                    (must_end, is_lapsed) = (true, true);
                    messages::print(&lapsed("gets SIGTERM"));
                    process_tree::terminate_all();
                }
                Due::Kill => {
                    messages::print(&lapsed("gets SIGKILL"));
                    process_tree::kill_all(&OtherChildren::default());
                    return Ok(OWN_FAILURE);
                }
            }
            match self.receive()? {
                Order::Nothing => match self.poll.poll(&mut events, self.check_interval) {
                    Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                    _ => {}
                },
                Order::KillAll => {
                    process_tree::kill_all(&OtherChildren::default());
                    let killed = exit_code::killed_by(Signal::KILL.as_raw());
                    return Ok(ended.map_or(killed, exit_code::of));
                }
                Order::Control(Control::Terminate) => {
                    must_end = true;
                    process_tree::terminate_all();
                }
                Order::Control(Control::Signal {
                    number,
                    is_from_terminal,
                }) => {
                    let is_new = !is_from_terminal || !has_received(command, number);
                    if ended.is_none() && is_new {
                        pass_on(command, number);
                    } else if ended.is_some() && !is_from_terminal {
                        // What the command has left behind, and what is waited for.
                        process_tree::pass_on_to_all(number);
                    }
                }
            }
        }
    }

    fn receive(&mut self) -> io::Result<Order> {
        let mut byte = [0];
        match retry_interrupted(|| self.channel.read(&mut byte)) {
            Ok(0) => Ok(Order::KillAll),
            Ok(_) => Ok(Order::Control(Control::from_byte(byte[0]))),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Ok(Order::Nothing),
                ErrorKind::ConnectionReset => Ok(Order::KillAll),
                _ => Err(error),
            },
        }
    }
}

/// Why the command is ended.
fn lapsed(what: &str) -> String {
    named(&format!(
        "the lease ends, and the agent has not renewed it (turno status says why): the command {what}"
    ))
}

/// The text after the name of the lock.
fn named(text: &str) -> String {
    let lock = std::env::var("TURNO_LOCK").unwrap_or_default();
    LockName::new(&lock).map_or_else(|_| text.to_owned(), |lock| with_lock_name(&lock, text))
}
