//! A member of a group: a program that uses the library.

use std::io;

use turno::{LocalNode, Node, Settings};

use super::worker::{Kind, Work};

/// A member whose node has its own thread.
pub struct Member {
    node: Node,
    names: Names,
}

/// A member that drives its node itself, only while it waits.
pub struct Driver {
    node: LocalNode,
    names: Names,
}

/// The names of the locks that this member enters.
struct Names {
    id: u16,
    /// How many new names were used.
    used: u64,
    first: String,
}

impl Names {
    fn new(id: u16) -> Self {
        let first = String::new();
        Names { id, used: 0, first }
    }

    fn next(&mut self, kind: Kind) -> &str {
        match kind {
            Kind::First => {
                self.used += 1;
                self.first = format!("first {} {}", self.id, self.used);
                &self.first
            }
            Kind::Again => "again",
            Kind::Contended => "contended",
        }
    }
}

impl Member {
    pub fn start(id: u16, members: &[String]) -> io::Result<Self> {
        let node = Node::start(&Settings::new(id, members)).map_err(io::Error::other)?;
        let names = Names::new(id);
        Ok(Member { node, names })
    }
}

impl Work for Member {
    fn entry(&mut self, kind: Kind) -> io::Result<()> {
        let guard = self.node.lock(self.names.next(kind));
        guard.map(drop).map_err(io::Error::other)
    }
}

impl Driver {
    pub fn start(id: u16, members: &[String]) -> io::Result<Self> {
        let node = LocalNode::start(&Settings::new(id, members)).map_err(io::Error::other)?;
        let names = Names::new(id);
        Ok(Driver { node, names })
    }
}

impl Work for Driver {
    fn entry(&mut self, kind: Kind) -> io::Result<()> {
        let handle = self.node.handle();
        let request = handle.request(self.names.next(kind));
        let mut request = request.map_err(io::Error::other)?;
        loop {
            if let Some(outcome) = request.try_recv() {
                break outcome.map(drop).map_err(io::Error::other);
            }
            self.node.wait(None)?;
        }
    }
}
