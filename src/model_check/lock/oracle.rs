//! The critical section as it is, whatever the members believe: its holder and the
//! tokens so far. It judges every entry.

use std::mem;

use super::group_state::MAX_MEMBERS;
use crate::mutex::Mode;

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    TwoHolders,
    TokenDidNotRise,
    /// The clock of the holder is less than its token.
    ClockBehindToken,
    /// A waiter does not enter, though the network loses nothing any more and no node
    /// crashes.
    NeverEnters,
    /// Of several members that tried at once, two entered.
    TwoTries,
    /// A try entered after a peer had refused it.
    RefusedTryEntered,
    /// Of several members that tried at once, none enters.
    NoTry,
    /// A member holds the exclusive permission of another that holds one of its.
    BothPermitted,
}

/// The critical section.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Oracle {
    /// By the index of the holder: one, or several in shared mode.
    pub(super) entries: [Option<Entry>; MAX_MEMBERS],
    /// The tries of the last rush.
    pub(super) rush: Option<Rush>,
    /// The largest token so far; 0 once no later token can be as small.
    pub(super) last_token: u64,
    /// The largest of an exclusive entry, likewise.
    pub(super) last_exclusive: u64,
}

/// An entry to the critical section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The index of the holder.
    pub(super) index: usize,
    pub(super) token: u64,
    pub(super) mode: Mode,
    /// The run of its node in which the entry began.
    pub(super) run: u8,
}

/// The tries of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rush {
    /// A bit for each member whose try has not ended.
    pub(super) trying: u8,
    pub(super) is_won: bool,
}

impl Oracle {
    pub(super) fn enter(&mut self, entry: Entry) -> Result<(), Violation> {
        let mut others = self.entries.iter().flatten();
        if others.any(|other| entry.mode.conflicts(other.mode)) {
            return Err(Violation::TwoHolders);
        }
        if let Some(rush) = &mut self.rush
            && rush.trying & 1 << entry.index != 0
        {
            rush.trying &= !(1 << entry.index);
            if mem::replace(&mut rush.is_won, true) {
                return Err(Violation::TwoTries);
            }
        }
        self.raise(entry.mode, entry.token, entry.token)?;
        self.entries[entry.index] = Some(entry);
        Ok(())
    }

    /// A holder delegates tokens. No entry that conflicts with its own can have begun since.
    pub(super) fn delegate(
        &mut self,
        index: usize,
        first: u64,
        last: u64,
    ) -> Result<(), Violation> {
        let entry = self.entry_of(index);
        self.raise(
            entry.map_or(Mode::Exclusive, |entry| entry.mode),
            first,
            last,
        )
    }

    /// An exclusive token is larger than all before it, a shared one than all exclusive ones
    /// before it.
    fn raise(&mut self, mode: Mode, first: u64, last: u64) -> Result<(), Violation> {
        let before = match mode {
            Mode::Exclusive => self.last_token,
            Mode::Shared => self.last_exclusive,
        };
        if first <= before {
            return Err(Violation::TokenDidNotRise);
        }
        self.last_token = self.last_token.max(last);
        if mode == Mode::Exclusive {
            self.last_exclusive = last;
        }
        Ok(())
    }

    /// How many members are in the section in shared mode.
    pub(super) fn readers(&self) -> usize {
        let entries = self.entries.iter().flatten();
        entries.filter(|entry| entry.mode.is_shared()).count()
    }

    /// The try of this member ends.
    pub(super) fn refuse(&mut self, index: usize) {
        if let Some(rush) = &mut self.rush {
            rush.trying &= !(1 << index);
        }
    }

    /// Whether one of the tries of the last rush has entered.
    pub(super) fn is_rush_won(&self) -> bool {
        self.rush.is_none_or(|rush| rush.is_won)
    }

    /// The entry of this member ends, if there is one.
    pub(super) fn leave(&mut self, index: usize) {
        self.entries[index] = None;
    }

    pub(super) fn entry_of(&self, index: usize) -> Option<Entry> {
        self.entries[index]
    }

    /// Moves all tokens down.
    pub(super) fn shift(&mut self, by: u64) {
        self.last_token = self.last_token.saturating_sub(by);
        self.last_exclusive = self.last_exclusive.saturating_sub(by);
        for entry in self.entries.iter_mut().flatten() {
            entry.token = entry.token.saturating_sub(by);
        }
    }
}
