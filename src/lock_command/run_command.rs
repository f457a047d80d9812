//! The client runs its command under the acquired lock: it starts the supervisor, then
//! watches the agent, the supervisor and its own signals.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::acquire::Acquired;
use super::agent_link::{AgentLink, LinkEvent};
use super::channel::{self, Control};
use super::connection::Connection;
use super::deadline::{Deadline, Due, Margins};
use super::messages::{Messages, rounded};
use super::process_tree::{self, OtherChildren};
use super::signals::{self, Signals};
use super::{LockCommandError, LockOptions, SUPERVISOR, exit_code, outer_turns};
use crate::system::{register_readable, retry_interrupted};

const AGENT: Token = Token(0);
const CHANNEL: Token = Token(1);
const SIGNALS: Token = Token(2);
const DEADLINE: Token = Token(3);

/// This very program, even if its file was replaced since.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// How long the client waits for the agent to release the lock.
const MAX_RELEASE: Duration = Duration::from_secs(1);

/// Runs the command until it ends, or until the agent is lost.
pub(super) fn run_command(
    connection: Connection,
    acquired: Acquired,
    options: &LockOptions,
    messages: &Messages<'_>,
) -> Result<u8, LockCommandError> {
    let began = Instant::now();
    // If the supervisor is killed, this process adopts the command.
    process_tree::adopt_orphans()?;
    let other_children = OtherChildren::find();
    let mut client = Client::start(connection, &acquired, options)?;
    let outcome = client.wait(began, options, messages);
    if let Ok(Outcome::LeaseOver | Outcome::NotHeld) = outcome {
        process_tree::kill_all(&other_children);
    }
    // A supervisor that still runs kills the command now.
    drop(client.channel);
    let status = client.supervisor.wait();
    let code = match outcome? {
        Outcome::Command(code) => code,
        Outcome::AgentLost => {
            let why = "the command was ended, because the lock was lost with the agent";
            return Err(LockCommandError::Failed(why.to_owned()));
        }
        Outcome::NotHeld => {
            let why = "the command was killed, because its agent does not hold the lock any more";
            return Err(LockCommandError::Failed(why.to_owned()));
        }
        Outcome::LeaseOver => {
            let why = "the command was killed, because the lease ended and its supervisor did not \
                       end it";
            return Err(LockCommandError::Failed(why.to_owned()));
        }
        Outcome::SupervisorLost => {
            process_tree::kill_all(&other_children);
            // The agent releases the lock when the record is unlocked, and not earlier.
            return supervisor_lost(status);
        }
    };
    drop(acquired);
    let is_released = client.agent.release(MAX_RELEASE);
    if options.is_verbose {
        let ran = rounded(began.elapsed());
        messages.report(&if is_released {
            format!("released after {ran}")
        } else {
            format!("ended after {ran}; the agent releases the lock when it is back")
        });
    }
    Ok(code)
}

/// What ends the client's wait for its command.
enum Outcome {
    /// The command has ended with this code.
    Command(u8),
    /// The command has ended, because the agent was lost.
    AgentLost,
    /// The agent does not hold the lock. The command may still run.
    NotHeld,
    /// The lease is about to end, and the supervisor has not ended the command.
    LeaseOver,
    /// The supervisor has died. The command may still run.
    SupervisorLost,
}

struct Client {
    poll: Poll,
    signals: Signals,
    agent: AgentLink,
    channel: UnixStream,
    supervisor: Child,
    deadline: Option<Deadline>,
}

impl Client {
    fn start(
        connection: Connection,
        acquired: &Acquired,
        options: &LockOptions,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        let (channel, far_end) = UnixStream::pair()?;
        channel::send_fds(&channel, io::stdin().as_fd(), acquired.record.as_fd())?;
        channel.set_nonblocking(true)?;
        register_readable(&channel, registry, CHANNEL)?;
        let agent = AgentLink::new(connection, acquired, options)?;
        agent.register(registry, AGENT)?;
        let signals = Signals::of_client(registry, SIGNALS)?;
        let deadline = acquired.lease.map(|lease| {
            let margins = Margins::of_client(lease);
            Deadline::register(&acquired.record, margins, registry, DEADLINE)
        });
        let deadline = deadline.transpose()?;
        let turn = outer_turns::turn(&options.lock, acquired.token, &acquired.record)?;
        let mut supervisor = Command::new(THIS_PROGRAM);
        supervisor.arg0("turno").arg(SUPERVISOR);
        if options.until_all_end {
            supervisor.arg("--until-all-end");
        }
        if let Some(lease) = acquired.lease {
            supervisor.args(options.lapse.arguments(lease, options.kill_after));
            supervisor.env("TURNO_LEASE_MS", lease.as_millis().to_string());
        }
        let supervisor = supervisor
            .arg("--")
            .args(&options.command)
            .env("TURNO_LOCK", options.lock.as_str())
            .env("TURNO_TOKEN", acquired.token.to_string())
            .env("TURNO_MODE", super::mode(options.is_shared))
            .env("TURNO_NODE", acquired.node.to_string())
            .env(outer_turns::VARIABLE, outer_turns::with(&turn))
            .stdin(OwnedFd::from(far_end))
            .spawn()?;
        Ok(Client {
            poll,
            signals,
            agent,
            channel,
            supervisor,
            deadline,
        })
    }

    fn wait(
        &mut self,
        began: Instant,
        options: &LockOptions,
        messages: &Messages<'_>,
    ) -> io::Result<Outcome> {
        let mut events = Events::with_capacity(8);
        let mut must_end = false;
        let mut kill_at: Option<Instant> = None;
        let mut is_told_to_end = false;
        loop {
            // Every source is read each time: a process that was stopped may have missed
            // events.
            let signals: Vec<Control> = self.signals.pending().collect();
            for signal in signals {
                is_told_to_end |= signals::asks_to_end(signal);
                self.send(signal);
            }
            match retry_interrupted(|| self.receive()) {
                Ok(None) => return Ok(Outcome::SupervisorLost),
                Ok(Some(_)) if must_end => return Ok(Outcome::AgentLost),
                Ok(Some(code)) => {
                    if let Some(until) = began.checked_add(options.at_least)
                        && !is_told_to_end
                    {
                        self.keep_lock(until, messages)?;
                    }
                    return Ok(Outcome::Command(code));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            while let Some(event) = self.agent.next_event(self.poll.registry(), AGENT) {
                match event {
                    LinkEvent::NotHeld(why) => {
                        messages.report(&format!("{why}: the command is killed now"));
                        return Ok(Outcome::NotHeld);
                    }
                    LinkEvent::Lost(why) => {
                        must_end = true;
                        kill_at = Instant::now().checked_add(options.kill_after);
                        self.send(Control::Terminate);
                        let kill_after = rounded(options.kill_after);
                        messages.report(&format!(
                            "{why}; the command gets SIGTERM now, and SIGKILL in {kill_after}"
                        ));
                    }
                    event => messages.report_agent(&event, self.deadline.is_some()),
                }
            }
            if let Some(deadline) = &mut self.deadline
                && deadline.due()? == Due::Kill
            {
                return Ok(Outcome::LeaseOver);
            }
            if kill_at.take_if(|at| *at <= Instant::now()).is_some() {
                // The supervisor then kills the command.
                self.channel.shutdown(Shutdown::Write)?;
            }
            let due = [kill_at, self.agent.next_timeout()];
            let due = due.into_iter().flatten().min();
            let timeout = due.map(|at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// Keeps the lock though the command has ended, until a signal comes, or the lock is
    /// lost: nothing runs any more that would have to be ended.
    fn keep_lock(&mut self, until: Instant, messages: &Messages<'_>) -> io::Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        // Its reader sees the end of the command's output, and its writer that of its reader.
        let null = File::options().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdout(&null)?;
        rustix::stdio::dup2_stdin(&null)?;
        messages.report_keeping(left);
        let mut events = Events::with_capacity(8);
        loop {
            if self.signals.pending().next().is_some() {
                return Ok(());
            }
            while let Some(event) = self.agent.next_event(self.poll.registry(), AGENT) {
                match event {
                    LinkEvent::Lost(_) | LinkEvent::NotHeld(_) => return Ok(()),
                    event => messages.report_agent(&event, self.deadline.is_some()),
                }
            }
            if let Some(deadline) = &mut self.deadline
                && deadline.due()? == Due::Kill
            {
                return Ok(());
            }
            let now = Instant::now();
            if until <= now {
                return Ok(());
            }
            let due = self.agent.next_timeout().map_or(until, |at| at.min(until));
            let timeout = due.saturating_duration_since(now);
            match self.poll.poll(&mut events, Some(timeout)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// Sends the supervisor a message. That it has died shows when it is received from.
    fn send(&mut self, control: Control) {
        let _ = self.channel.write_all(&[control.to_byte()]);
    }

    /// Receives the exit code from the supervisor. `None` if it has died.
    fn receive(&mut self) -> io::Result<Option<u8>> {
        let mut code = [0];
        match self.channel.read(&mut code) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(code[0])),
            // It died before it had read all messages.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The outcome when the supervisor was killed.
fn supervisor_lost(status: io::Result<ExitStatus>) -> Result<u8, LockCommandError> {
    let status = status?;
    match status.signal() {
        // Such a signal, for example of Ctrl-C, killed it before it could handle signals,
        // and so before it started the command.
        Some(signal) if signals::ends_command(signal) => Ok(exit_code::killed_by(signal)),
        _ => Err(LockCommandError::Failed(format!(
            "the supervisor of the command died ({status}), so the command was killed"
        ))),
    }
}
