//! What turno adds after the `>` of a request or a reply.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fields::{Name, Read, Text};
use super::head::Kind;
use super::{Datagram, GroupDigest, Malformed};
use crate::mutex::{Body, Echo, Incarnation, LockName, Message, Origin, Timestamp};

/// The JSON object as it is written.
#[derive(Serialize)]
struct Written<'a> {
    incarnation: Hexadecimal,
    group: Hexadecimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    lock: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    echo: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Hexadecimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<bool>,
}

pub(super) fn decode(kind: Kind, stamp: Timestamp, rest: &[u8]) -> Result<Datagram, Malformed> {
    let Timestamp { clock, id: from } = stamp;
    if !rest.starts_with(b"{") {
        return Ok(match kind {
            Kind::Reply => Datagram::SeedReply { from, clock },
            _ => Datagram::Message {
                message: Message {
                    from,
                    origin: Origin::Seed,
                    body: Body::Request {
                        lock: LockName::default(),
                        clock,
                    },
                },
                group: None,
            },
        });
    }
    let tail: Read = serde_json::from_slice(rest).map_err(|_| Malformed::Tail)?;
    let lock = tail.lock.map(|Name(lock)| lock).unwrap_or_default();
    let again = tail.again.unwrap_or(false);
    let echo = |clock, incarnation: Hexadecimal| Echo {
        clock,
        incarnation: Incarnation(incarnation.0),
    };
    let body = match (kind, clock, tail.echo, tail.to) {
        (Kind::Request, 0, None, None) if lock.is_nameless() && !again => Body::Hello,
        (Kind::Request, 1.., None, None) if !again => Body::Request { lock, clock },
        (Kind::Reply, _, Some(0), Some(to)) if lock.is_nameless() => Body::Welcome {
            clock,
            to: Incarnation(to.0),
            again,
        },
        (Kind::Reply, _, Some(request @ 1..), Some(to)) if again => Body::Overtaken {
            lock,
            clock,
            echo: echo(request, to),
        },
        (Kind::Reply, _, Some(request @ 1..), Some(to)) => Body::Reply {
            lock,
            clock,
            echo: echo(request, to),
        },
        _ => return Err(Malformed::Tail),
    };
    Ok(Datagram::Message {
        message: Message {
            from,
            origin: Origin::Turno(Incarnation(tail.incarnation.0)),
            body,
        },
        group: Some(GroupDigest(tail.group.0)),
    })
}

/// Appends the tail of a message; nothing for one of a seed peer.
pub(super) fn encode(message: &Message, group: GroupDigest, text: &mut Vec<u8>) {
    let Origin::Turno(incarnation) = message.origin else {
        return;
    };
    let (lock, echo, again) = match &message.body {
        Body::Request { lock, .. } => (Some(lock), None, false),
        Body::Reply { lock, echo, .. } => (Some(lock), Some(*echo), false),
        Body::Overtaken { lock, echo, .. } => (Some(lock), Some(*echo), true),
        Body::Hello => (None, None, false),
        Body::Welcome { to, again, .. } => {
            let (clock, incarnation) = (0, *to);
            (None, Some(Echo { clock, incarnation }), *again)
        }
    };
    let tail = Written {
        incarnation: Hexadecimal(incarnation.0),
        group: Hexadecimal(group.0),
        lock: lock
            .filter(|lock| !lock.is_nameless())
            .map(LockName::as_str),
        echo: echo.map(|echo| echo.clock),
        to: echo.map(|echo| Hexadecimal(echo.incarnation.0)),
        again: again.then_some(true),
    };
    serde_json::to_writer(text, &tail).expect("strings and numbers are always JSON");
}

/// 64 bits as 16 hexadecimal digits.
#[derive(Clone, Copy)]
pub(super) struct Hexadecimal(u64);

impl Serialize for Hexadecimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:016x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Hexadecimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            expected: "16 hexadecimal digits",
            read: |digits: &str| {
                let is_hexadecimal = digits
                    .bytes()
                    .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
                let bits = u64::from_str_radix(digits, 16).ok()?;
                (is_hexadecimal && digits.len() == 16).then_some(Hexadecimal(bits))
            },
        })
    }
}
