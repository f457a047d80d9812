//! What a line of a trace says of views and the lease.

use serde::{Deserialize, Serialize};

use crate::mutex::{Effect, ViewNumber};
use crate::protocol::{Event, Member};
use crate::system::micros;
use crate::views::{Moment, ViewMessage, Views};

/// Of the beats of each member, every so many is recorded.
const RECORDED_BEATS: u64 = 10;

/// A view's number: the counter and the proposer.
pub type Number = (u64, u16);

/// What an event was to the views, and what came of it. Only groups with failover have
/// it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewRecord {
    /// The message that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<ViewMessageRecord>,
    /// The number that this member has voted for, at this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voted: Option<Number>,
    /// The view that this member has joined, at this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joined: Option<JoinedRecord>,
    /// The locks whose entries have ended with the lease, at this event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// The view after the event; `None` in no view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Number>,
    /// The lease that is left after the event, in microseconds.
    pub lease: u64,
    /// At the event that finds the lease over: how long ago it ended, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
}

/// A message about views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewMessageRecord {
    /// The sender.
    pub from: u16,
    /// What it says: `vote 4.2`.
    pub says: String,
}

/// A view that was joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JoinedRecord {
    /// Its members.
    pub members: Vec<u16>,
    /// The tokens of older views are below this.
    pub floor: u64,
}

fn number(number: ViewNumber) -> Number {
    (number.counter, number.proposer)
}

impl ViewRecord {
    /// Records what an event was to the views; `None` without failover. `effects` came of
    /// it.
    pub(super) fn new(event: &Event, effects: &[Effect], member: &Member) -> Option<Self> {
        let views = member.views()?;
        let mut record = ViewRecord {
            received: received(event),
            number: views.view().map(|view| number(view.number)),
            lease: left(member),
            ..ViewRecord::default()
        };
        for effect in effects {
            match effect {
                Effect::Promise { number: voted } => record.voted = Some(number(*voted)),
                Effect::Lost { lock } => record.lost.push(lock.to_string()),
                Effect::Join => record.joined = joined(views),
                _ => {}
            }
        }
        if !record.lost.is_empty() {
            record.lapse(member);
        }
        Some(record)
    }

    /// Adds that the lease is over.
    pub(super) fn lapse(&mut self, member: &Member) {
        self.ended = Some(ended(member));
    }

    /// Whether it says more than that a beat was sent, heard or acknowledged.
    pub(super) fn is_notable(&self, event: &Event) -> bool {
        let is_recorded = match event {
            Event::ReceivedView { message, .. } => match message {
                ViewMessage::Beat(beat) => beat.nonce.counter % RECORDED_BEATS == 1,
                ViewMessage::Acknowledge(_) => false,
                _ => true,
            },
            _ => false,
        };
        is_recorded || self.voted.is_some() || self.joined.is_some() || !self.lost.is_empty()
    }
}

fn received(event: &Event) -> Option<ViewMessageRecord> {
    let Event::ReceivedView { from, message } = event else {
        return None;
    };
    Some(ViewMessageRecord {
        from: from.0,
        says: message.to_string(),
    })
}

fn joined(views: &Views) -> Option<JoinedRecord> {
    let view = views.view()?;
    Some(JoinedRecord {
        members: view.members.iter().map(|member| member.0).collect(),
        floor: view.floor,
    })
}

fn left(member: &Member) -> u64 {
    between(member.leased_until().unwrap_or_default(), member.now())
}

fn ended(member: &Member) -> u64 {
    between(member.now(), member.leased_until().unwrap_or_default())
}

/// From the earlier moment to the later one; 0 if they are in the other order.
fn between(later: Moment, earlier: Moment) -> u64 {
    micros(later.since(earlier))
}
