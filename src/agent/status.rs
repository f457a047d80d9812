//! How an agent stands, put together for whoever asks.

use std::collections::HashMap;

use super::Agent;
use super::protocol::{AgentStatus, ClientStatus};

impl Agent {
    pub(super) fn status(&mut self) -> AgentStatus {
        let node = self.node.status();
        // Callers of a lock in the order in which it is theirs.
        let lines = node.locks.iter().flat_map(|lock| {
            let line = lock.holder.iter().chain(&lock.waiting);
            line.copied().enumerate()
        });
        let places: HashMap<u64, usize> = lines.map(|(place, ticket)| (ticket, place)).collect();
        // Those whom the node has not heard yet come last, as they asked.
        let place = |ticket: u64| (places.get(&ticket).copied().unwrap_or(usize::MAX), ticket);
        let endings = self.endings.iter();
        let endings = endings.map(|hold| (None, hold.status("ending", &self.host)));
        let clients = self.clients.values();
        let clients =
            clients.filter_map(|it| Some((it.ticket().map(place), it.status(&self.host)?)));
        let mut clients: Vec<(Option<_>, ClientStatus)> = endings.chain(clients).collect();
        clients.sort_by(|(place, one), (other_place, other)| {
            (&one.lock, place).cmp(&(&other.lock, other_place))
        });
        AgentStatus {
            node,
            clients: clients.into_iter().map(|(_, client)| client).collect(),
        }
    }
}
