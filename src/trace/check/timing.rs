//! Which of two entries was first: by datagrams, and with failover by the order of views
//! and by the members' clocks.

use std::cell::OnceCell;

use super::clocks::{Clocks, Time};
use super::entries::Entry;
use crate::trace::history::History;

/// How one entry is to another one of the same lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// It ended before the other one began.
    Before,
    /// The other one ended before it began.
    After,
    /// Neither ended before the other one began.
    Beside,
    /// The clocks of the two members do not say.
    Unknown,
}

pub(super) struct Timing<'a> {
    history: &'a History,
    clocks: OnceCell<Clocks>,
}

impl<'a> Timing<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let clocks = OnceCell::new();
        Timing { history, clocks }
    }

    pub(super) fn order(&self, one: &Entry, other: &Entry) -> Order {
        let by_datagrams = match (other.is_after(one), one.is_after(other)) {
            (true, _) => Order::Before,
            (_, true) => Order::After,
            _ => Order::Beside,
        };
        // Within a view nothing but replies orders entries.
        if by_datagrams != Order::Beside || one.view == other.view {
            return by_datagrams;
        }
        // A member that is left out of a view sends nothing to those that enter in it:
        // only its lease orders the entries.
        match (self.is_before(one, other), self.is_before(other, one)) {
            (Some(true), _) => Order::Before,
            (_, Some(true)) => Order::After,
            (Some(false), Some(false)) => Order::Beside,
            _ => Order::Unknown,
        }
    }

    /// Whether an entry ended before the other one began, by their members' clocks.
    fn is_before(&self, one: &Entry, other: &Entry) -> Option<bool> {
        let clocks = self.clocks.get_or_init(|| Clocks::new(self.history));
        let ended = Time {
            id: one.id,
            at: one.ended_at?,
        };
        let began = Time {
            id: other.id,
            at: self.history.event(other.entered).at,
        };
        clocks.is_before(ended, began)
    }
}
