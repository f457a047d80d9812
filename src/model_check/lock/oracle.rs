//! The critical section as it is, whatever the members believe: its holder and the
//! tokens so far. It judges every entry.

use std::mem;

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
}

/// The critical section.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Oracle {
    pub(super) entry: Option<Entry>,
    /// The tries of the last rush.
    pub(super) rush: Option<Rush>,
    /// The largest token so far; 0 once no later token can be as small.
    pub(super) last_token: u64,
}

/// An entry to the critical section.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// The index of the holder.
    pub(super) index: usize,
    pub(super) token: u64,
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
        if self.entry.is_some() {
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
        self.delegate(entry.token, entry.token)?;
        self.entry = Some(entry);
        Ok(())
    }

    /// The holder delegates tokens. No entry can have begun since its own.
    pub(super) fn delegate(&mut self, first: u64, last: u64) -> Result<(), Violation> {
        if first <= self.last_token {
            return Err(Violation::TokenDidNotRise);
        }
        self.last_token = last;
        Ok(())
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
        self.entry.take_if(|entry| entry.index == index);
    }

    pub(super) fn entry_of(&self, index: usize) -> Option<Entry> {
        self.entry.filter(|entry| entry.index == index)
    }

    /// Moves all tokens down.
    pub(super) fn shift(&mut self, by: u64) {
        self.last_token = self.last_token.saturating_sub(by);
        if let Some(entry) = &mut self.entry {
            entry.token = entry.token.saturating_sub(by);
        }
    }
}
