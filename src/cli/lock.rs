//! `turno lock`.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::{NOT_IN_TIME, complain, process};
use crate::agent::socket_path;
use crate::lock_command::{self, LockOptions, OWN_FAILURE, Patience, RunError, about};
use crate::mutex::{LockName, LockNameError};

/// Run a command while its lock is held.
///
/// Waits until this machine's agent has the lock, runs the command, and releases
/// the lock when the command ends: what flock(1) does on one machine, on all
/// that the agent's group has. There is no shell in between. Input, output and
/// exit code are the command's own, and signals are passed on to it.
///
/// Nothing of the command goes on without the lock. If turno lock or the command
/// is killed, all that the command has started is killed with it. If the agent is
/// lost, all of it is sent SIGTERM, and SIGKILL after --kill-after. If the command
/// ends of its own accord, that is the end of the lock: what it leaves running in
/// the background goes on without.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Do not wait: if somebody else has the lock, or comes first, end with 124.
    /// Without a terminal and without -v that is all; nothing is said
    #[arg(short, long, conflicts_with = "wait")]
    nonblock: bool,

    /// Wait so long at most: 5, 0.5, 2m; then end with 124
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<Duration>,

    /// End with this instead of 124 when the lock is not to be had in time
    #[arg(short = 'E', long, value_name = "CODE", default_value_t = NOT_IN_TIME)]
    conflict_exit_code: u8,

    /// How long the command may go on after SIGTERM when the agent is lost
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = seconds)]
    kill_after: Duration,

    /// Where the agent listens [default: the user's own agent if there is one,
    /// else /run/turno/turno.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// Say for whom it waits, and how long it took; at a terminal it says for
    /// whom anyway
    #[arg(short, long)]
    verbose: bool,

    /// The lock: any text of at most 128 bytes without control characters. ''
    /// is the lock of turno process
    #[arg(value_parser = name)]
    name: LockName,

    /// The command and its arguments, as they are
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

const AFTER_HELP: &str = "\
Examples:
  turno lock deploy -- ./deploy.sh production
  turno lock -w 30 deploy -- ./deploy.sh production || echo 'somebody deploys'
  turno lock -v 'disk 7' -- sh -c 'rsync -a new/ /mnt/7/ && touch /mnt/7/done'

In the crontab of every machine, so that one of them does it:
  0 3 * * *  turno lock -n nightly -- sh -c 'backup && sleep 60'
(The sleep is for clocks that differ: who comes late finds the lock still held.)

Exit codes:
  the command's own; 128 + N if signal N killed it
  124  the lock was not to be had in time (-n, -w); -E says another
  125  turno failed: no agent, or the agent was lost and the command was ended
  126  the command cannot be executed
  127  there is no such command
  2    wrong use

Environment of the command:
  TURNO_LOCK   the name of the lock
  TURNO_TOKEN  a number that rises from entry to entry, on whichever machine; a
               resource that remembers the highest one refuses who comes too late
  TURNO_NODE   which member of the group holds the lock

Environment of turno:
  TURNO_SOCKET     where the agent listens
  XDG_RUNTIME_DIR  the user's own agent listens in turno/turno.sock there

Signals: HUP, INT, QUIT, TERM, ALRM, USR1 and USR2 are passed on. Ctrl-C and
Ctrl-Z do what they always do, while it waits and while the command runs.";

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let is_at_terminal = io::stderr().is_terminal();
        let config = LockOptions {
            lock: self.name,
            socket: self.socket.unwrap_or_else(socket_path::to_ask),
            patience: match self.wait {
                None if self.nonblock => Patience::AtOnce,
                Some(Duration::ZERO) => Patience::AtOnce,
                Some(time) => Patience::For(time),
                None => Patience::Endless,
            },
            kill_after: self.kill_after,
            command: self.command,
            is_told_of_waiting: self.verbose || is_at_terminal,
            is_told_of_all: self.verbose,
        };
        match lock_command::run(&config) {
            Ok(code) => ExitCode::from(code),
            Err(error) => {
                let is_failure = !matches!(error, RunError::NotInTime(_));
                // That somebody else does it is what -n is for.
                let is_expected = !is_failure && config.patience == Patience::AtOnce;
                if config.is_told_of_waiting || !is_expected {
                    let error = about(&config.lock, &error.to_string());
                    complain(&format!("turno: {error}"));
                }
                ExitCode::from(if is_failure {
                    OWN_FAILURE
                } else {
                    self.conflict_exit_code
                })
            }
        }
    }
}

/// Supervise the command of a turno lock, which starts this itself.
#[derive(Args)]
pub(super) struct Supervisor {
    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Supervisor {
    pub(super) fn run(self) -> ExitCode {
        ExitCode::from(
            lock_command::supervise(&self.command).unwrap_or_else(|error| {
                complain(&format!("turno: cannot supervise a command: {error}"));
                OWN_FAILURE
            }),
        )
    }
}

fn name(text: &str) -> Result<LockName, LockNameError> {
    LockName::new(text)
}

/// As flock(1) and timeout(1) take it, and as the rest of turno does.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string()),
        Err(_) => process::time(text),
    }
}
