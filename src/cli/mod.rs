//! The command line: parses options, and turns errors into exit codes.
//!
//! One file a subcommand: its `Arguments` are the options, and their doc comments the
//! help. `run` hands them over as the types of the module that does the work.

mod agent;
mod completions;
mod duration;
mod exercise;
mod help;
mod key;
mod lock;
mod man;
mod play;
mod process;
mod shared;
mod simulate;
mod status;
mod top;
mod trace;

use std::env;
use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::agent::watch::TOLD;
use crate::lock_command::SUPERVISOR;
use crate::node::MOVED;
use crate::printable::Printable;

const FAILURE: u8 = 1;

/// Wrong use of the command line.
const USAGE: u8 = 2;

/// The time limit was reached: the exit code of timeout(1).
const TIMED_OUT: u8 = 124;

/// A distributed mutual-exclusion lock without a server.
#[derive(Parser)]
#[command(name = "turno", version, max_term_width = 80, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples. Run a command on one machine at a time, with an agent on every machine:
  turno agent --id 1 alpha:7001 beta:7001
  turno lock nightly -- ./backup

Watch the algorithm, with each command in a terminal of its own. Then press x in
one of the processes:
  turno shared
  turno process 1 :10001 :10002 :10003
  turno process 2 :10001 :10002 :10003
  turno process 3 :10001 :10002 :10003

Or move a group a step at a time, each datagram by hand:
  turno play

Exit codes: 0 success, 1 failure, 2 wrong use. turno lock and turno status have
more. RUST_LOG=debug shows diagnostics on standard error.";

#[derive(Subcommand)]
enum Command {
    Agent(Box<agent::Arguments>),
    Status(status::Arguments),
    Top(top::Arguments),
    Process(process::Arguments),
    Play(play::Arguments),
    Exercise(exercise::Arguments),
    Shared(shared::Arguments),
    Key(key::Arguments),
    #[command(flatten)]
    Lock(LockCommand),
    Simulate(simulate::Arguments),
    Trace(trace::Arguments),
    Man(man::Arguments),
    Completions(completions::Arguments),
    #[command(hide = true)]
    CompleteNames(completions::names::Arguments),
}

/// What runs twice for every command under a lock.
#[derive(Subcommand)]
enum LockCommand {
    Lock(lock::Arguments),
    #[command(name = SUPERVISOR, hide = true)]
    LockSupervisor(lock::Supervisor),
}

impl LockCommand {
    fn run(self) -> ExitCode {
        match self {
            LockCommand::Lock(arguments) => arguments.run(),
            LockCommand::LockSupervisor(arguments) => arguments.run(),
        }
    }
}

/// The same command line with these subcommands only.
#[derive(Parser)]
#[command(name = "turno", version, max_term_width = 80)]
struct LockArguments {
    #[command(subcommand)]
    command: LockCommand,
}

/// Parses the command line of this process.
///
/// To build all subcommands takes longer than all else that this program does for a command
/// under a lock, or for its version.
fn parse() -> clap::error::Result<Command> {
    let subcommand = env::args_os().nth(1);
    match subcommand.as_ref().and_then(|word| word.to_str()) {
        Some("lock" | SUPERVISOR | "--version" | "-V") => {
            LockArguments::try_parse().map(|arguments| Command::Lock(arguments.command))
        }
        _ => Arguments::try_parse().map(|arguments| arguments.command),
    }
}

/// Help for the width of the terminal. It is asked for rarely, so it is made again only then.
fn fitted_help(help: &clap::Error) -> String {
    let command = help::fitted(Arguments::command(), help::width());
    let again = command.try_get_matches_from(env::args_os());
    help::printed(&again.err().as_ref().unwrap_or(help).to_string())
}

/// The exit code of a subcommand that failed, and why it did.
struct Failure(u8, String);

impl Failure {
    /// The options cannot be used.
    fn usage(why: impl Display) -> Self {
        Failure(USAGE, why.to_string())
    }

    fn failed(why: impl Display) -> Self {
        Failure(FAILURE, why.to_string())
    }
}

/// Runs the subcommand that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let command = match parse() {
        Ok(command) => command,
        Err(error) if error.use_stderr() => {
            print_error(&error.to_string());
            return ExitCode::from(USAGE);
        }
        Err(help) => {
            let text = match help.kind() {
                ErrorKind::DisplayVersion => help.to_string(),
                _ => fitted_help(&help),
            };
            // A reader may close the pipe early.
            let _ = io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
    };
    let done = match command {
        Command::Agent(arguments) => arguments.run(),
        Command::Status(arguments) => arguments.run(),
        Command::Top(arguments) => arguments.run(),
        Command::Process(arguments) => arguments.run(),
        Command::Play(arguments) => arguments.run(),
        Command::Exercise(arguments) => arguments.run(),
        Command::Shared(arguments) => arguments.run(),
        Command::Key(arguments) => arguments.run(),
        // It has exit codes of its own.
        Command::Lock(command) => return command.run(),
        Command::Simulate(arguments) => arguments.run(),
        Command::Trace(arguments) => arguments.run(),
        Command::Man(arguments) => arguments.run(),
        Command::Completions(arguments) => arguments.run(),
        // Its exit code says whether a name is to stand there.
        Command::CompleteNames(arguments) => return arguments.run(),
    };
    let Err(Failure(code, why)) = done else {
        return ExitCode::SUCCESS;
    };
    print_error(&format!("turno: {why}"));
    ExitCode::from(code)
}

/// Prints a message on standard error. It is escaped: it may quote a peer or a client.
fn print_error(message: &str) {
    for line in message.trim_end().lines() {
        // In one piece, because other processes may write there too.
        let line = format!("{}\n", Printable::whole(line.as_bytes()));
        // If standard error is closed, the exit code remains.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// Treats it as a success that the reader closes the pipe, or that the terminal hangs up.
fn closed_pipe_is_fine(done: io::Result<()>) -> Result<(), Failure> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => Ok(()),
        done => done.map_err(Failure::failed),
    }
}

/// Logs to standard error what `RUST_LOG` says: by default warnings, errors, and what an
/// agent tells of itself and the other members. To the journal each line goes with its
/// level and without a time, which the journal adds (sd-daemon(3)).
fn log_to_standard_error() {
    let default = format!("warn,{TOLD}=info,{MOVED}=info");
    let is_journal = is_journal(io::stderr());
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(default))
        .format(move |out, record| {
            if is_journal {
                let level = journal_level(record.level());
                return record.args().to_string().lines().try_for_each(|line| {
                    let line = Printable::whole(line.as_bytes());
                    writeln!(out, "<{level}>{line}")
                });
            }
            let now = humantime::format_rfc3339_millis(SystemTime::now());
            writeln!(out, "{now} {} {}", record.level(), record.args())
        })
        .init();
}

/// Whether this is the journal's stream: the environment names its device and inode.
fn is_journal(stream: impl AsFd) -> bool {
    let named = env::var("JOURNAL_STREAM").unwrap_or_default();
    rustix::fs::fstat(stream).is_ok_and(|stat| named == format!("{}:{}", stat.st_dev, stat.st_ino))
}

/// The level of a line of the journal (sd-daemon(3)).
fn journal_level(level: log::Level) -> u8 {
    match level {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    }
}
