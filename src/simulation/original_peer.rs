//! A process of the original, pure: the Go program that turno grew from, as far as
//! others can see it. It sends each request from a fresh socket, one to each
//! other process, waits for the reply there, echoes nothing, sends nothing
//! twice, and of what it receives scans only the head.

use std::net::SocketAddr;

use crate::mutex::{NodeId, Timestamp};

/// What an original peer asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginalEffect {
    /// A request, from a fresh socket, to a process's own port.
    Ask { to: NodeId, text: String },
    /// A reply, to the address that the request came from.
    Reply { to: SocketAddr, text: String },
    /// It enters the critical section, with its clock as the token.
    Enter { clock: u64 },
    /// It leaves the critical section.
    Leave,
}

/// One process of the original.
#[derive(Clone, Debug)]
pub struct OriginalPeer {
    id: NodeId,
    members: u16,
    pub(super) clock: u64,
    /// The clock of its latest request; `None` before the first.
    pub(super) last_request_clock: Option<u64>,
    state: Phase,
    reply_queue: Vec<SocketAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Free,
    /// This many replies are missing. It counts them, each on a socket of its own.
    Wait(u16),
    Held,
}

impl OriginalPeer {
    /// Process `id` of this many, its clock at 1.
    pub fn new(id: NodeId, members: u16) -> Self {
        OriginalPeer {
            id,
            members,
            clock: 1,
            last_request_clock: None,
            state: Phase::Free,
            reply_queue: Vec::new(),
        }
    }

    /// Its state: FREE, WAIT or HELD.
    pub fn state(&self) -> &'static str {
        match self.state {
            Phase::Free => "FREE",
            Phase::Wait(_) => "WAIT",
            Phase::Held => "HELD",
        }
    }

    pub fn is_held(&self) -> bool {
        self.state == Phase::Held
    }

    /// The user types `x`, which has no effect in WAIT and HELD.
    pub fn want(&mut self, effects: &mut Vec<OriginalEffect>) {
        if self.state != Phase::Free {
            return;
        }
        self.clock += 1;
        self.last_request_clock = Some(self.clock);
        self.state = Phase::Wait(self.members - 1);
        for to in (1..=self.members).map(NodeId).filter(|id| *id != self.id) {
            let text = format!("req<{},{}>", self.clock, self.id);
            effects.push(OriginalEffect::Ask { to, text });
        }
        if self.members == 1 {
            self.enter(effects);
        }
    }

    /// Receives a datagram at its own port.
    pub fn receive_request(
        &mut self,
        text: &str,
        source: SocketAddr,
        effects: &mut Vec<OriginalEffect>,
    ) {
        let Some(request) = scan(text, "req") else {
            return;
        };
        self.clock = self.clock.max(request.clock) + 1;
        let ours = Timestamp {
            clock: self.last_request_clock.unwrap_or(0),
            id: self.id,
        };
        match self.state {
            Phase::Free => effects.push(self.reply(source)),
            Phase::Wait(_) if request < ours => effects.push(self.reply(source)),
            Phase::Wait(_) | Phase::Held => self.reply_queue.push(source),
        }
    }

    /// Receives the first datagram at the socket of one of its requests. It closes that
    /// socket then, so it sees no later one.
    pub fn receive_reply(&mut self, text: &str, request: u64, effects: &mut Vec<OriginalEffect>) {
        let Some(reply) = scan(text, "reply") else {
            return;
        };
        self.clock = self.clock.max(reply.clock) + 1;
        if let Phase::Wait(missing) = &mut self.state
            && self.last_request_clock == Some(request)
        {
            *missing -= 1;
            if *missing == 0 {
                self.enter(effects);
            }
        }
    }

    /// Leaves the critical section, and sends the deferred replies.
    pub fn leave(&mut self, effects: &mut Vec<OriginalEffect>) {
        if self.state != Phase::Held {
            return;
        }
        effects.push(OriginalEffect::Leave);
        self.state = Phase::Free;
        for source in std::mem::take(&mut self.reply_queue) {
            effects.push(self.reply(source));
        }
    }

    fn enter(&mut self, effects: &mut Vec<OriginalEffect>) {
        self.state = Phase::Held;
        let clock = self.clock;
        effects.push(OriginalEffect::Enter { clock });
    }

    fn reply(&self, to: SocketAddr) -> OriginalEffect {
        let text = format!("reply<{},{}>", self.clock, self.id);
        OriginalEffect::Reply { to, text }
    }
}

/// Reads `kind<clock,id>`, and ignores what follows. The clock is Go's `int`, and no
/// turno node's is negative.
fn scan(text: &str, kind: &str) -> Option<Timestamp> {
    let head = text.strip_prefix(kind)?.strip_prefix('<')?;
    let (clock, rest) = head.split_once(',')?;
    let (id, _) = rest.split_once('>')?;
    let clock: i64 = clock.parse().ok()?;
    Some(Timestamp {
        clock: clock.try_into().ok()?,
        id: NodeId(id.parse().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_go_cannot_read_is_ignored() {
        let mut peer = OriginalPeer::new(NodeId(2), 2);
        let (source, mut effects) = (SocketAddr::from(([127, 0, 0, 1], 1)), Vec::new());
        for clock in ["9223372036854775808", "18446744073709551615"] {
            peer.receive_request(&format!("req<{clock},1>"), source, &mut effects);
        }
        assert_eq!((peer.clock, effects.len()), (1, 0));
        peer.receive_request("req<9223372036854775807,1>", source, &mut effects);
        assert_eq!(effects.len(), 1);
    }
}
