//! A member of a group: a program that uses the library.

use std::io;

use turno::{LocalNode, Node, Settings, StartError};

use super::worker::{Kind, Work};

/// A member whose node has its own thread ([`Node`]), or that drives its node itself, only
/// while it waits ([`LocalNode`]).
pub struct Member<N> {
    node: N,
    names: Names,
}

/// The names of the locks that a member enters.
struct Names {
    id: u16,
    /// How many new names were used.
    used: u64,
    first: String,
}

impl<N> Member<N> {
    /// Starts the node with this function. The ports of its group are reachable from this
    /// host alone.
    pub fn start(
        start: fn(&Settings) -> Result<N, StartError>,
        id: u16,
        ports: &[u16],
    ) -> io::Result<Self> {
        let settings = Settings::new(id, ports.iter().map(|port| format!(":{port}")));
        let (used, first) = (0, String::new());
        Ok(Member {
            node: start(&settings).map_err(io::Error::other)?,
            names: Names { id, used, first },
        })
    }
}

impl Names {
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

impl Work for Member<Node> {
    fn entry(&mut self, kind: Kind) -> io::Result<()> {
        let guard = self.node.lock(self.names.next(kind));
        guard.map(drop).map_err(io::Error::other)
    }
}

impl Work for Member<LocalNode> {
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
