//! The way in: a datagram becomes an event of the algorithm, or is dropped.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use super::old_list::Question;
use super::state_file::{Change, StateFile};
use super::{Engine, Input, NodeEvent, Observer, User};
use crate::mutex::{Body, Message, NodeId, Origin, Rejected};
use crate::protocol::Event;
use crate::system::{boot_clock, millis};
use crate::transport::{DropReason, Dropped, Incoming, Outgoing, Socket};
use crate::views::{Moment, ViewMessage};
use crate::wire::Heard;

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
            Incoming::Up {
                from,
                leaves,
                heard,
            } => {
                self.receive_up(from, leaves, heard);
                return self.heard_at(from, source);
            }
            Incoming::Query {
                from,
                incarnation,
                query,
            } => {
                // It may be repeated, and says nothing of the member now. First, so that the
                // report is sent to where the member is.
                self.heard_at(from, source)?;
                return self.receive_query(from, incarnation, query);
            }
            Incoming::Report { from, piece } => {
                return self.receive_report(from, source, piece);
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
        match &event {
            Event::Received { message, .. } => {
                self.peer_stats.heard(message);
                self.note_reach(message, step.handled.is_ok());
            }
            Event::ReceivedView { from, message } => self.measure_view(now, *from, message),
            _ => {}
        }
        // First, so that what is sent now is sent to where the member is.
        self.heard_at(from, source)?;
        self.report_and_perform(&event, step).map(drop)
    }

    /// Notes whether a message of a peer shows that the peer hears this member.
    fn note_reach(&mut self, message: &Message, is_news: bool) {
        let (peer, now) = (message.from, Instant::now());
        match (&message.body, message.origin) {
            _ if peer == self.member.id() || !is_news => {}
            (Body::Hello, Origin::Turno(run)) => self.reach.greets(peer, run, now),
            (Body::Hello | Body::Request { .. }, _) => {}
            (
                Body::Reply { .. }
                | Body::Note { .. }
                | Body::Superseded { .. }
                | Body::Welcome { .. },
                _,
            ) => self.reach.answers(peer, now),
        }
    }

    /// Notes what a message about views shows of the way to the peer and back.
    fn measure_view(&mut self, now: Moment, from: NodeId, message: &ViewMessage) {
        let Some(views) = self.member.views() else {
            return;
        };
        match message {
            ViewMessage::Acknowledge(nonce) => {
                if let Some(took) = views.round_trip(*nonce, now) {
                    self.peer_stats.measured(from, took);
                }
            }
            ViewMessage::Beat(_) => {
                let heard = views.heard_by(from).map(|at| millis(now.since(at)));
                let heard = heard.map_or(Heard::Never, Heard::MillisAgo);
                let lease = views.config().lease.length();
                self.reach.says(from, heard, Some(lease), Instant::now());
            }
            _ => {}
        }
    }

    /// A valid datagram of this peer has arrived.
    pub(super) fn note_heard(&mut self, from: NodeId) {
        self.heard.insert(from, Instant::now());
        self.presence.heard(from);
        self.port_probes.heard(from);
    }

    fn dropped(&mut self, source: SocketAddr, bytes: &[u8], dropped: Dropped) -> io::Result<()> {
        let reason = dropped.reason;
        let of_old_list = self.of_old_list(reason);
        if let Some(from) = of_old_list {
            self.check_old_list(from, bytes)?;
        }
        // Recorded even when logging is rate-limited: one reason a peer.
        if let Some(from) = dropped.named_sender
            && self.member.peers().contains(&from)
            && of_old_list.is_none()
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
            ..
        } = reason
        {
            let objection = self.transport.objection(from, run, source);
            self.send(objection)?;
        }
        if let Some(from) = of_old_list {
            return self.ask_by_old_list(from, source);
        }
        self.observer.happened(&NodeEvent::Dropped {
            source,
            bytes,
            reason,
            member: &self.member,
        })
    }

    /// The member that was left out of the list as dead for good, if the datagram names it and
    /// the old list. Its id may be another member's now.
    fn of_old_list(&self, reason: DropReason) -> Option<NodeId> {
        let DropReason::OtherList { from, group, .. } = reason else {
            return None;
        };
        let (_, change) = self.change()?;
        let is_it = change.digests.contains(&group) && change.left_out.contains(&from);
        is_it.then_some(from)
    }

    /// A member that was left out, and answers a question of this run, goes on with the old
    /// list. This member stays out as long as it has not begun to take part in the new one.
    ///
    /// # Errors
    /// It has not begun.
    fn check_old_list(&mut self, from: NodeId, datagram: &[u8]) -> io::Result<()> {
        let Some((state, change)) = self.change() else {
            return Ok(());
        };
        let key = self.transport.key();
        let is_answer = |asked: &Question| asked.answerer(change, key, datagram) == Some(from);
        if state.is_changing() && self.old_list.as_ref().is_some_and(is_answer) {
            return Err(io::Error::other(change.goes_on(from)));
        }
        if !state.is_changing() && !self.told_of_old_list.contains(&from) {
            log::warn!("{}", change.is_heard(from));
            self.told_of_old_list.insert(from);
        }
        Ok(())
    }

    /// The datagram may have been recorded when its sender was alive: the sender is asked.
    fn ask_by_old_list(&mut self, from: NodeId, source: SocketAddr) -> io::Result<()> {
        if !self.state.as_ref().is_some_and(StateFile::is_changing) {
            return Ok(());
        }
        if self.old_list.is_none() {
            self.old_list = Some(Question::new()?);
        }
        let (Some(question), Some((_, change))) = (&self.old_list, self.change()) else {
            return Ok(());
        };
        for text in question.to(from, change, self.transport.key()) {
            self.send(Outgoing {
                socket: Socket::Listening,
                address: source,
                text,
            })?;
        }
        Ok(())
    }

    /// The change of the list that this member makes, or has made.
    fn change(&self) -> Option<(&StateFile, &Change)> {
        let state = self.state.as_ref()?;
        Some((state, state.change()?))
    }
}

/// Whether no honest member can have sent it.
fn is_never_honest(rejected: Rejected) -> bool {
    matches!(
        rejected,
        Rejected::UnknownMember(_) | Rejected::OwnId(_) | Rejected::Clock(_)
    )
}
