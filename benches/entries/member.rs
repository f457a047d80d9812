//! A member of a group, as a program that uses the library.

use std::io;

use turno::{LocalNode, Node, Settings};

use super::worker::{Kind, Work};

/// One whose node has a thread of its own.
pub struct Member {
    node: Node,
    names: Names,
}

/// One that drives its node itself, and only while it waits.
pub struct Driver {
    node: LocalNode,
    names: Names,
}

/// The names of the locks that this member enters.
struct Names {
    id: u16,
    /// How many were used.
    used: u64,
    first: String,
}

impl Names {
    fn of(id: u16) -> Self {
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
        let names = Names::of(id);
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
        let names = Names::of(id);
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
