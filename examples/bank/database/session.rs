//! One connection to the database: what a server says first, and what its errors mean.

use std::error::Error as _;
use std::time::Duration;

use postgres::config::Host;
use postgres::error::SqlState;
use postgres::{Client, Config, Error, NoTls, Statement};

use super::schema;
use crate::store::StoreError;

/// How long a connection may take, and an answer of the network.
const MAX_CONNECT: Duration = Duration::from_secs(3);
const MAX_SILENCE: Duration = Duration::from_secs(10);

/// How long a statement, and a lock that it needs, may take at the database.
const MAX_STATEMENT: Duration = Duration::from_secs(10);

/// Takes the fence: no other transaction has it until this one ends.
const FENCE: &str = "SELECT token FROM bank_fence WHERE resource = 'accounts' FOR UPDATE";

const READ: &str = "
SELECT rg, nome, saldo::text, token FROM bank_account WHERE rg = ANY($1)";

/// Moves the fence, leaves the receipt, and writes the accounts: each row only if it has seen
/// no larger token.
const WRITE: &str = "
WITH fenced AS (
    UPDATE bank_fence SET token = $1
    WHERE resource = 'accounts' AND token <= $1
    RETURNING token
), receipt AS (
    INSERT INTO bank_batch (server, batch, token) SELECT $2, $3, token FROM fenced
    ON CONFLICT (server) DO UPDATE SET batch = excluded.batch, token = excluded.token
)
UPDATE bank_account AS account SET saldo = changed.saldo::numeric, token = fenced.token
FROM fenced, unnest($4::text[], $5::text[]) AS changed (rg, saldo)
WHERE account.rg = changed.rg AND account.token <= $1";

/// A connection, with its statements prepared.
pub struct Session {
    pub client: Client,
    pub fence: Statement,
    pub read: Statement,
    pub write: Statement,
}

/// Where the database is, without the password.
pub fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let name = config.get_dbname().or(config.get_user());
    format!("postgres://{host}:{port}/{}", name.unwrap_or_default())
}

/// Connects, with limits for each wait.
pub fn connect(config: &Config, max_idle: Duration, place: &str) -> Result<Client, StoreError> {
    let mut config = config.clone();
    config.application_name("bank");
    config.connect_timeout(MAX_CONNECT);
    config.tcp_user_timeout(MAX_SILENCE);
    config.keepalives_idle(MAX_SILENCE);
    config.keepalives_interval(MAX_SILENCE / 4);
    config.keepalives_retries(3);
    let mut client = config
        .connect(NoTls)
        .map_err(|error| failure(&error, place))?;
    // A holder that is paused in its transaction has the fence: the database takes it away.
    let limits = format!(
        "SET idle_in_transaction_session_timeout = {}; SET statement_timeout = {max}; SET lock_timeout = {max}",
        max_idle.as_millis(),
        max = MAX_STATEMENT.as_millis(),
    );
    let limited = client.batch_execute(&limits);
    limited.map_err(|error| failure(&error, place))?;
    Ok(client)
}

impl Session {
    /// Prepares a connection for a server. The bank must be there, in the version of this
    /// program.
    pub fn new(mut client: Client, place: &str) -> Result<Self, StoreError> {
        let version = schema::version(&mut client).map_err(|error| failure(&error, place))?;
        check_version(version, place)?;
        let mut prepare = |sql| client.prepare(sql).map_err(|error| failure(&error, place));
        Ok(Session {
            fence: prepare(FENCE)?,
            read: prepare(READ)?,
            write: prepare(WRITE)?,
            client,
        })
    }
}

/// Checks the version of the tables.
pub fn check_version(version: Option<i32>, place: &str) -> Result<(), StoreError> {
    let why = match version {
        Some(schema::VERSION) => return Ok(()),
        None => "there is no bank in this database; bank open --accounts URL makes it".to_owned(),
        Some(other) if other > schema::VERSION => format!(
            "its tables are of version {other}, and this program knows {}: use a newer bank",
            schema::VERSION
        ),
        Some(other) => format!(
            "its tables are of version {other}; bank open --accounts URL makes them version {}",
            schema::VERSION
        ),
    };
    Err(StoreError::Failed(format!("{place}: {why}")))
}

/// What an error means before a commit: nothing has changed.
pub fn failure(error: &Error, place: &str) -> StoreError {
    let why = format!("{place}: {}", reason(error));
    if is_conflict(error) {
        StoreError::Conflict(why)
    } else if is_away(error) {
        StoreError::Away(why)
    } else {
        StoreError::Failed(why)
    }
}

/// Whether a commit with this error may have been done all the same: the connection was lost,
/// or the database says so.
pub fn is_doubtful(error: &Error) -> bool {
    let unknown = [
        SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN,
        SqlState::TRANSACTION_RESOLUTION_UNKNOWN,
    ];
    error.code().is_some_and(|code| unknown.contains(code)) || is_away(error)
}

fn is_conflict(error: &Error) -> bool {
    let conflicts = [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
    ];
    error.code().is_some_and(|code| conflicts.contains(code))
}

/// Whether the connection is lost, or the database takes none now, or is too slow.
fn is_away(error: &Error) -> bool {
    let Some(code) = error.code() else {
        return true;
    };
    let slow = [
        SqlState::QUERY_CANCELED,
        SqlState::LOCK_NOT_AVAILABLE,
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    ];
    // Connection exceptions, too many connections or too little room, and a shutdown.
    let mut classes = ["08", "53", "57P"].iter();
    slow.contains(code) || classes.any(|class| code.code().starts_with(class))
}

fn reason(error: &Error) -> String {
    if let Some(error) = error.as_db_error() {
        return format!("{} ({})", error.message(), error.code().code());
    }
    match error.source() {
        Some(source) => source.to_string(),
        None => error.to_string(),
    }
}
