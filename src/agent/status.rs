//! The status of an agent.

use std::collections::HashMap;

use super::Agent;
use super::protocol::{AgentStatus, ClientStatus};
use super::waiting::Waiting;
use crate::wire::ENDING;

impl Agent {
    pub(super) fn status(&mut self) -> AgentStatus {
        let node = self.node.status();
        // By ticket, the order in which the requests for one lock are granted.
        let queues = node.locks.iter().flat_map(|lock| {
            let holders = lock.holder.into_iter();
            let sharing = lock.sharing.iter().map(|(ticket, _)| *ticket);
            let queue = holders.chain(sharing).chain(lock.waiting.iter().copied());
            queue.enumerate()
        });
        let places: HashMap<u64, usize> = queues.map(|(place, ticket)| (ticket, place)).collect();
        // Requests that the node has not read yet come last, in the order of their tickets.
        let place = |waiting: &Waiting| {
            let ticket = waiting.request.ticket();
            (places.get(&ticket).copied().unwrap_or(usize::MAX), ticket)
        };
        let orphans = self.orphans.iter();
        let orphans = orphans.map(|hold| (None, hold.status(ENDING, &self.host)));
        let clients = self.clients.values();
        let clients =
            clients.filter_map(|it| Some((it.waiting().map(place), it.status(&self.host)?)));
        let mut clients: Vec<(Option<_>, ClientStatus)> = orphans.chain(clients).collect();
        clients.sort_by(|(place, one), (other_place, other)| {
            (&one.lock, place).cmp(&(&other.lock, other_place))
        });
        AgentStatus {
            node,
            group: None,
            clients: clients.into_iter().map(|(_, client)| client).collect(),
        }
    }
}
