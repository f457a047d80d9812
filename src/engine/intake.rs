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
        let (from, event) = match self.transport.receive(bytes, source, socket) {
            Ok(Incoming::Lock { message, reply_to }) => {
                (message.from, Event::Received { message, reply_to })
            }
            Ok(Incoming::Up { from, leaves }) => {
                self.receive_up(from, leaves);
                return Ok(());
            }
            Ok(Incoming::View { from, message }) => (from, Event::ReceivedView { from, message }),
            Err(dropped) => return self.dropped(source, bytes, dropped),
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
        self.report_and_perform(&event, step).map(drop)
    }

    /// A valid datagram of this peer has arrived.
    pub(super) fn note_heard(&mut self, from: NodeId) {
        self.heard.insert(from, Instant::now());
        self.presence.heard(from);
    }

    fn dropped(&mut self, source: SocketAddr, bytes: &[u8], dropped: Dropped) -> io::Result<()> {
        let reason = dropped.reason;
        let is_of_old_list = self.is_of_old_list(reason)?;
        // Recorded even when logging is rate-limited: one reason a peer.
        if let Some(from) = dropped.named_sender
            && self.member.peers().contains(&from)
            && !is_of_old_list
        {
            self.peer_stats.dropped(from, reason);
        }
        if !self.drops.count(reason.cause()) {
            return Ok(());
        }
        // At the same limited rate, so that a flood is not answered.
        if let DropReason::OtherList {
            from,
            asks: Some(run),
            ..
        } = reason
        {
            let objection = self.transport.objection(from, run, source);
            self.send(objection)?;
        }
        if is_of_old_list {
            // The user was told once, with its name.
            return Ok(());
        }
        self.observer.happened(&NodeEvent::Dropped {
            source,
            bytes,
            reason,
            member: &self.member,
        })
    }
}

impl<O: Observer, U: User> Engine<O, U> {
    /// A member that was left out as dead for good, and is heard, goes on with the old list.
    /// This one stays out as long as it has not begun to take part in the new one. Returns
    /// whether it is such a member, whose id may be another one's now.
    fn is_of_old_list(&mut self, reason: DropReason) -> io::Result<bool> {
        let DropReason::OtherList { from, group, .. } = reason else {
            return Ok(false);
        };
        let Some(state) = &self.state else {
            return Ok(false);
        };
        let change = state.change();
        let change = change.filter(|change| change.digests.contains(&group));
        let Some(change) = change.filter(|change| change.left_out.contains(&from)) else {
            return Ok(false);
        };
        let sign = change.goes_on(from);
        if state.is_changing() {
            return Err(io::Error::other(sign));
        }
        if self.told_of_old_list.insert(from) {
            log::warn!("{sign}");
        }
        Ok(true)
    }
}

/// Whether no honest member can have sent it.
fn is_never_honest(rejected: Rejected) -> bool {
    matches!(
        rejected,
        Rejected::UnknownMember(_) | Rejected::OwnId(_) | Rejected::Clock(_)
    )
}
