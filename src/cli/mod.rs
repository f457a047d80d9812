//! The command line: text to typed options, and errors to exit codes.

mod agent;
mod key;
mod lock;
mod process;
mod shared;
mod simulate;
mod status;
mod trace;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::{Parser, Subcommand};

use crate::printable::Printable;

/// Wrong use of the command line.
const USAGE: u8 = 2;

/// What was waited for has not come in time: what timeout(1) says.
const NOT_IN_TIME: u8 = 124;

/// Take turns across machines: a distributed mutual-exclusion lock that needs
/// no server.
#[derive(Parser)]
#[command(name = "turno", version, max_term_width = 80, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples, each in a terminal of its own:
  turno shared
  turno process 1 :10001 :10002 :10003
  turno process 2 :10001 :10002 :10003
  turno process 3 :10001 :10002 :10003
Then press x in one of them.

To put it to work, an agent on every machine, and then:
  turno lock nightly -- ./backup

Exit codes: 0 done, 1 it could not be done, 2 wrong use; turno lock and turno
status have others.
RUST_LOG=debug shows diagnostics on standard error.";

#[derive(Subcommand)]
enum Command {
    Agent(Box<agent::Arguments>),
    Status(status::Arguments),
    Process(process::Arguments),
    Shared(shared::Arguments),
    Key(key::Arguments),
    Lock(lock::Arguments),
    #[command(name = crate::lock_command::SUPERVISOR, hide = true)]
    LockSupervisor(lock::Supervisor),
    Simulate(simulate::Arguments),
    Trace(trace::Arguments),
}

/// Why a command did not do what it was asked to.
enum Failure {
    /// It was asked for something that cannot be.
    Usage(Box<dyn Error>),
    /// It could not be done.
    Failed(Box<dyn Error>),
    /// It could not be done in time.
    NotInTime(Box<dyn Error>),
}

impl Failure {
    fn usage(error: impl Into<Box<dyn Error>>) -> Self {
        Failure::Usage(error.into())
    }

    fn failed(error: impl Into<Box<dyn Error>>) -> Self {
        Failure::Failed(error.into())
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            complain(&error.to_string());
            return ExitCode::from(USAGE);
        }
        Err(help) => {
            // A reader that has had enough is fine.
            let _ = io::stdout().write_all(help.to_string().as_bytes());
            return ExitCode::SUCCESS;
        }
    };
    let done = match arguments.command {
        Command::Agent(arguments) => arguments.run(),
        Command::Status(arguments) => arguments.run(),
        Command::Process(arguments) => arguments.run(),
        Command::Shared(arguments) => arguments.run(),
        Command::Key(arguments) => arguments.run(),
        // Its exit codes are the command's.
        Command::Lock(arguments) => return arguments.run(),
        Command::LockSupervisor(arguments) => return arguments.run(),
        Command::Simulate(arguments) => arguments.run(),
        Command::Trace(arguments) => arguments.run(),
    };
    let (code, error) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => (ExitCode::from(USAGE), error),
        Err(Failure::Failed(error)) => (ExitCode::FAILURE, error),
        Err(Failure::NotInTime(error)) => (ExitCode::from(NOT_IN_TIME), error),
    };
    complain(&format!("turno: {error}"));
    code
}

/// Writes to standard error what may hold words of somebody else.
fn complain(message: &str) {
    for line in message.trim_end().lines() {
        // If nobody reads standard error either, the exit code has to do.
        let line = format!("{}\n", Printable::whole(line.as_bytes()));
        // In one piece: others may write there too.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

/// A reader that has had enough closes the pipe, and a terminal may hang up:
/// that is no failure.
fn closed_pipe_is_fine(done: io::Result<()>) -> Result<(), Failure> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => Ok(()),
        done => done.map_err(Failure::failed),
    }
}

/// Diagnostics on standard error, as `RUST_LOG` says; warnings where it says
/// nothing.
fn log_to_standard_error() {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
        .format(|out, record| {
            let now = humantime::format_rfc3339_millis(SystemTime::now());
            writeln!(out, "{now} {} {}", record.level(), record.args())
        })
        .init();
}
