//! The datagrams about views: `beat`, `ack`, `propose`, `vote`, `decision` and `leave`.
//!
//! They have no text for a change of the configured members yet: no node asks for one, and
//! a datagram with an unknown field is dropped.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::head::DatagramKind;
use super::hexadecimal::Hexadecimal;
use super::tail::NO_TAIL;
use super::{Datagram, GroupDigest, Malformed};
use crate::mutex::{Incarnation, NodeId, Timestamp, ViewNumber};
use crate::views::{Beat, Nonce, View, ViewMessage};

/// What follows the head. Each kind has some of the fields.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    incarnation: Hexadecimal,
    group: Hexadecimal,
    /// Of an `ack`: the run that sent the beat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Hexadecimal>,
    /// Of a `beat`: the view that the sender has joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    view: Option<Number>,
    /// Of a `beat`: the highest number that the sender has voted for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    promised: Option<Number>,
    /// Of a `beat` or `vote`: the sender's tokens are below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    below: Option<u64>,
    /// Of a `beat`: the last beat heard of each member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    heard: Option<BTreeMap<u16, (Hexadecimal, u64)>>,
    /// Of a `beat`: true if the sender has still to hear others before it takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waits: Option<bool>,
    /// Of a `vote` or `decision`: the member that proposed the view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proposer: Option<u16>,
    /// Of a `propose`, `vote` or `decision`: the members of the view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    members: Option<BTreeSet<u16>>,
    /// Of a `decision`: the tokens of older views are below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    floor: Option<u64>,
}

/// A view's number: the counter and the proposer.
pub(super) type Number = (u64, u16);

fn number(number: Number) -> ViewNumber {
    let (counter, proposer) = number;
    ViewNumber { counter, proposer }
}

fn ids(members: &BTreeSet<NodeId>) -> Option<BTreeSet<u16>> {
    Some(members.iter().map(|id| id.0).collect())
}

/// Ignores fields of later versions, whose names end with `?`. There are none today, and
/// without them it takes half the time.
fn decode_tail(rest: &[u8]) -> serde_json::Result<Tail> {
    serde_json::from_slice(rest).or_else(|_| {
        let mut tail: Map<String, Value> = serde_json::from_slice(rest)?;
        tail.retain(|name, _| !name.ends_with('?'));
        serde_json::from_value(Value::Object(tail))
    })
}

pub(super) fn decode(
    kind: DatagramKind,
    stamp: Timestamp,
    rest: &[u8],
) -> Result<Datagram, Malformed> {
    let tail = decode_tail(rest).map_err(|_| NO_TAIL)?;
    let (incarnation, group) = (Incarnation(tail.incarnation.0), tail.group.0);
    let (counter, from) = (stamp.clock, stamp.id);
    let message = message(kind, counter, from, incarnation, tail).ok_or(NO_TAIL)?;
    Ok(Datagram::View {
        from,
        incarnation,
        message,
        group: GroupDigest(group),
    })
}

fn message(
    kind: DatagramKind,
    counter: u64,
    from: NodeId,
    incarnation: Incarnation,
    tail: Tail,
) -> Option<ViewMessage> {
    let members = |members: BTreeSet<u16>| members.into_iter().map(NodeId).collect();
    let own = Nonce {
        incarnation,
        counter,
    };
    let of = |proposer: u16| ViewNumber { counter, proposer };
    Some(match kind {
        DatagramKind::Beat => {
            let heard = tail.heard?.into_iter().map(|(id, (incarnation, counter))| {
                let incarnation = Incarnation(incarnation.0);
                (
                    NodeId(id),
                    Nonce {
                        incarnation,
                        counter,
                    },
                )
            });
            ViewMessage::Beat(Beat {
                nonce: own,
                view: number(tail.view?),
                promised: number(tail.promised?),
                below: tail.below?,
                heard: heard.collect(),
                takes_part: tail.waits != Some(true),
                removes: None,
            })
        }
        DatagramKind::Acknowledge => ViewMessage::Acknowledge(Nonce {
            incarnation: Incarnation(tail.to?.0),
            counter,
        }),
        DatagramKind::Propose => ViewMessage::Propose {
            number: of(from.0),
            members: members(tail.members?),
            configuration: None,
        },
        DatagramKind::Vote => ViewMessage::Vote {
            number: of(tail.proposer?),
            members: members(tail.members?),
            configuration: None,
            below: tail.below?,
        },
        DatagramKind::Decision => ViewMessage::Decision(View {
            number: of(tail.proposer?),
            members: members(tail.members?),
            floor: tail.floor?,
            configuration: None,
        }),
        DatagramKind::Leave => ViewMessage::Leave(own),
        DatagramKind::Request
        | DatagramKind::Reply
        | DatagramKind::Note
        | DatagramKind::Up
        | DatagramKind::Query
        | DatagramKind::Report
        | DatagramKind::Challenge
        | DatagramKind::Response
        | DatagramKind::Section => return None,
    })
}

/// The text of a message, without a signature.
pub(super) fn encode(
    from: NodeId,
    incarnation: Incarnation,
    message: &ViewMessage,
    group: GroupDigest,
) -> String {
    let mut tail = Tail {
        incarnation: Hexadecimal(incarnation.0),
        group: Hexadecimal(group.0),
        ..Tail::default()
    };
    let pair = |number: ViewNumber| Some((number.counter, number.proposer));
    let (word, counter) = match message {
        ViewMessage::Beat(beat) => {
            tail.view = pair(beat.view);
            tail.promised = pair(beat.promised);
            tail.below = Some(beat.below);
            let heard = beat
                .heard
                .iter()
                .map(|(id, nonce)| (id.0, (Hexadecimal(nonce.incarnation.0), nonce.counter)));
            tail.heard = Some(heard.collect());
            tail.waits = (!beat.takes_part).then_some(true);
            ("beat", beat.nonce.counter)
        }
        ViewMessage::Acknowledge(nonce) => {
            tail.to = Some(Hexadecimal(nonce.incarnation.0));
            ("ack", nonce.counter)
        }
        ViewMessage::Propose {
            number, members, ..
        } => {
            tail.members = ids(members);
            ("propose", number.counter)
        }
        ViewMessage::Vote {
            number,
            members,
            below,
            ..
        } => {
            tail.members = ids(members);
            (tail.proposer, tail.below) = (Some(number.proposer), Some(*below));
            ("vote", number.counter)
        }
        ViewMessage::Decision(view) => {
            tail.proposer = Some(view.number.proposer);
            (tail.members, tail.floor) = (ids(&view.members), Some(view.floor));
            ("decision", view.number.counter)
        }
        ViewMessage::Leave(nonce) => ("leave", nonce.counter),
    };
    let tail = serde_json::to_string(&tail).expect("numbers and texts are always JSON");
    format!("{word}<{counter},{from}>{tail}")
}
