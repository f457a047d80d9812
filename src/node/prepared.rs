//! A node that is about to start: what an earlier run left behind can be taken over.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::guard::Guard;
use super::lease::EntryLease;
use super::local_node::LocalNode;
use super::settings::{Settings, StartError};
use super::waiter::Caller;
use crate::engine;
use crate::engine::state_file::StateFile;
use crate::mutex::{LockName, Mode, Token};
use crate::views::Moment;

/// A node that is about to start: its files are read, and its state directory is
/// locked against other nodes. It does not take part yet.
///
/// Programs whose entries can outlive them use it, as `turno agent` does: the commands
/// that it started go on when it is killed. Such a program records its entries, and
/// when it starts again it reads the records between [`Prepared::new`] and
/// [`Prepared::start`], while no other node can use the same state.
#[derive(Debug)]
pub struct Prepared {
    settings: Settings,
    opened: engine::Config,
}

/// An entry of an earlier run that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResumedEntry {
    /// The lock.
    pub lock: LockName,
    /// The fencing token of the entry.
    pub token: Token,
    /// Its mode. Several shared entries of one lock may go on.
    pub mode: Mode,
    /// Who is in the section, for the callers that wait for it.
    pub description: Option<String>,
    /// With failover: when the lease ended that the earlier run had last, by
    /// [`Guard::expires_since_boot`]. The entry goes on only if this run gets its lease
    /// before that.
    pub expires_since_boot: Option<Duration>,
}

impl ResumedEntry {
    /// An entry into this lock with this token.
    #[must_use]
    pub fn new(lock: LockName, token: Token) -> Self {
        ResumedEntry {
            lock,
            token,
            mode: Mode::Exclusive,
            description: None,
            expires_since_boot: None,
        }
    }

    /// The same, in this mode.
    #[must_use]
    pub fn in_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The same, of a holder that says who it is.
    #[must_use]
    pub fn described(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The same, of an earlier run that had its lease until then
    /// ([`Guard::expires_since_boot`]).
    #[must_use]
    pub fn expires(mut self, since_boot: Option<Duration>) -> Self {
        self.expires_since_boot = since_boot;
        self
    }
}

impl Prepared {
    /// Reads the files, locks the state directory and asks the resolver, which may
    /// take long.
    ///
    /// # Errors
    /// [`StartError`] says what prevents it and what to do.
    pub fn new(settings: &Settings) -> Result<Self, StartError> {
        Ok(Prepared {
            opened: settings.open()?,
            settings: settings.clone(),
        })
    }

    /// Whether the state is of another member list, and is taken over with the start
    /// ([`Settings::adopt_list`]). Then no entry of an earlier run may go on.
    #[must_use]
    pub fn adopts_list(&self) -> bool {
        let state = self.opened.state.as_ref();
        state.is_some_and(StateFile::takes_over)
    }

    /// Binds the socket and begins to take part. The node holds the locks of these
    /// entries until their guards are dropped; the guards are in the same order.
    ///
    /// # Errors
    /// [`StartError`] says what prevents it and what to do.
    pub fn start(self, entries: Vec<ResumedEntry>) -> Result<(LocalNode, Vec<Guard>), StartError> {
        if let Some(entry) = entries.first().filter(|_| self.adopts_list()) {
            return Err(StartError::State(format!(
                "an entry of an earlier run goes on, of lock {}: the member list can change when \
                 none does",
                entry.lock
            )));
        }
        let resumed = resumed_locks(&entries)?;
        let mut node = LocalNode::open(&self.settings, self.opened, &resumed)?;
        node.mailbox.drive_here();
        let guards = entries.into_iter().map(|entry| {
            let caller = Caller {
                ticket: node.mailbox.next_ticket(),
                lock: entry.lock,
                mode: entry.mode,
                is_try: false,
                description: entry.description.map(Arc::from),
            };
            node.engine.user.resume(caller.clone(), entry.token);
            let until = entry
                .expires_since_boot
                .map(|time| Moment::default() + time);
            let lease = EntryLease::resumed(until);
            Guard::new(Arc::clone(&node.mailbox), caller, entry.token, None, lease)
        });
        let guards = guards.collect();
        Ok((node, guards))
    }
}

/// The locks of these entries, each once: of several shared entries the node has one, with
/// the largest token.
fn resumed_locks(entries: &[ResumedEntry]) -> Result<Vec<(LockName, Token, Mode)>, StartError> {
    let mut locks: BTreeMap<&LockName, (Token, Mode)> = BTreeMap::new();
    for ResumedEntry {
        lock, token, mode, ..
    } in entries
    {
        let (largest, other) = locks.entry(lock).or_insert((*token, *mode));
        let is_first = (*largest, *other) == (*token, *mode);
        if !is_first && mode.conflicts(*other) {
            return Err(StartError::State(format!(
                "two entries of an earlier run go on, of lock {lock}, and one of them is \
                 exclusive: end the commands of one"
            )));
        }
        *largest = (*token).max(*largest);
    }
    let locks = locks.into_iter();
    Ok(locks
        .map(|(lock, (token, mode))| (lock.clone(), token, mode))
        .collect())
}
