//! The client while its command runs: between the agent, the supervisor and
//! whoever sends signals.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use super::acquire::Acquired;
use super::channel::{self, Control};
use super::messages::{Messages, rough};
use super::process_tree::OtherChildren;
use super::signals::{self, Signals};
use super::{LockOptions, RunError, SIGNALED, SUPERVISOR, process_tree};
use crate::lock_command::connection::Connection;

const AGENT: Token = Token(0);
const CHANNEL: Token = Token(1);
const SIGNALS: Token = Token(2);

/// This very program, even if another has taken its place in the file system.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// How long the agent may take to release the lock before the client is gone.
const PARTING: Duration = Duration::from_secs(1);

/// Runs the command, to its end or to that of the agent.
pub(super) fn run(
    connection: Connection,
    turn: Acquired,
    config: &LockOptions,
    tell: &Messages<'_>,
) -> Result<u8, RunError> {
    let began = Instant::now();
    // If the supervisor is killed, what is left becomes ours.
    process_tree::keep()?;
    let other_children = OtherChildren::so_far();
    let mut client = Client::start(connection, &turn, config)?;
    let watched = client.watch(config, tell);
    let Client {
        connection,
        channel,
        mut supervisor,
        ..
    } = client;
    // If it is not over yet, it is now.
    drop(channel);
    let status = supervisor.wait();
    let code = match watched? {
        Watched::Ended(code) => code,
        Watched::AgentLost => return Err(RunError::Ended),
        Watched::SupervisorLost => {
            process_tree::kill(&other_children);
            // Whether that is all, the agent sees for itself: by the record.
            return unsupervised(status);
        }
    };
    drop(turn);
    connection.part(PARTING);
    tell.of_progress(&format!("released after {}", rough(began.elapsed())));
    Ok(code)
}

/// How it ended, and that nothing of the command is left that has to end.
enum Watched {
    /// The command, with this code.
    Ended(u8),
    /// The command, because the agent was lost.
    AgentLost,
    /// The supervisor, before the command; there may be something left.
    SupervisorLost,
}

struct Client {
    poll: Poll,
    signals: Signals,
    connection: Connection,
    channel: UnixStream,
    supervisor: Child,
}

impl Client {
    fn start(connection: Connection, turn: &Acquired, config: &LockOptions) -> io::Result<Self> {
        let poll = Poll::new()?;
        let registry = poll.registry();
        let (channel, end) = UnixStream::pair()?;
        channel::give(&channel, io::stdin().as_fd(), turn.record.as_fd())?;
        channel.set_nonblocking(true)?;
        let descriptor = channel.as_raw_fd();
        registry.register(&mut SourceFd(&descriptor), CHANNEL, Interest::READABLE)?;
        connection.watch(registry, AGENT)?;
        let signals = Signals::of_client(registry, SIGNALS)?;
        let supervisor = Command::new(THIS_PROGRAM)
            .arg0("turno")
            .arg(SUPERVISOR)
            .arg("--")
            .args(&config.command)
            .env("TURNO_LOCK", config.lock.as_str())
            .env("TURNO_TOKEN", turn.token.to_string())
            .env("TURNO_NODE", turn.node.to_string())
            .stdin(OwnedFd::from(end))
            .spawn()?;
        Ok(Client {
            poll,
            signals,
            connection,
            channel,
            supervisor,
        })
    }

    fn watch(&mut self, config: &LockOptions, tell: &Messages<'_>) -> io::Result<Watched> {
        let mut events = Events::with_capacity(8);
        let mut is_lost = false;
        let mut kill_at: Option<Instant> = None;
        loop {
            // What has arrived is looked for everywhere, after a stop too.
            let words: Vec<Control> = self.signals.pending().collect();
            words.into_iter().for_each(|word| self.say(word));
            match self.hear() {
                Ok(None) => return Ok(Watched::SupervisorLost),
                Ok(Some(_)) if is_lost => return Ok(Watched::AgentLost),
                Ok(Some(code)) => return Ok(Watched::Ended(code)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if !is_lost && let Some(why) = self.connection.loss() {
                is_lost = true;
                kill_at = Instant::now().checked_add(config.kill_after);
                self.say(Control::End);
                tell.tell(&format!("{why}: the command has to end"));
            }
            if kill_at.take_if(|at| *at <= Instant::now()).is_some() {
                // The end of the channel is the end of the command.
                self.channel.shutdown(Shutdown::Write)?;
            }
            let timeout = kill_at.map(|at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
    }

    /// To the supervisor. If it is gone, that is heard.
    fn say(&mut self, word: Control) {
        let _ = self.channel.write_all(&[word.to_byte()]);
    }

    /// From the supervisor: the exit code; none if it is gone without a word.
    fn hear(&mut self) -> io::Result<Option<u8>> {
        let mut code = [0];
        loop {
            match self.channel.read(&mut code) {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(Some(code[0])),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // It has not read all that was said to it.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

/// What it comes to that the supervisor was killed.
fn unsupervised(status: io::Result<ExitStatus>) -> Result<u8, RunError> {
    let status = status.map_err(RunError::System)?;
    match status.signal() {
        // Before it could do anything about it, and so before the command was
        // started: by Ctrl-C, say.
        Some(signal) if signals::would_end(signal) => {
            Ok(SIGNALED + u8::try_from(signal).unwrap_or_default())
        }
        _ => Err(RunError::Unsupervised(status.to_string())),
    }
}
