//! A member of a group, as a program that uses the library.

use std::io;

use turno::{Node, Settings};

use super::worker::{Kind, Work};

pub struct Member {
    node: Node,
    /// How many names were used.
    names: u64,
    id: u16,
}

impl Member {
    pub fn start(id: u16, members: &[String]) -> io::Result<Self> {
        let node = Node::start(&Settings::new(id, members)).map_err(io::Error::other)?;
        Ok(Member { node, names: 0, id })
    }
}

impl Work for Member {
    fn entry(&mut self, kind: Kind) -> io::Result<()> {
        let guard = match kind {
            Kind::First => {
                self.names += 1;
                self.node.lock(&format!("first {} {}", self.id, self.names))
            }
            Kind::Again => self.node.lock("again"),
            Kind::Contended => self.node.lock("contended"),
        };
        guard.map(drop).map_err(io::Error::other)
    }
}
