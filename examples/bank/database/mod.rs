//! The accounts as tables of PostgreSQL, or of a database that speaks its protocol.
//!
//! ```text
//! BEGIN
//! SELECT token FROM bank_fence ... FOR UPDATE     is our turn over?
//! SELECT ... FROM bank_account                    the accounts of the whole batch
//! UPDATE ... WHERE token <= ours                  fence, receipt and accounts
//! COMMIT                                          now it is durable
//! ```
//!
//! # Why no late holder writes
//!
//! Every transaction first locks the row of the fence, so these transactions are one after
//! the other, whatever the servers believe about their turns. The comparison of the tokens is
//! part of the statement that writes. So of two holders with tokens 5 and 9:
//!
//! - if 5 has the row, 9 waits. Either 5 commits before 9 has read anything: then it was in
//!   time. Or the database ends the transaction of 5, which is idle for too long, and 9 goes
//!   on; then the commit of 5 fails.
//! - if 9 has written, 5 finds the 9 in the fence, and writes nothing.
//!
//! This holds at each isolation level, and the bank uses the one that the database is set to.
//! With *read committed*, a statement that has waited for a locked row sees the row as it was
//! committed, and evaluates its condition again. With *repeatable read* and *serializable* it
//! fails instead (40001), and the whole batch is done again from its `BEGIN`; CockroachDB, which
//! is serializable, may ask for that at any statement.
//!
//! # A commit without an answer
//!
//! If the connection is lost during the commit, nobody was told whether it was done. A new
//! connection takes the fence, which waits for the end of the old transaction, and looks for
//! the batch's receipt.

mod claim;
mod schema;
mod session;
#[cfg(test)]
mod tests;

use std::thread;
use std::time::{Duration, Instant};

use postgres::{Config, Error};

pub use claim::Claim;
use session::{Session, connect, failure, is_doubtful};

use crate::account::Account;
use crate::money::Money;
use crate::protocol::Rg;
use crate::stop::{Step, stop_at};
use crate::store::{Findings, Found, Store, StoreError};
use crate::turns::Turn;

/// How long a holder may be idle in its transaction, without failover.
const MAX_IDLE: Duration = Duration::from_secs(10);

/// How long the outcome of a commit is looked for, and the pause between two attempts.
const MAX_DOUBT: Duration = Duration::from_secs(10);
const DOUBT_PAUSE: Duration = Duration::from_millis(100);

/// The accounts of a database.
pub struct Database {
    config: Config,
    /// For messages: without the password.
    place: String,
    claim: Claim,
    max_idle: Duration,
    /// `None` before the first transaction, and after the connection was lost.
    session: Option<Session>,
    /// The token of the transaction in progress.
    token: i64,
}

impl Database {
    /// The database of a URL: `postgres://USER:PASSWORD@HOST:PORT/NAME`. If it has no
    /// password, that is the environment variable `PGPASSWORD`.
    pub fn new(url: &str) -> Result<Self, String> {
        let mut config: Config = url.parse().map_err(|error: Error| {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            let why = why.unwrap_or_else(|| error.to_string());
            format!("not the URL of a database, postgres://USER@HOST:PORT/NAME: {why}")
        })?;
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        Ok(Database {
            place: session::place(&config),
            config,
            claim: Claim::None,
            max_idle: MAX_IDLE,
            session: None,
            token: 0,
        })
    }

    /// For a server, which claims the accounts when it connects. With failover a transaction
    /// may be idle for half of the membership lease: it has ended before another server
    /// enters.
    pub fn claimed(mut self, claim: Claim, lease: Option<Duration>) -> Self {
        self.claim = claim;
        self.max_idle = lease.map_or(MAX_IDLE, |lease| lease / 2);
        self
    }

    /// Connects and claims the accounts.
    ///
    /// # Errors
    /// [`StoreError::Away`] if a later attempt may succeed.
    pub fn check(&mut self) -> Result<(), StoreError> {
        self.session().map(drop)
    }

    pub fn place(&self) -> &str {
        &self.place
    }

    /// The connection; a new one if there is none.
    fn session(&mut self) -> Result<&mut Session, StoreError> {
        if self.session.is_none() {
            let client = connect(&self.config, self.max_idle, &self.place)?;
            let mut session = Session::new(client, &self.place)?;
            self.claim.make(&mut session.client, &self.place)?;
            self.session = Some(session);
        }
        Ok(self.session.as_mut().expect("it is there"))
    }

    /// Ends a transaction that has failed.
    fn fail(&mut self, error: &Error) -> StoreError {
        let why = failure(error, &self.place);
        if let StoreError::Away(_) = why {
            self.session = None;
        }
        self.rollback();
        why
    }

    fn stale(&self, highest: &str) -> StoreError {
        let Database { place, token, .. } = self;
        let why = format!("refused: token {token} is older than {highest}");
        StoreError::Stale(format!("{place}: {why}"))
    }

    /// Looks for the receipt of a batch whose commit got no answer.
    fn resolve(&mut self, batch: i64, lost: &Error) -> Result<(), StoreError> {
        self.session = None;
        let why = failure(lost, &self.place);
        let deadline = Instant::now() + MAX_DOUBT;
        loop {
            match self.receipt() {
                Ok(receipt) if receipt == Some(batch) => return Ok(()),
                Ok(_) => return Err(StoreError::Away(why.to_string())),
                // Another claim, for one: no attempt will succeed.
                Err(StoreError::Failed(_)) => return Err(StoreError::Unknown(why.to_string())),
                Err(_) if Instant::now() < deadline => thread::sleep(DOUBT_PAUSE),
                Err(_) => return Err(StoreError::Unknown(why.to_string())),
            }
        }
    }

    /// The last batch of this server that was committed.
    fn receipt(&mut self) -> Result<Option<i64>, StoreError> {
        let server = self.claim.server();
        let mut read = || -> Result<Result<Option<i64>, Error>, StoreError> {
            let session = self.session()?;
            let fence = session.fence.clone();
            let mut find = || {
                let mut transaction = session.client.transaction()?;
                transaction.query_one(&fence, &[])?;
                let sql = "SELECT batch FROM bank_batch WHERE server = $1";
                let row = transaction.query_opt(sql, &[&server])?;
                Ok(row.map(|row| row.get(0)))
            };
            Ok(find())
        };
        read()?.map_err(|error| self.fail(&error))
    }
}

impl Store for Database {
    fn begin(&mut self, turn: Turn) -> Result<(), StoreError> {
        let session = self.session()?;
        let mut begin = || {
            session.client.batch_execute("BEGIN")?;
            let row = session.client.query_one(&session.fence, &[])?;
            Ok(row.get::<_, i64>(0))
        };
        let highest = begin().map_err(|error| self.fail(&error))?;
        self.token = match self.claim.token(turn) {
            Some(token) => token,
            None => {
                self.rollback();
                let why = format!("{}: the tokens are exhausted", self.place);
                return Err(StoreError::Failed(why));
            }
        };
        if self.token < highest {
            self.rollback();
            return Err(self.stale(&format!("{highest}, that of the last write")));
        }
        Ok(())
    }

    fn read(&mut self, rgs: &[Rg]) -> Result<Vec<Found>, StoreError> {
        let session = self.session()?;
        let names: Vec<String> = rgs.iter().map(ToString::to_string).collect();
        let rows = session.client.query(&session.read, &[&names]);
        let rows = rows.map_err(|error| self.fail(&error))?;
        let mut accounts = Vec::new();
        for row in &rows {
            accounts.push(account(row).map_err(|why| {
                let rg: String = row.get(0);
                (rg, StoreError::Failed(format!("{}: {why}", self.place)))
            }));
        }
        let find = |rg: &Rg| {
            let is_it = |found: &&Result<Account, (String, StoreError)>| match found {
                Ok(account) => account.rg == *rg,
                Err((name, _)) => *name == rg.to_string(),
            };
            match accounts.iter().find(is_it) {
                None => Ok(None),
                Some(Ok(account)) => Ok(Some(account.clone())),
                Some(Err((_, error))) => Err(error.clone()),
            }
        };
        Ok(rgs.iter().map(find).collect())
    }

    fn commit(&mut self, changed: Vec<Account>) -> Result<(), StoreError> {
        if changed.is_empty() {
            self.rollback();
            return Ok(());
        }
        stop_at(Step::Write);
        let rgs: Vec<String> = changed
            .iter()
            .map(|account| account.rg.to_string())
            .collect();
        let balances = changed.iter().map(|account| account.balance.to_string());
        let balances: Vec<String> = balances.collect();
        let (token, server, batch) = (self.token, self.claim.server(), fastrand::i64(..));
        let session = self.session.as_mut().expect("it was begun");
        let written = session
            .client
            .execute(&session.write, &[&token, &server, &batch, &rgs, &balances]);
        let written = written.map_err(|error| self.fail(&error))?;
        if written != changed.len() as u64 {
            self.rollback();
            return Err(self.stale("that of a later write, or an account was removed"));
        }
        stop_at(Step::Commit);
        let session = self.session.as_mut().expect("it was begun");
        match session.client.batch_execute("COMMIT") {
            Ok(()) => Ok(()),
            Err(error) if is_doubtful(&error) => self.resolve(batch, &error),
            Err(error) => Err(self.fail(&error)),
        }
    }

    fn rollback(&mut self) {
        if let Some(session) = &mut self.session
            && session.client.batch_execute("ROLLBACK").is_err()
        {
            self.session = None;
        }
    }

    fn open(&mut self, accounts: Vec<Account>) -> Result<usize, StoreError> {
        let mut client = connect(&self.config, self.max_idle, &self.place)?;
        let failed = |error: Error| failure(&error, &self.place);
        // Another `bank open` may install the tables at the same moment.
        schema::install(&mut client)
            .or_else(|_| schema::install(&mut client))
            .map_err(failed)?;
        let version = schema::version(&mut client).map_err(failed)?;
        session::check_version(version, &self.place)?;
        let mut insert = || {
            let mut transaction = client.transaction()?;
            let mut opened = 0;
            for account in &accounts {
                let sql = "INSERT INTO bank_account (rg, nome, saldo) VALUES ($1, $2, $3::text::numeric) ON CONFLICT (rg) DO NOTHING";
                let (rg, balance) = (account.rg.to_string(), account.balance.to_string());
                opened += transaction.execute(sql, &[&rg, &account.name(), &balance])?;
            }
            transaction.commit()?;
            Ok(opened)
        };
        let opened = insert().map_err(failed)?;
        Ok(usize::try_from(opened).expect("ten at most"))
    }

    /// One statement, which sees the accounts of one moment.
    fn inspect(&mut self) -> Result<Findings, StoreError> {
        let session = self.session()?;
        let sql = "SELECT rg, nome, saldo::text, token FROM bank_account ORDER BY rg";
        let rows = session.client.query(sql, &[]);
        let rows = rows.map_err(|error| self.fail(&error))?;
        let mut findings = Findings::default();
        for row in rows {
            match account(&row) {
                Ok(account) => findings.accounts.push(account),
                Err(why) => {
                    let why = format!("{}: {why}", self.place);
                    findings.errors.push(StoreError::Failed(why));
                }
            }
        }
        Ok(findings)
    }
}

/// The account of a row, or why it is none.
fn account(row: &postgres::Row) -> Result<Account, String> {
    let (rg, name, balance): (String, String, String) = (row.get(0), row.get(1), row.get(2));
    let token: i64 = row.get(3);
    let why = |why: &str| format!("account {rg}: {why}");
    let parsed = Rg::parse(&rg).ok_or_else(|| why("its rg is not 1 to 10 digits"))?;
    let balance = Money::balance(&balance)
        .ok_or_else(|| why("its saldo is not a sum of whole cents with at most fifteen digits"))?;
    let mut account = Account::new(parsed, &name, balance);
    account.token = u64::try_from(token).map_err(|_| why("its token is negative"))?;
    Ok(account)
}
