//! What turno adds after the `>` of a request or a reply.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Malformed;
use crate::mutex::{Body, Incarnation, Message, Origin, Timestamp};

/// The JSON object. A field that we do not know may mean something we would
/// break by ignoring it, so it is refused.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tail {
    incarnation: Incarnation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    echo: Option<u64>,
}

pub(super) fn decode_request(stamp: Timestamp, rest: &[u8]) -> Result<Message, Malformed> {
    let (origin, echo) = decode(rest)?;
    if echo.is_some() {
        return Err(Malformed::Tail);
    }
    Ok(Message {
        stamp,
        body: Body::Request,
        origin,
    })
}

pub(super) fn decode_reply(stamp: Timestamp, rest: &[u8]) -> Result<Message, Malformed> {
    let (origin, echo) = decode(rest)?;
    // A turno node always echoes.
    if origin != Origin::Seed && echo.is_none() {
        return Err(Malformed::Tail);
    }
    Ok(Message {
        stamp,
        body: Body::Reply { echo },
        origin,
    })
}

fn decode(rest: &[u8]) -> Result<(Origin, Option<u64>), Malformed> {
    if !rest.starts_with(b"{") {
        return Ok((Origin::Seed, None));
    }
    let tail: Tail = serde_json::from_slice(rest).map_err(|_| Malformed::Tail)?;
    Ok((Origin::Turno(tail.incarnation), tail.echo))
}

/// The tail of a message; empty where a seed peer sends it.
pub(super) fn encode(message: &Message) -> String {
    let Origin::Turno(incarnation) = message.origin else {
        return String::new();
    };
    let echo = match message.body {
        Body::Request => None,
        Body::Reply { echo } => echo,
    };
    serde_json::to_string(&Tail { incarnation, echo }).expect("two plain fields are always JSON")
}

impl Serialize for Incarnation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Incarnation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(deserializer)?;
        let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
        match u64::from_str_radix(&digits, 16) {
            Ok(nonce) if hexadecimal && digits.len() == 16 => Ok(Incarnation(nonce)),
            _ => Err(de::Error::custom("not 16 hexadecimal digits")),
        }
    }
}
