//! What turno adds after the `>` of a request or a reply.

use std::fmt::Write as _;

use super::fields::{AHEAD, HELD, LockField, Read};
use super::head::DatagramKind;
use super::hexadecimal::Hexadecimal;
use super::{Challenge, Datagram, GroupDigest, Malformed};
use crate::mutex::{
    Body, First, Incarnation, LockName, Message, Mode, NodeId, Origin, RequestId, Timestamp,
    ViewNumber,
};

pub(super) const NO_TAIL: Malformed = Malformed("what follows its head is not a turno tail");

pub(super) fn decode(
    kind: DatagramKind,
    stamp: Timestamp,
    rest: &[u8],
) -> Result<Datagram, Malformed> {
    let Timestamp { clock, id: from } = stamp;
    if !rest.starts_with(b"{") {
        return Ok(match kind {
            DatagramKind::Note => return Err(NO_TAIL),
            DatagramKind::Reply => Datagram::OriginalReply { from, clock },
            _ => Datagram::Message {
                message: Message {
                    from,
                    origin: Origin::Original,
                    view: None,
                    body: Body::Request {
                        lock: LockName::default(),
                        clock,
                        is_try: false,
                        mode: Mode::Exclusive,
                    },
                },
                group: None,
            },
        });
    }
    // Check for UTF-8 once, not for each text.
    let rest = str::from_utf8(rest).map_err(|_| NO_TAIL)?;
    let tail: Read = serde_json::from_str(rest).map_err(|_| NO_TAIL)?;
    let lock = tail.lock.map(|LockField(lock)| lock).unwrap_or_default();
    let again = tail.again.unwrap_or(false);
    let echo = |clock, incarnation: Hexadecimal| RequestId {
        clock,
        incarnation: Incarnation(incarnation.0),
    };
    let body = match (kind, clock, tail.echo, tail.to) {
        (DatagramKind::Request, 0, None, None) if lock.is_nameless() && !again => Body::Hello,
        (DatagramKind::Request, 1.., None, None) if !again => Body::Request {
            lock,
            clock,
            is_try: tail.is_try.unwrap_or(false),
            mode: match tail.is_shared {
                Some(true) => Mode::Shared,
                _ => Mode::Exclusive,
            },
        },
        (DatagramKind::Note, _, Some(request @ 1..), Some(to)) if !again => Body::Note {
            lock,
            clock,
            echo: echo(request, to),
            first: tail.first.ok_or(NO_TAIL)?.0,
        },
        (DatagramKind::Note, ..) => return Err(NO_TAIL),
        _ if tail.first.is_some() || tail.leaves.is_some() => return Err(NO_TAIL),
        (DatagramKind::Reply, _, Some(0), Some(to)) if lock.is_nameless() => Body::Welcome {
            clock,
            to: Incarnation(to.0),
            again,
        },
        (DatagramKind::Reply, _, Some(request @ 1..), Some(to)) if again => Body::Superseded {
            lock,
            clock,
            echo: echo(request, to),
        },
        (DatagramKind::Reply, _, Some(request @ 1..), Some(to)) => Body::Reply {
            lock,
            clock,
            echo: echo(request, to),
        },
        _ => return Err(NO_TAIL),
    };
    Ok(Datagram::Message {
        message: Message {
            from,
            origin: Origin::Turno(Incarnation(tail.incarnation.0)),
            view: tail
                .view
                .map(|(counter, proposer)| ViewNumber { counter, proposer }),
            body,
        },
        group: Some(GroupDigest(tail.group.0)),
    })
}

/// Appends the tail of a message; nothing for a message of an original peer.
pub(super) fn encode(message: &Message, group: GroupDigest, text: &mut String) {
    let Origin::Turno(incarnation) = message.origin else {
        return;
    };
    let (lock, echo, again) = match &message.body {
        Body::Request { lock, .. } => (Some(lock), None, false),
        Body::Reply { lock, echo, .. } | Body::Note { lock, echo, .. } => {
            (Some(lock), Some(*echo), false)
        }
        Body::Superseded { lock, echo, .. } => (Some(lock), Some(*echo), true),
        Body::Hello => (None, None, false),
        Body::Welcome { to, again, .. } => {
            let (clock, incarnation) = (0, *to);
            (None, Some(RequestId { clock, incarnation }), *again)
        }
    };
    text.push_str("{\"incarnation\":\"");
    Hexadecimal(incarnation.0).write(text);
    text.push_str("\",\"group\":\"");
    Hexadecimal(group.0).write(text);
    text.push('"');
    if let Some(lock) = lock.filter(|lock| !lock.is_nameless()) {
        text.push_str(",\"lock\":");
        text.push_str(&quoted(lock.as_str()));
    }
    if let Some(RequestId { clock, incarnation }) = echo {
        text.push_str(",\"echo\":");
        text.push_str(&clock.to_string());
        text.push_str(",\"to\":\"");
        Hexadecimal(incarnation.0).write(text);
        text.push('"');
    }
    if again {
        text.push_str(",\"again\":true");
    }
    match &message.body {
        // A string takes everything.
        Body::Request { is_try, mode, .. } => {
            if *is_try {
                text.push_str(",\"try?\":true");
            }
            if mode.is_shared() {
                text.push_str(",\"shared?\":true");
            }
        }
        Body::Note { first, .. } => {
            let word = match first {
                First::Held => HELD,
                First::Ahead => AHEAD,
            };
            let _ = write!(text, ",\"first\":\"{word}\"");
        }
        _ => {}
    }
    if let Some(ViewNumber { counter, proposer }) = message.view {
        let _ = write!(text, ",\"view\":[{counter},{proposer}]");
    }
    text.push('}');
}

/// Reads the tail of a datagram that is about no lock.
pub(super) fn decode_plain(rest: &[u8]) -> Result<Read, Malformed> {
    let tail: Read = serde_json::from_slice(rest).map_err(|_| NO_TAIL)?;
    let is_about_a_lock = tail.lock.is_some() || tail.first.is_some() || tail.view.is_some();
    if is_about_a_lock || tail.echo.is_some() || tail.to.is_some() || tail.again.is_some() {
        return Err(NO_TAIL);
    }
    Ok(tail)
}

/// Reads what follows the head of a challenge, or of the response to one.
pub(super) fn decode_challenge(stamp: Timestamp, rest: &[u8]) -> Result<Challenge, Malformed> {
    let tail = decode_plain(rest)?;
    if tail.leaves.is_some() {
        return Err(NO_TAIL);
    }
    Ok(Challenge {
        from: stamp.id,
        incarnation: Incarnation(tail.incarnation.0),
        nonce: stamp.clock,
        group: GroupDigest(tail.group.0),
    })
}

/// The text of a challenge, or of the response to one, without a signature.
#[must_use]
pub fn encode_challenge(challenge: &Challenge, is_response: bool) -> String {
    // The response is no longer than what it answers: it is of no use to flood a third.
    let kind = if is_response { "response" } else { "challenge" };
    let head = (kind, challenge.nonce, challenge.from);
    let mut text = begun(head, challenge.incarnation, challenge.group);
    text.push('}');
    text
}

/// The beginning of a datagram that is about no lock: kind, number and sender, and of its
/// tail what every tail has.
pub(super) fn begun(
    (kind, number, from): (&str, u64, NodeId),
    incarnation: Incarnation,
    group: GroupDigest,
) -> String {
    let mut text = format!("{kind}<{number},{from}>{{\"incarnation\":\"");
    Hexadecimal(incarnation.0).write(&mut text);
    text.push_str("\",\"group\":\"");
    Hexadecimal(group.0).write(&mut text);
    text.push('"');
    text
}

/// A text in JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}
