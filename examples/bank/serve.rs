//! `bank server`: its options, and how it comes to its accounts and its turns.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::Args;

use crate::claim::Claim;
use crate::database::{self, Database};
use crate::file_store::FileStore;
use crate::files::Files;
use crate::group;
use crate::language::Language;
use crate::ledger::Ledger;
use crate::server::Server;
use crate::store::{Store, StoreError};
use crate::turns::{Alone, Turns, is_without_lock};
use crate::{Accounts, Failure, log_to_standard_error, warn};

/// Serve the accounts of a directory, or of a database.
///
/// Prints the same lines as the original's server: each client that connects and
/// disconnects, and every change of its logical clock. There are no passwords:
/// every client that can connect is served, so the server listens to this machine
/// alone, unless --host says otherwise. It may be killed at any time; every change
/// that it has answered is on the disk. Ctrl-C and SIGTERM end it with 0, and it
/// withdraws from the lock first.
///
/// Several servers may share the accounts, each with its --id and the same list
/// of addresses: they take turns by a turno lock. If one of them is down, the
/// others go on without it after the time of --failover. Without that they wait
/// until it is restarted, log for which one they wait, and tell their clients.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The TCP port to listen at; 0 takes any port, and prints it
    #[arg(long, default_value_t = 5000)]
    port: u16,

    /// The address to listen at: 0.0.0.0 is every address of this machine
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    host: IpAddr,

    /// The language of the answers: pt, or es as the original's present edition
    #[arg(long, value_enum, default_value = "pt", hide_possible_values = true)]
    language: Language,

    /// How long a request may wait for the turn, or for the disk, before its client is
    /// told so
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    patience: Duration,

    #[command(flatten)]
    accounts: Accounts,

    #[command(flatten)]
    group: group::Arguments,
}

const EXAMPLES: &str = "\
Examples:
  bank server
  bank server --port 5001 --accounts /srv/contas
  bank server --accounts postgres://bank@db.example.org/bank
  bank server --id 2 :7001 :7002 :7003 --failover 5s --port 5002 --state state-2";

impl Arguments {
    pub fn run(self) -> Result<(), Failure> {
        // The node logs there for which server it waits.
        log_to_standard_error();
        let (store, turns) = match self.accounts.database()? {
            Some(database) => share_database(database, self.group)?,
            None => share_files(self.accounts.files()?, self.group)?,
        };
        let address = SocketAddr::new(self.host, self.port);
        let ledger = Ledger::new(store);
        let server = Server::bind(address, ledger, turns, self.language.texts(), self.patience);
        let server = server.map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::AddrInUse => "; is a server still running? --port takes another",
                _ => "",
            };
            Failure::Failed(format!("cannot listen at {address}: {error}{hint}"))
        })?;
        let ended = server.run();
        ended.map_err(|error| Failure::Failed(format!("the server ended: {error}")))
    }
}

/// The accounts, and how a server takes turns with others that have them.
type Shared = (Box<dyn Store>, Box<dyn Turns>);

fn share_files(files: Files, group: group::Arguments) -> Result<Shared, Failure> {
    let identity = group.identity();
    let identity = identity.map(|(_, lock, members)| (lock.to_owned(), members.to_owned()));
    let claim = || {
        let (lock, members) = identity.expect("it is of a group");
        let (claim, tokens_above) = Claim::shared(&files, &lock, &members)?;
        Ok((Some(claim), tokens_above))
    };
    let turns: Box<dyn Turns> = if is_without_lock() {
        Box::new(Alone::unclaimed())
    } else if let Some(group) = group.join(claim)? {
        Box::new(group)
    } else {
        Box::new(Alone::claim(&files).map_err(StoreError::from)?)
    };
    Ok((Box::new(FileStore::new(files)), turns))
}

/// A database that cannot be reached now is no reason not to start.
fn share_database(database: Database, group: group::Arguments) -> Result<Shared, Failure> {
    let claim = match group.identity() {
        Some((id, lock, members)) => database::Claim::group(id, lock, members),
        None => database::Claim::alone(),
    };
    let mut database = database.claimed(claim, group.lease());
    let mut claim = || match database.check() {
        Err(StoreError::Away(why)) => {
            warn(&format!("{why}: until it is back, no operation is done"));
            Ok((None, 0))
        }
        // The database adds to the tokens itself.
        checked => checked.map(|()| (None, 0)),
    };
    let turns: Box<dyn Turns> = match group.join(&mut claim)? {
        Some(group) => Box::new(group),
        None => {
            claim()?;
            Box::new(Alone::unclaimed())
        }
    };
    Ok((Box::new(database), turns))
}
