//! The way in: a datagram becomes an event of the algorithm, or is dropped.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use super::{Engine, Input, NodeEvent, Observer, User};
use crate::mutex::{NodeId, Rejected};
use crate::protocol::Event;
use crate::system::boot_clock;
use crate::transport::{DropReason, Dropped, Incoming, Socket};

impl<O: Observer, U: User> Engine<O, U> {
    /// Interprets what arrived, and does it.
    ///
    /// # Errors
    /// Those of [`Engine::handle`].
    pub(crate) fn receive(&mut self, input: Input) -> io::Result<()> {
        match input {
            Input::Datagram {
                socket,
                source,
                bytes,
            } => self.receive_datagram(&bytes, source, socket),
            Input::Found { id, found } => self.receive_found(id, found),
            Input::Timer(timer) => self.handle(&Event::Expired(timer)).map(drop),
        }
    }

    fn receive_datagram(
        &mut self,
        bytes: &[u8],
        source: SocketAddr,
        socket: Socket,
    ) -> io::Result<()> {
        // Read after the datagram has arrived: what is acknowledged counts from then on.
        let now = boot_clock::now();
        self.end_lapsed_entries(now)?;
        let incoming = match self.transport.receive(bytes, source, socket) {
            Ok(incoming) => incoming,
            Err(dropped) => return self.dropped(source, bytes, dropped),
        };
        let (from, event) = match incoming {
            Incoming::Lock { message, reply_to } => {
                (message.from, Event::Received { message, reply_to })
            }
            Incoming::View { from, message } => (from, Event::ReceivedView { from, message }),
            Incoming::Up { from, leaves } => {
                self.receive_up(from, leaves);
                return self.heard_at(from, source);
            }
            Incoming::Challenge { from, nonce } => {
                self.receive_challenge(from, nonce, source)?;
                return self.heard_at(from, source);
            }
            Incoming::Response { from, nonce } => return self.receive_response(from, nonce),
        };
        let step = self.step(now, &event);
        if let Err(rejected) = step.handled
            && is_never_honest(rejected)
        {
            self.persist(&step.output.effects)?;
            self.perform_all(step.output)?;
            let dropped = Dropped {
                named_sender: Some(from),
                reason: DropReason::Rejected(rejected),
            };
            return self.dropped(source, bytes, dropped);
        }
        if from != self.member.id() {
            self.note_heard(from);
        }
        if let Event::Received { message, .. } = &event {
            self.peer_stats.heard(message);
        }
        // First, so that what is sent now is sent to where the member is.
        self.heard_at(from, source)?;
        self.report_and_perform(&event, step).map(drop)
    }

    /// A valid datagram of this peer has arrived.
    pub(super) fn note_heard(&mut self, from: NodeId) {
        self.heard.insert(from, Instant::now());
        self.presence.heard(from);
    }

    fn dropped(&mut self, source: SocketAddr, bytes: &[u8], dropped: Dropped) -> io::Result<()> {
        let reason = dropped.reason;
        // Recorded even when logging is rate-limited: one reason a peer.
        if let Some(from) = dropped.named_sender
            && self.member.peers().contains(&from)
        {
            self.peer_stats.dropped(from, reason);
            if matches!(reason, DropReason::ForeignHost { .. }) {
                self.addresses.suspect(from);
            }
        }
        if !self.drops.count(reason.cause()) {
            return Ok(());
        }
        // At the same limited rate, so that a flood is not answered.
        if let DropReason::OtherList {
            from,
            asks: Some(run),
        } = reason
        {
            let objection = self.transport.objection(from, run, source);
            self.send(objection)?;
        }
        self.observer.happened(&NodeEvent::Dropped {
            source,
            bytes,
            reason,
            member: &self.member,
        })
    }
}

/// Whether no honest member can have sent it.
fn is_never_honest(rejected: Rejected) -> bool {
    matches!(
        rejected,
        Rejected::UnknownMember(_) | Rejected::OwnId(_) | Rejected::Clock(_)
    )
}
