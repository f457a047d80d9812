//! The tables of a bank.
//!
//! | table | a row for | |
//! |---|---|---|
//! | `bank_schema` | each version that was installed | |
//! | `bank_account` | each account | its balance, and the token of its last writer |
//! | `bank_fence` | each resource: here one, `accounts` | the largest token of any write |
//! | `bank_group` | the group of servers, if there is one | its members and lock |
//! | `bank_batch` | each server | its last batch: the receipt of a commit |

use postgres::{Client, Error};

/// What each version adds to the one before it. A version that was published stays as it is.
const VERSIONS: [&str; 1] = ["
CREATE TABLE bank_account (
    rg text PRIMARY KEY CHECK (rg ~ '^[0-9]{1,10}$'),
    nome text NOT NULL,
    saldo numeric(15, 2) NOT NULL,
    token bigint NOT NULL DEFAULT 0
);
CREATE TABLE bank_fence (
    resource text PRIMARY KEY,
    token bigint NOT NULL
);
INSERT INTO bank_fence VALUES ('accounts', 0);
CREATE TABLE bank_group (
    resource text PRIMARY KEY REFERENCES bank_fence,
    lock text NOT NULL,
    members text NOT NULL,
    tokens_above bigint NOT NULL
);
CREATE TABLE bank_batch (
    server bigint PRIMARY KEY,
    batch bigint NOT NULL,
    token bigint NOT NULL
);
"];

/// The version that this program reads and writes.
pub const VERSION: i32 = VERSIONS.len() as i32;

/// The installed version. `None` if there is no bank in the database.
pub fn version(client: &mut Client) -> Result<Option<i32>, Error> {
    let is_there = "SELECT to_regclass('bank_schema') IS NOT NULL";
    if !client.query_one(is_there, &[])?.get::<_, bool>(0) {
        return Ok(None);
    }
    let row = client.query_one("SELECT max(version) FROM bank_schema", &[])?;
    Ok(row.get(0))
}

/// Installs the versions that are missing, all or none.
pub fn install(client: &mut Client) -> Result<(), Error> {
    let installed = version(client)?.unwrap_or(0);
    let mut transaction = client.transaction()?;
    let table = "CREATE TABLE IF NOT EXISTS bank_schema (version integer PRIMARY KEY)";
    transaction.batch_execute(table)?;
    let versions = VERSIONS.iter().zip(1i32..);
    for (sql, version) in versions.filter(|(_, version)| *version > installed) {
        // First, so that of two that install at once one fails here, and may try again.
        transaction.execute("INSERT INTO bank_schema VALUES ($1)", &[&version])?;
        transaction.batch_execute(sql)?;
    }
    transaction.commit()
}
