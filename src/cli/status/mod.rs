//! `turno status`.

mod text;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use super::duration::seconds;
use super::{Failure, TIMED_OUT, closed_pipe_is_fine, print_error};
use crate::agent::protocol::{AgentStatus, Answer, ClientMessage};
use crate::agent::socket_path;
use crate::lock_command::connection::{Connection, ConnectionError};
use crate::printable::json;
use crate::{LockName, Status};
use text::shown;

/// How long to wait for the answer of the agent.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The shortest time between two questions of a watch.
const MIN_WATCH: Duration = Duration::from_millis(100);

/// What stands between two answers of a watch.
const BETWEEN: &str = "\n----\n";

/// Show the locks of the group, their holders, who waits for whom, and the members.
///
/// The agent of this machine asks all others, and waits at most a second for
/// those that do not answer. In a group without a key they do not tell the
/// commands, which anybody on the network could read.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Show only this lock
    #[arg(value_name = "NAME", value_parser = LockName::new)]
    name: Option<LockName>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Print metrics in the text format of Prometheus
    #[arg(long, conflicts_with_all = ["json", "name"])]
    prometheus: bool,

    /// Show it again and again, this often, until Ctrl-C; a line of dashes between two
    #[arg(long, value_name = "TIME", value_parser = seconds, num_args = 0..=1)]
    #[arg(
        default_missing_value = "2s",
        require_equals = true,
        conflicts_with = "prometheus"
    )]
    watch: Option<Duration>,

    /// The agent's Unix socket [default: $TURNO_SOCKET, or the user's own agent
    /// if there is one, else /run/turno/turno.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  turno status
  turno status nightly
  turno status --watch
  turno status nightly --watch=10s
  turno status --json | jq '.group.callers[] | select(.state == \"waiting\")'
  turno status --prometheus > /var/lib/node_exporter/turno.prom

Exit codes:
  0    success
  1    there is no agent
  2    wrong use
  124  the agent does not answer within 10 s";

impl Arguments {
    pub(super) fn run(self) -> Result<(), Failure> {
        let socket = self.socket.clone().unwrap_or_else(socket_path::for_client);
        let Some(every) = self.watch else {
            return self.show(&socket, "");
        };
        let mut before = "";
        loop {
            let next = Instant::now() + every.max(MIN_WATCH);
            self.show(&socket, before)?;
            before = if self.json { "" } else { BETWEEN };
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    /// Prints the status once, after this text.
    fn show(&self, socket: &Path, before: &str) -> Result<(), Failure> {
        let text = if self.prometheus {
            match answer(socket, &ClientMessage::Metrics {})? {
                Answer::Metrics { text } => text,
                other => return Err(unexpected(other)),
            }
        } else {
            let status = self.only_named(of_group(socket)?);
            match self.json {
                true => json::text(&status).map_err(Failure::failed)? + "\n",
                false => shown(&status),
            }
        };
        let text = format!("{before}{text}");
        match io::stdout().write_all(text.as_bytes()) {
            // A reader that has gone ends a watch.
            Err(error) if self.watch.is_some() && error.kind() == io::ErrorKind::BrokenPipe => {
                process::exit(0)
            }
            written => closed_pipe_is_fine(written),
        }
    }

    /// The status of the lock that was asked for, if one was.
    fn only_named(&self, mut status: AgentStatus) -> AgentStatus {
        if let Some(name) = self.name.as_ref().map(LockName::as_str) {
            status.node.locks.retain(|lock| lock.name == name);
            status.clients.retain(|client| client.lock == name);
            if let Some(group) = &mut status.group {
                group.locks.retain(|lock| lock.name == name);
                group.callers.retain(|caller| caller.lock == name);
            }
        }
        status
    }
}

/// The status of the agent at this socket, with that of its group.
pub(super) fn of_group(socket: &Path) -> Result<AgentStatus, Failure> {
    let question = ClientMessage::Group {
        // A deadlock has other locks too.
        lock: None,
        brief: false,
    };
    let mut answer = answer(socket, &question)?;
    // An older agent knows only its own clients.
    if let Answer::Failed { why, .. } = &answer
        && why.contains("unknown variant")
    {
        answer = self::answer(socket, &ClientMessage::Status {})?;
    }
    match answer {
        Answer::Status(status) => Ok(*status),
        other => Err(unexpected(other)),
    }
}

fn unexpected(answer: Answer) -> Failure {
    match answer {
        Answer::Failed { why, .. } => Failure::failed(format!("the agent says: {why}")),
        other => Failure::failed(format!("the agent sent an unexpected answer: {other:?}")),
    }
}

fn answer(socket: &Path, question: &ClientMessage) -> Result<Answer, Failure> {
    ask(socket, question).map_err(|error| match error {
        ConnectionError::AgentSilent(_) => Failure(TIMED_OUT, error.to_string()),
        error => Failure::failed(error),
    })
}

/// The status of the agent that listens at this socket; `None` if none answers.
pub(super) fn of_agent_at(socket: &Path) -> Option<Status> {
    match ask(socket, &ClientMessage::Status {}) {
        Ok(Answer::Status(status)) => Some(status.node),
        _ => None,
    }
}

/// The answer of the agent, if it comes within this time. Nothing is reported.
pub(super) fn answer_within(
    socket: &Path,
    question: &ClientMessage,
    max_wait: Duration,
) -> Option<Answer> {
    let deadline = Instant::now() + max_wait;
    let mut connection = Connection::open(socket, Some(deadline), drop).ok()?;
    connection.send(question).ok()?;
    connection.receive(Some(deadline)).ok()?
}

fn ask(socket: &Path, question: &ClientMessage) -> Result<Answer, ConnectionError> {
    let deadline = Instant::now() + MAX_WAIT;
    let mut connection = Connection::open(socket, Some(deadline), |silent| {
        let (silent, seconds) = (silent.summary(), MAX_WAIT.as_secs());
        print_error(&format!("turno: {silent}; waiting at most {seconds} s"));
    })?;
    connection.send(question)?;
    loop {
        if let Some(answer) = connection.receive(None)? {
            return Ok(answer);
        }
    }
}
