//! Messages that can no longer have an effect. They are not left under way.

use super::bounds::{Bounds, id_of, index_of};
use super::group_state::GroupState;
use super::memo::{Content, Memo, MessageNumber, Sent};
use crate::mutex::{Body, Message, State, ViewNumber};
use crate::views::{Beat, ViewMessage};

impl GroupState {
    pub(super) fn reduce(&mut self, bounds: &Bounds, memo: &Memo) {
        let mut network = std::mem::take(&mut self.network);
        let all = network.clone();
        network.retain(|message| !self.is_obsolete(bounds, memo, &all, *message));
        self.network = network;
    }

    /// A promise is durable and only rises. So
    /// - a proposal is obsolete once its receiver has promised as much;
    /// - a vote, once the proposal is decided or withdrawn;
    /// - a decision, for those outside of the view, or that have promised more, or have
    ///   joined it and do not restart;
    /// - a request or a reply, once its receiver is past its view for ever; a reply also
    ///   when its request does not wait any more;
    /// - an acknowledgment of another run; a beat of an earlier run, which counts on
    ///   nothing, if no member leaves; and a beat that a later one of the run surpasses.
    ///
    /// With a planted bug some of that may matter: then a search is left unreduced.
    fn is_obsolete(
        &self,
        bounds: &Bounds,
        memo: &Memo,
        all: &[MessageNumber],
        message: MessageNumber,
    ) -> bool {
        let sent = memo.sent(message);
        let to = index_of(sent.to);
        let member = &memo.member(self.members[to]).member;
        let promised = self.promised[to];
        if let Content::View(ViewMessage::Acknowledge(nonce)) = &sent.content {
            return nonce.incarnation != member.config().incarnation;
        }
        match &sent.content {
            Content::View(ViewMessage::Propose {
                number,
                configuration,
                ..
            }) => {
                let told = configuration.as_ref().map(|it| it.number);
                let durable = self.adopted[to].as_ref().map(|it| it.number);
                *number <= promised && (told == Some(*number) || told <= durable)
            }
            Content::View(ViewMessage::Vote { number, .. }) => {
                member.views().and_then(|views| views.proposes()) != Some(*number)
            }
            Content::View(ViewMessage::Decision(view)) => {
                let is_old = view.number < promised || self.is_past(bounds, memo, to, view.number);
                let is_useless = is_old || !view.members.contains(&id_of(to));
                let told = view.configuration.as_ref().map(|it| it.number);
                let durable = self.adopted[to].as_ref().map(|it| it.number);
                is_useless && told <= durable
            }
            Content::View(ViewMessage::Beat(beat)) => {
                self.is_obsolete_beat(bounds, memo, all, sent, beat)
            }
            Content::View(ViewMessage::Leave(_) | ViewMessage::Acknowledge(_)) => false,
            Content::Lock(message) => {
                let view = message.view.unwrap_or_default();
                let own = memo.member(self.members[to]).view;
                let is_left = view < promised || self.is_past(bounds, memo, to, view);
                own != message.view && is_left || !self.is_awaited(memo, to, message)
            }
        }
    }

    /// Whether a member is in this view or a later one, and stays so.
    fn is_past(&self, bounds: &Bounds, memo: &Memo, index: usize, view: ViewNumber) -> bool {
        let may_restart = self.restarts[index] < bounds.restarts[index]
            || self.leaves[index] < bounds.leaves[index];
        !may_restart && memo.member(self.members[index]).view >= Some(view)
    }

    fn is_obsolete_beat(
        &self,
        bounds: &Bounds,
        memo: &Memo,
        all: &[MessageNumber],
        sent: &Sent,
        beat: &Beat,
    ) -> bool {
        let sender = &memo.member(self.members[index_of(sent.from)]).member;
        let is_earlier = beat.nonce.incarnation != sender.config().incarnation;
        let is_surpassed = || {
            all.iter().any(|other| {
                let other = memo.sent(*other);
                matches!(&other.content, Content::View(ViewMessage::Beat(later))
                    if (other.from, other.to) == (sent.from, sent.to)
                        && later.nonce.incarnation == beat.nonce.incarnation
                        && later.nonce.counter > beat.nonce.counter)
            })
        };
        !bounds.has_leaves() && (is_earlier || is_surpassed())
    }

    /// Whether the request of a reply still waits.
    fn is_awaited(&self, memo: &Memo, to: usize, message: &Message) -> bool {
        let Body::Reply { echo, .. } = &message.body else {
            return true;
        };
        let number = self.members[to];
        let is_of_run = echo.incarnation == memo.member(number).member.config().incarnation;
        let waits = matches!(memo.state(number), State::Wait { request, .. }
            if request.clock == echo.clock);
        is_of_run && waits
    }
}
