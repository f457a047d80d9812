//! Until when each member had its lease, as far as it was recorded.

use std::collections::HashMap;

use super::entries::Entry;
use crate::trace::history::{EventId, History};
use crate::trace::view_record::Number;

/// The leases, followed through the history.
pub(super) struct Leases<'a> {
    history: &'a History,
    /// The end of each member's latest lease, by its own clock.
    until: HashMap<u16, u64>,
}

impl<'a> Leases<'a> {
    pub(super) fn new(history: &'a History) -> Self {
        let until = HashMap::new();
        Leases { history, until }
    }

    pub(super) fn follow(&mut self, event_id: EventId) {
        let event = self.history.event(event_id);
        if let Some(membership) = self.history.views.after(event_id) {
            let until = event.at.saturating_add(membership.lease.into());
            let latest = self.until.entry(event.id).or_insert(until);
            *latest = until.max(*latest);
        }
    }

    /// `None` without failover.
    pub(super) fn until(&self, id: u16) -> Option<u64> {
        self.until.get(&id).copied()
    }

    /// The view after an event.
    pub(super) fn view(&self, event_id: EventId) -> Option<Number> {
        self.history.views.after(event_id)?.view
    }

    /// An entry ends with the lease that was found over at this event. `knows` are the
    /// events of its node until then.
    pub(super) fn lose(&self, entry: &mut Entry, event_id: EventId, knows: u32) {
        let lapse = self.history.views.lapse(event_id);
        let at = lapse.map_or(self.history.event(event_id).at, |lapse| lapse.at);
        entry.end(event_id, knows, at);
        entry.is_lost = true;
    }
}
