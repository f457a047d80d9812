//! What the model check reads of a lock, and removes from it.

use super::*;

impl RicartAgrawala {
    /// Forgets the latest request of this peer, and the order in which requests arrived.
    pub(crate) fn forget_request_of(&mut self, peer: NodeId) {
        self.latest.remove(&peer);
        self.reply_queue.sort_by_key(|deferred| deferred.request);
    }

    /// The smallest clock in it.
    pub(crate) fn least_clock(&self) -> Option<u64> {
        let of_state = match &self.state {
            State::Free => None,
            State::Wait { request, .. } => Some(request.clock),
            State::Held { token, .. } => Some(token.get()),
        };
        let of_queue = self.reply_queue.iter().map(|d| d.request.clock);
        let latest = self.latest.values();
        let of_latest = latest.flat_map(|l| [Some(l.request), l.replied]);
        let of_requests = of_queue.chain(of_latest.flatten());
        of_state.into_iter().chain(of_requests).min()
    }

    /// The clock of the latest request of this peer that has arrived.
    pub(crate) fn latest_of(&self, peer: NodeId) -> Option<u64> {
        self.latest.get(&peer).map(|latest| latest.request)
    }

    /// Whether a newer request of the same run of this peer has arrived.
    pub(crate) fn is_superseded(&self, peer: NodeId, origin: Origin, clock: u64) -> bool {
        let latest = self.latest.get(&peer);
        latest.is_some_and(|latest| latest.origin == origin && latest.request > clock)
    }

    /// Moves all clocks back by this much.
    pub(crate) fn shift(&mut self, by: u64) {
        match &mut self.state {
            State::Free => {}
            State::Wait { request, .. } => request.clock -= by,
            State::Held { token, .. } => *token = Token::new(token.get() - by),
        }
        for deferred in &mut self.reply_queue {
            deferred.request.clock -= by;
        }
        // A clock that all others are past makes no difference.
        for below in self.refused_below.values_mut() {
            *below = below.saturating_sub(by);
        }
        self.refused_below.retain(|_, below| *below > 1);
        for latest in self.latest.values_mut() {
            latest.request -= by;
            if let Some(replied) = &mut latest.replied {
                *replied -= by;
            }
        }
    }
}
