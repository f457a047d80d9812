//! A bank: one server or several on one directory of accounts, clients over TCP,
//! and every message stamped with a Lamport clock.
//!
//! It is the example to copy from: an application on turno's public library,
//! which needs to be alone with its files for a moment, many times a second, and
//! must lose nothing however it ends. Run it with
//!
//! ```text
//! cargo run --release --example bank -- open
//! cargo run --release --example bank -- server
//! cargo run --release --example bank -- client 1111111111
//! cargo run --release --example bank -- audit
//! ```
//!
//! and three servers on the same accounts, each in a terminal of its own, with
//!
//! ```text
//! cargo run --release --example bank -- server --id 1 :7001 :7002 :7003 --port 5001 --state state-1
//! cargo run --release --example bank -- server --id 2 :7001 :7002 :7003 --port 5002 --state state-2
//! cargo run --release --example bank -- server --id 3 :7001 :7002 :7003 --port 5003 --state state-3
//! ```
//!
//! # What is where
//!
//! In the order in which a request goes through it:
//!
//! - [`client`]: asks a person, and prints what the bank answers;
//! - [`protocol`]: the text of the messages, and [`framing`]: where one ends;
//! - [`clock`]: the logical time that they are stamped with;
//! - [`server`]: the loop; [`door`]: where clients come in, and [`connection`]:
//!   one of them;
//! - [`turns`]: how the loop comes by its turn; [`group`]: by the lock, if it
//!   shares its accounts, and [`claim`]: that nobody shares them otherwise;
//! - [`bank`]: the rules, and [`money`]: exact decimals;
//! - [`ledger`]: the accounts as one turn sees and changes them, checked by the
//!   turn's fencing token;
//! - [`journal`]: what was decided, before it is in the accounts; [`account`]:
//!   the text of a file; [`files`]: the directory;
//! - [`open`] and [`audit`]: what the bank is made by, and looked over with.
//!
//! # What to copy
//!
//! - The lock is a source of the loop, like a socket: ask, go on with other work,
//!   find out. Nothing blocks.
//! - Work gathers while the lock is awaited, and a turn does all of it.
//! - The token goes with every write, and whoever keeps the data refuses an older
//!   one. No lock can stop a holder that is paused and goes on too late; the
//!   token can.
//! - What is answered is on the disk: written, synced, renamed, the directory
//!   synced.

// Standard output is what the user asked for, and a closed pipe is no panic.
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

mod account;
mod audit;
mod bank;
mod claim;
mod client;
mod clock;
mod connection;
mod door;
mod files;
mod framing;
mod group;
mod journal;
mod ledger;
mod money;
mod open;
mod protocol;
mod server;
mod turns;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use turno::internals::Printable;

use crate::files::{Files, Trouble};

/// Where the accounts are unless the user says otherwise.
const ACCOUNTS: &str = "contas";

/// Wrong use of the command line.
const USAGE: u8 = 2;

/// A bank of one server or several, kept apart by turno.
#[derive(Parser)]
#[command(name = "bank", version, max_term_width = 80, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples, server and client each in a terminal of its own:
  bank open
  bank server
  bank client 1111111111
  bank audit

Exit codes: 0 done, 1 it could not be done, 2 wrong use.";

#[derive(Subcommand)]
enum Command {
    Server(server::Arguments),
    Client(client::Arguments),
    Open(open::Arguments),
    Audit(audit::Arguments),
}

/// Why a command did not do what it was asked to.
enum Failure {
    /// It was asked for something that cannot be.
    Usage(String),
    /// It could not be done.
    Failed(String),
    /// All about it has been said.
    Said,
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Failure::Failed(trouble.to_string())
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            let _ = write!(io::stderr(), "{}", error.render());
            return ExitCode::from(USAGE);
        }
        Err(help) => {
            // A reader that has had enough is fine.
            let _ = write!(io::stdout(), "{}", help.render());
            return ExitCode::SUCCESS;
        }
    };
    let done = match arguments.command {
        Command::Server(arguments) => arguments.run(),
        Command::Client(arguments) => arguments.run(),
        Command::Open(arguments) => arguments.run(),
        Command::Audit(arguments) => arguments.run(),
    };
    let (code, why) = match done {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Said) => return ExitCode::FAILURE,
        Err(Failure::Failed(why)) => (ExitCode::FAILURE, why),
        Err(Failure::Usage(why)) => (ExitCode::from(USAGE), why),
    };
    complain(&why);
    code
}

/// The accounts of a directory, which must be there.
fn files_in(folder: PathBuf) -> Result<Files, Failure> {
    if folder.is_dir() {
        return Ok(Files::new(folder));
    }
    let folder = folder.display();
    Err(Failure::Usage(format!(
        "there is no directory {folder}; bank open --accounts {folder} makes it, with ten accounts"
    )))
}

/// A line on standard output. If nobody reads it any more, or the disk that it
/// goes to is full, the bank stays open.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// What the node has to tell goes to standard error, as `RUST_LOG` says;
/// warnings where it says nothing.
fn log_to_standard_error() {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
        .format(|out, record| {
            let said = record.args().to_string();
            writeln!(out, "bank: {}", Printable::whole(said.as_bytes()))
        })
        .init();
}

/// A line on standard error, which may hold words of somebody else.
fn complain(message: &str) {
    let message = Printable::whole(message.as_bytes());
    let _ = writeln!(io::stderr(), "bank: {message}");
}
