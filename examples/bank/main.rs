//! A bank: one server or several on the same accounts, in files or in PostgreSQL; clients over
//! TCP, and a Lamport clock on every message.
//!
//! It is an example to copy from: an application on turno's public library that needs to
//! be alone with its accounts for a moment, many times per second, and must lose nothing
//! however it ends. Run it with
//!
//! ```text
//! cargo run --release --example bank -- open
//! cargo run --release --example bank -- server
//! cargo run --release --example bank -- client 1111111111
//! cargo run --release --example bank -- audit
//! ```
//!
//! and three servers on the same accounts, each in its own terminal, with
//!
//! ```text
//! cargo run --release --example bank -- server --id 1 :7001 :7002 :7003 --port 5001 --state state-1
//! cargo run --release --example bank -- server --id 2 :7001 :7002 :7003 --port 5002 --state state-2
//! cargo run --release --example bank -- server --id 3 :7001 :7002 :7003 --port 5003 --state state-3
//! ```
//!
//! # The modules
//!
//! In the order in which a request passes through them:
//!
//! - [`client`]: asks the user, and prints the bank's answers;
//! - [`protocol`]: the text of the messages; [`framing`]: where a message ends;
//!   [`language`]: what they say;
//! - [`clock`]: the logical time of the messages;
//! - [`serve`]: the options of a server; [`server`]: its loop; [`accept`]: its listening socket; [`connection`]: one client;
//! - [`turns`]: how the loop gets its turn; [`group`]: by the lock, if several servers
//!   share the accounts; [`claim`]: refuses servers that would share them without it;
//! - [`worker`]: the thread that waits for the disk or the database;
//! - [`bank`]: the rules; [`money`]: exact decimals;
//! - [`ledger`]: the accounts in one turn; [`store`]: where they are, checked by the turn's
//!   fencing token;
//! - [`file_store`]: in files; [`journal`]: the changes that are decided, before the accounts
//!   have them; [`account`]: the text of a file; [`files`]: the directory;
//! - [`database`]: in PostgreSQL;
//! - [`open`] and [`audit`]: create the bank, and check it; [`record`]: what a client was
//!   answered;
//! - [`stop`]: a test stops a server in the middle of a batch;
//! - [`printable`]: text from outside, safe for a terminal.
//!
//! # What to copy
//!
//! - The lock is a source of the loop, like a socket: ask, continue with other work, poll.
//!   Nothing blocks.
//! - Work gathers while the server waits for the lock, and one turn does all of it.
//! - Every write carries the token, and the owner of the data refuses an older one. No lock
//!   can stop a holder that was paused and continues late; the token can.
//! - An answer is sent after the change is on the disk: written, synced, renamed, and the
//!   directory synced.

// Standard output is what the user asked for, and a closed pipe is no panic.
#![warn(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used)]

mod accept;
mod account;
mod audit;
mod bank;
mod claim;
mod client;
mod clock;
mod connection;
mod database;
mod file_store;
mod files;
mod framing;
mod group;
mod journal;
mod language;
mod ledger;
mod money;
mod open;
mod printable;
mod protocol;
mod record;
mod serve;
mod server;
mod stop;
mod store;
#[cfg(test)]
#[path = "../../tests/support/fixtures/postgres.rs"]
#[allow(dead_code, reason = "the tests of the program use all of it")]
mod test_postgres;
mod turns;
mod worker;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::database::Database;
use crate::file_store::FileStore;
use crate::files::Files;
use crate::printable::printable;
use crate::store::{Store, StoreError};

/// The exit code for wrong use.
const USAGE: u8 = 2;

/// A bank of one server, or of several that take turns by a turno lock.
#[derive(Parser)]
#[command(name = "bank", version, max_term_width = 80, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples, with server and client each in its own terminal:
  bank open
  bank server
  bank client 1111111111
  bank audit

Exit codes: 0 done, 1 failed, 2 wrong use.";

#[derive(Subcommand)]
enum Command {
    Server(serve::Arguments),
    Client(client::Arguments),
    Open(open::Arguments),
    Audit(audit::Arguments),
}

/// Why a command failed.
enum Failure {
    /// Wrong use.
    Usage(String),
    /// Everything else.
    Failed(String),
    /// A failure that is reported already.
    Reported,
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Failed(error.to_string())
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
            // A closed pipe is fine.
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
        Err(Failure::Reported) => return ExitCode::FAILURE,
        Err(Failure::Failed(why)) => (ExitCode::FAILURE, why),
        Err(Failure::Usage(why)) => (ExitCode::from(USAGE), why),
    };
    warn(&why);
    code
}

/// The accounts of a command.
#[derive(Args)]
struct Accounts {
    /// The directory of the accounts, or postgres://USER@HOST:PORT/DATABASE, with the
    /// password in PGPASSWORD; bank open creates the accounts there
    #[arg(long = "accounts", value_name = "DIR|URL", default_value = "contas")]
    place: PathBuf,
}

impl Accounts {
    /// The database, if they are in one.
    fn database(&self) -> Result<Option<Database>, Failure> {
        let is_url = |text: &&str| {
            ["postgres://", "postgresql://"]
                .iter()
                .any(|scheme| text.starts_with(scheme))
        };
        let Some(url) = self.place.to_str().filter(is_url) else {
            return Ok(None);
        };
        // The URL is not quoted: it may have a password.
        let database = Database::new(url);
        let usage = |why| Failure::Usage(format!("--accounts: {why}"));
        database.map(Some).map_err(usage)
    }

    /// The store, of a directory that must exist.
    fn store(self) -> Result<Box<dyn Store>, Failure> {
        Ok(match self.database()? {
            Some(database) => Box::new(database),
            None => Box::new(FileStore::new(self.files()?)),
        })
    }

    /// The files of the directory, which must exist.
    fn files(self) -> Result<Files, Failure> {
        if self.place.is_dir() {
            return Ok(Files::new(self.place));
        }
        let folder = self.place.display();
        Err(Failure::Usage(format!(
            "there is no directory {folder}; bank open --accounts {folder} makes it, with ten accounts"
        )))
    }
}

/// Prints a line on standard output. If its reader is gone, or its disk is full, the bank
/// stays open.
fn print(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a warning or an error, which may quote text from outside, on standard error.
fn warn(message: &str) {
    let _ = writeln!(io::stderr(), "bank: {}", printable(message));
}

/// Sends the node's log to standard error, as `RUST_LOG` says; by default its warnings.
fn log_to_standard_error() {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("warn"))
        .format(|out, record| writeln!(out, "bank: {}", printable(&record.args().to_string())))
        .init();
}
