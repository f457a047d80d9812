//! `turno lock`. `docs/architecture.md` says how to add a flag.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueHint};

use super::duration::seconds;
use super::{TIMED_OUT, print_error};
use crate::LockName;
use crate::agent::socket_path;
use crate::lock_command::{
    self, Lapse, LockCommandError, LockOptions, OWN_FAILURE, Supervision, UNANSWERED, WaitLimit,
    with_lock_name,
};

/// Run a command while its lock is held.
///
/// Waits until the agent of this machine has acquired the lock, runs the command, and
/// releases the lock when the command ends. What flock(1) does on one machine, this does
/// on all machines of the agent's group. The command is not run by a shell. Input, output
/// and exit code are the command's own, and signals are passed on to it.
///
/// The command does not go on without the lock. If turno lock or the command is killed,
/// all processes that the command has started are killed, too. A restart of the agent ends
/// no command: turno lock connects to it again. If the agent stays away for longer than
/// --agent-patience, the command gets SIGTERM, and SIGKILL after --kill-after; with
/// failover it goes on until the lease of this machine's member ends. When the command ends by itself, the lock is released:
/// processes that it leaves in the background go on without the lock.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Arguments {
    /// Do not wait: if another caller has the lock or comes first, exit with 124, without
    /// a message unless with -v; if members do not answer, exit with 123. Of several
    /// machines that do this at the same moment exactly one runs its command
    #[arg(short, long, conflicts_with = "wait")]
    nonblock: bool,

    /// Share the lock: other callers that give -s, on any machine, may have it at the same
    /// time, and none that does not. While one waits that wants the lock for itself, no
    /// caller begins that asked later
    #[arg(short, long, conflicts_with = "exclusive")]
    shared: bool,

    /// Have the lock alone: the default, as with flock(1)
    #[arg(short = 'x', long)]
    exclusive: bool,

    /// Wait at most this long (5, 0.5 or 2m), then exit with 124; with 123 if members do not
    /// answer; or with 125 if no agent has answered: an agent may be started, or restarted,
    /// within this time
    #[arg(short, long, value_name = "SECONDS", value_parser = seconds)]
    wait: Option<Duration>,

    /// Exit with this code instead of 124 when another caller has the lock
    #[arg(short = 'E', long, value_name = "CODE", default_value_t = TIMED_OUT)]
    conflict_exit_code: u8,

    /// When the command has to end, kill it this long after SIGTERM; with failover, at
    /// the end of the lease, sooner if the lease leaves less time
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = seconds)]
    kill_after: Duration,

    /// Keep the lock for at least this long from the start of the command, however soon it
    /// ends and with whatever exit code; turno exits with that code at the end of this time.
    /// A signal ends it sooner
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = seconds, hide_default_value = true)]
    at_least: Duration,

    /// Keep the lock until everything that the command has started has ended, too
    ///
    /// By default the lock is released when the command itself ends: what it leaves in the
    /// background goes on without the lock, daemons say. With this option the lock stays
    /// held as long as any of its processes lives, as with flock(1) whose file a child
    /// inherits; also when a wrapper is told to end and its shell exits at once, leaving
    /// its work behind. Signals then go to all of them. The exit code is that of the
    /// command. A command that a signal kills takes the rest with it, as always.
    #[arg(long)]
    until_all_end: bool,

    /// If this command runs under that lock already, run it under the turn that there is,
    /// with its token, instead of failing
    #[arg(long)]
    reentrant: bool,

    /// How long a command goes on without its agent, which is restarted, say; then it is
    /// ended. 0 ends it at once; with failover its lease limits that. Also how long a caller
    /// that waits without -w looks for an agent that it has lost
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = seconds)]
    agent_patience: Duration,

    /// With failover, send the command this signal when the lease was not renewed for
    /// two thirds of its length
    #[arg(long, value_name = "SIGNAL", value_parser = signal)]
    lapse_signal: Option<i32>,

    /// With failover, have sh run this command then
    #[arg(long, value_name = "COMMAND")]
    lapse_command: Option<OsString>,

    /// The agent's Unix socket [default: $TURNO_SOCKET, or the user's own agent
    /// if there is one, else /run/turno/turno.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,

    /// Report for whom turno waits, how long that took, and the release (at a terminal, a
    /// long wait is reported anyway)
    #[arg(short, long)]
    verbose: bool,

    /// The lock: any text of at most 128 bytes without control characters ('' is the
    /// lock of turno process)
    #[arg(value_parser = LockName::new)]
    name: LockName,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    #[arg(value_hint = ValueHint::CommandWithArguments)]
    command: Vec<OsString>,
}

const AFTER_HELP: &str = "\
Examples:
  turno lock deploy -- ./deploy.sh production
  turno lock -w 30 deploy -- ./deploy.sh production || echo 'not deployed'
  turno lock -v 'disk 7' -- sh -c 'rsync -a new/ /mnt/7/ && touch /mnt/7/done'

Readers share a lock that a writer has alone:
  turno lock -s report -- ./read-report
  turno lock report -- ./rebuild-report

In the crontab of every machine, so that one of them runs the job:
  0 3 * * *  turno lock -n --at-least 60s nightly -- backup
(--at-least is for clocks that differ: a late machine finds the lock still held.)

Exit codes:
  the command's own; 128 + N if signal N killed it
  123  not in time (-n, -w), since members do not answer; always said
  124  not in time (-n, -w), since another caller has the lock; -E sets another code
  125  turno failed: there is no agent, or it does not answer; or the agent or the
       lease was lost, and the command was ended
  126  the command cannot be executed
  127  there is no such command
  2    wrong use

Environment of the command:
  TURNO_LOCK   the name of the lock
  TURNO_TOKEN  the fencing token, a number that rises with every entry in the
               group; a resource that remembers the highest token can refuse
               writes with a lower one
  TURNO_MODE   exclusive, or shared with -s: a resource then compares a shared token with
               the highest exclusive one only
  TURNO_NODE   the id of this machine's member
  TURNO_HELD   all locks under which it runs, the outermost first: a line each, with
               the token, the device and inode of the record, and the name
  TURNO_LEASE_MS  with failover, the length of the lease in milliseconds: cut off
               from the majority of the members, the command gets SIGTERM when
               three quarters of it have passed, and SIGKILL after nine tenths

Environment of turno:
  TURNO_SOCKET     the agent's socket
  XDG_RUNTIME_DIR  the user's own agent listens at turno/turno.sock in it; without
                   this variable turno looks in /run/user/UID

Signals: HUP, INT, QUIT, TERM, ALRM, USR1 and USR2 are passed on to the command.
Ctrl-C and Ctrl-Z work as usual, also while turno waits for the lock: Ctrl-Z then
takes it out of the line, and fg has it ask again.";

impl Arguments {
    pub(super) fn run(self) -> ExitCode {
        let options = LockOptions {
            lock: self.name,
            socket: self.socket.unwrap_or_else(socket_path::for_client),
            wait_limit: match self.wait {
                None if self.nonblock => WaitLimit::AtOnce,
                Some(Duration::ZERO) => WaitLimit::AtOnce,
                Some(time) => WaitLimit::AtMost(time),
                None => WaitLimit::Unlimited,
            },
            is_shared: self.shared,
            kill_after: self.kill_after,
            agent_patience: self.agent_patience,
            is_reentrant: self.reentrant,
            at_least: self.at_least,
            until_all_end: self.until_all_end,
            lapse: Lapse {
                signal: self.lapse_signal,
                command: self.lapse_command,
            },
            command: self.command,
            reports_wait: self.verbose || io::stderr().is_terminal(),
            is_verbose: self.verbose,
        };
        let error = match lock_command::run(&options) {
            Ok(code) => return ExitCode::from(code),
            Err(error) => error,
        };
        // That another caller has the lock is the ordinary case of a job that several
        // machines start.
        let is_quiet = options.wait_limit == WaitLimit::AtOnce || !options.reports_wait;
        let is_news = !matches!(error, LockCommandError::Busy(_)) || !is_quiet;
        if options.is_verbose || is_news {
            let error = with_lock_name(&options.lock, &error.to_string());
            print_error(&format!("turno: {error}"));
        }
        ExitCode::from(match error {
            LockCommandError::Busy(_) => self.conflict_exit_code,
            LockCommandError::Unanswered(_) => UNANSWERED,
            LockCommandError::Failed(_) => OWN_FAILURE,
        })
    }
}

/// Supervise the command of a turno lock, which starts this itself.
#[derive(Args)]
pub(super) struct Supervisor {
    #[arg(long)]
    lease_us: Option<u64>,

    #[arg(long, default_value_t = 0)]
    kill_after_us: u64,

    #[arg(long)]
    lapse_signal: Option<i32>,

    #[arg(long)]
    lapse_command: Option<OsString>,

    #[arg(long)]
    until_all_end: bool,

    #[arg(required = true, last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Supervisor {
    pub(super) fn run(self) -> ExitCode {
        let supervision = Supervision {
            lease: self.lease_us.map(Duration::from_micros),
            kill_after: Duration::from_micros(self.kill_after_us),
            lapse: Lapse {
                signal: self.lapse_signal,
                command: self.lapse_command,
            },
            until_all_end: self.until_all_end,
        };
        let ended = lock_command::supervise(supervision, &self.command);
        ExitCode::from(ended.unwrap_or_else(|error| {
            print_error(&format!("turno: cannot supervise a command: {error}"));
            OWN_FAILURE
        }))
    }
}

/// Parses the name or the number of a signal: `USR1`, `SIGUSR1` or `10`.
fn signal(text: &str) -> Result<i32, String> {
    if let Ok(number @ 1..=64) = text.parse() {
        return Ok(number);
    }
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let full = format!("SIG{name}");
    (1..=64)
        .find(|number| signal_hook::low_level::signal_name(*number) == Some(&full))
        .ok_or_else(|| "no signal; write USR1, SIGUSR1 or 10".to_owned())
}
