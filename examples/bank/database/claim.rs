//! The servers that may use the accounts of a database: one alone, or those of one group.
//!
//! As with files ([`crate::claim`]), a lock separates only the servers that ask for it. A
//! directory is locked against others; here the fence does that:
//!
//! - a server alone takes a token at its start that is larger than every one before it. One
//!   that was started before it, and still runs, is refused from then on;
//! - the first server of a group writes into `bank_group` which group it is. The tokens of the
//!   group begin above all tokens so far.

use postgres::{Client, Error};

use super::session::failure;
use crate::store::StoreError;
use crate::turns::Turn;

/// The right to use the accounts of a database.
pub enum Claim {
    /// To look at them, or to open them.
    None,
    /// For one server alone. Its token, once it has one.
    Alone(Option<i64>),
    /// For a server of a group.
    Group {
        id: u16,
        lock: String,
        /// All members, separated by blanks.
        members: String,
        /// Added to every token.
        tokens_above: i64,
    },
}

impl Claim {
    pub fn alone() -> Self {
        Claim::Alone(None)
    }

    pub fn group(id: u16, lock: &str, members: &[String]) -> Self {
        Claim::Group {
            id,
            lock: lock.to_owned(),
            members: members.join(" "),
            tokens_above: 0,
        }
    }

    /// The number of the server in `bank_batch`.
    pub fn server(&self) -> i64 {
        match self {
            Claim::Group { id, .. } => i64::from(*id),
            Claim::None | Claim::Alone(_) => 0,
        }
    }

    /// The token of a turn. `None` if there are no larger ones.
    pub fn token(&self, turn: Turn) -> Option<i64> {
        match (turn, self) {
            (Turn::Alone, Claim::Alone(token)) => *token,
            (Turn::Token(token), Claim::Group { tokens_above, .. }) => {
                tokens_above.checked_add(i64::try_from(token).ok()?)
            }
            (Turn::Token(token), _) => i64::try_from(token).ok(),
            (Turn::Alone, _) => None,
        }
    }

    /// Claims the accounts on a new connection.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if others use them.
    pub fn make(&mut self, client: &mut Client, place: &str) -> Result<(), StoreError> {
        if matches!(self, Claim::None | Claim::Alone(Some(_))) {
            return Ok(());
        }
        let found = self.try_to_make(client);
        match found.map_err(|error| failure(&error, place))? {
            None => Ok(()),
            Some((lock, members)) => {
                let why = format!(
                    "servers of the group {members} share these accounts by the lock {lock:?}: start this one with --lock {lock:?}, its --id and the same members, or DELETE FROM bank_group after all of them have ended for good"
                );
                Err(StoreError::Failed(format!("{place}: {why}")))
            }
        }
    }

    /// Returns the lock and the members of another group that has the accounts.
    fn try_to_make(&mut self, client: &mut Client) -> Result<Option<(String, String)>, Error> {
        let mut transaction = client.transaction()?;
        let sql = "SELECT token FROM bank_fence WHERE resource = 'accounts' FOR UPDATE";
        let highest: i64 = transaction.query_one(sql, &[])?.get(0);
        let sql = "SELECT lock, members, tokens_above FROM bank_group WHERE resource = 'accounts'";
        let found = transaction.query_opt(sql, &[])?;
        let found: Option<(String, String, i64)> =
            found.map(|row| (row.get(0), row.get(1), row.get(2)));
        match self {
            Claim::None => {}
            Claim::Alone(token) => {
                if let Some((lock, members, _)) = found {
                    return Ok(Some((lock, members)));
                }
                let next = highest.saturating_add(1);
                let sql = "UPDATE bank_fence SET token = $1 WHERE resource = 'accounts'";
                transaction.execute(sql, &[&next])?;
                *token = Some(next);
            }
            Claim::Group {
                lock,
                members,
                tokens_above,
                ..
            } => match found {
                Some((other, list, above)) if other == *lock && list == *members => {
                    *tokens_above = above;
                }
                Some((other, list, _)) => return Ok(Some((other, list))),
                None => {
                    let sql = "INSERT INTO bank_group VALUES ('accounts', $1, $2, $3)";
                    transaction.execute(sql, &[lock, members, &highest])?;
                    *tokens_above = highest;
                }
            },
        }
        transaction.commit()?;
        Ok(None)
    }
}
