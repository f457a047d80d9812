//! Laws of every datagram, whatever its bytes.

use turno::internals::mutex::{Body, Message};
use turno::internals::wire::{
    Datagram, GroupDigest, decode, encode, encode_challenge, encode_piece, encode_query, encode_up,
    encode_view,
};

use super::original_scan::scan;

/// Decodes a datagram.
///
/// # Panics
/// If that breaks a law: decoding does not panic; a decoded datagram can be
/// encoded, and decodes to the same again; and the original reads the same clock
/// and id.
pub fn check(datagram: &[u8]) {
    let Ok(decoded) = decode(datagram) else {
        return;
    };
    if is_unknown_to_the_original(&decoded) {
        assert_eq!(
            decode(&encode_again(&decoded)),
            Ok(decoded),
            "encoded again"
        );
        for kind in ["req", "reply", "cs"] {
            assert_eq!(scan(datagram, kind), None, "the original reads a {kind}");
        }
        return;
    }
    let (kind, clock, id) = match &decoded {
        Datagram::Message { message, .. } => {
            let kind = if is_request(message) { "req" } else { "reply" };
            (kind, message.body.clock(), message.from)
        }
        Datagram::OriginalReply { from, clock } => ("reply", *clock, *from),
        Datagram::Section(message) => ("cs", message.stamp.clock, message.stamp.id),
        _ => unreachable!("it returned above"),
    };
    let scanned = scan(datagram, kind);
    let clock = i64::try_from(clock).expect("Go has no larger numbers");
    assert_eq!(scanned, Some((clock, id.0.into())), "the original differs");

    let encoded = encode_again(&decoded);
    assert_eq!(decode(&encoded), Ok(decoded), "encoded again");
    assert_eq!(scan(&encoded, kind), scanned, "the original differs");
}

fn is_unknown_to_the_original(decoded: &Datagram) -> bool {
    match decoded {
        Datagram::View { .. }
        | Datagram::Up { .. }
        | Datagram::Query { .. }
        | Datagram::Report { .. }
        | Datagram::Challenge(_)
        | Datagram::Response(_) => true,
        Datagram::Message { message, .. } => matches!(message.body, Body::Note { .. }),
        Datagram::OriginalReply { .. } | Datagram::Section(_) => false,
    }
}

fn is_request(message: &Message) -> bool {
    message.to_string().starts_with("req<")
}

/// Encodes a datagram as turno does. A reply of the original is the exception:
/// turno always adds the echo.
fn encode_again(decoded: &Datagram) -> Vec<u8> {
    match decoded {
        Datagram::Message { message, group } => {
            // A datagram of the original names no group.
            let group = group.unwrap_or(GroupDigest(0));
            encode(message, group).into_bytes()
        }
        Datagram::OriginalReply { from, clock } => format!("reply<{clock},{from}>").into_bytes(),
        Datagram::Section(message) => message.encode(),
        Datagram::View {
            from,
            incarnation,
            message,
            group,
        } => encode_view(*from, *incarnation, message, *group).into_bytes(),
        Datagram::Up {
            from,
            incarnation,
            count,
            leaves,
            heard,
            group,
        } => encode_up(*from, *incarnation, *count, *leaves, *heard, *group).into_bytes(),
        Datagram::Query {
            from,
            incarnation,
            group,
            query,
        } => encode_query(*from, *incarnation, *group, query).into_bytes(),
        Datagram::Report {
            from,
            incarnation,
            group,
            piece,
        } => encode_piece(*from, *incarnation, *group, piece).into_bytes(),
        Datagram::Challenge(challenge) => encode_challenge(challenge, false).into_bytes(),
        Datagram::Response(response) => encode_challenge(response, true).into_bytes(),
    }
}
