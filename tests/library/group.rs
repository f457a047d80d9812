//! A group of nodes in this process.

use std::time::Duration;

use turno::{Node, Settings};

use crate::fixtures::ports::Ports;
use crate::fixtures::wait::eventually;

/// The addresses of a group on loopback.
pub struct Group {
    pub members: Vec<String>,
    _ports: Ports,
}

impl Group {
    pub fn of(members: usize) -> Self {
        let ports = Ports::reserve(members);
        Group {
            members: ports.iter().map(|port| format!(":{port}")).collect(),
            _ports: ports,
        }
    }

    pub fn settings(&self, id: u16) -> Settings {
        Settings::new(id, self.members.clone()).resend(Duration::from_millis(50))
    }

    pub fn node(&self, id: u16) -> Node {
        Node::start(&self.settings(id)).unwrap()
    }

    pub fn all(&self) -> Vec<Node> {
        let ids = 1..=u16::try_from(self.members.len()).unwrap();
        ids.map(|id| self.node(id)).collect()
    }
}

/// Waits until this node defers a reply to a peer.
pub fn wait_for_deferral(node: &Node) {
    eventually("a deferred reply", || {
        let locks = node.status().unwrap().locks;
        locks
            .iter()
            .find(|lock| !lock.deferred.is_empty())
            .map(drop)
    });
}
