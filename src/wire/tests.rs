use super::*;
use crate::mutex::{Body, Incarnation, NodeId, Origin, Timestamp};

fn stamp(clock: u64, id: u16) -> Timestamp {
    let id = NodeId(id);
    Timestamp { clock, id }
}

fn message(clock: u64, id: u16, body: Body, origin: Origin) -> Message {
    let stamp = stamp(clock, id);
    Message {
        stamp,
        body,
        origin,
    }
}

const TURNO: Origin = Origin::Turno(Incarnation(0x9f86_d081_884c_7d65));

#[test]
fn the_seeds_datagrams_are_understood() {
    assert_eq!(
        decode(b"req<2,1>"),
        Ok(Datagram::Message(message(
            2,
            1,
            Body::Request,
            Origin::Seed
        )))
    );
    let body = Body::Reply { echo: None };
    assert_eq!(
        decode(b"reply<5,3>"),
        Ok(Datagram::Message(message(5, 3, body, Origin::Seed)))
    );
    assert_eq!(
        decode(b"cs<5,1>(interaction with cs begins)"),
        Ok(Datagram::Section(SectionMessage {
            stamp: stamp(5, 1),
            text: BEGINS.into(),
        }))
    );
}

#[test]
fn what_we_send_begins_as_the_seeds_and_says_more_behind_the_head() {
    let request = message(2, 1, Body::Request, TURNO);
    let reply = message(5, 3, Body::Reply { echo: Some(2) }, TURNO);
    assert_eq!(
        encode(&request),
        r#"req<2,1>{"incarnation":"9f86d081884c7d65"}"#
    );
    assert_eq!(
        encode(&reply),
        r#"reply<5,3>{"incarnation":"9f86d081884c7d65","echo":2}"#
    );
    for message in [request, reply] {
        let datagram = encode(&message);
        assert_eq!(decode(datagram.as_bytes()), Ok(Datagram::Message(message)));
    }
}

#[test]
fn what_the_holder_says_may_hold_anything() {
    let message = SectionMessage {
        stamp: stamp(5, 1),
        text: b"a (nested) text)\xff".to_vec(),
    };
    assert_eq!(
        decode(&message.encode()),
        Ok(Datagram::Section(message.clone()))
    );
    let with_line_end = [&message.encode()[..], b"\n"].concat();
    assert_eq!(decode(&with_line_end), Ok(Datagram::Section(message)));
}

#[test]
fn a_tail_that_is_none_of_ours_is_passed_over_as_a_seed_peer_would() {
    for tail in ["", "\n", "(text)", " later versions", "\u{1b}[2J"] {
        let datagram = format!("req<2,1>{tail}");
        let request = message(2, 1, Body::Request, Origin::Seed);
        assert_eq!(decode(datagram.as_bytes()), Ok(Datagram::Message(request)));
    }
}

#[test]
fn a_tail_of_ours_is_understood_whole_or_not_at_all() {
    for tail in [
        "{",
        "{}",
        r#"{"echo":2}"#,
        r#"{"incarnation":"9f86d081884c7d65"}"#,
        r#"{"incarnation":"9f86d081884c7d6","echo":2}"#,
        r#"{"incarnation":"+f86d081884c7d65","echo":2}"#,
        r#"{"incarnation":"9f86d081884c7d65","echo":-2}"#,
        r#"{"incarnation":"9f86d081884c7d65","echo":2,"lock":"unknown"}"#,
        r#"{"incarnation":"9f86d081884c7d65","echo":2} more"#,
    ] {
        let datagram = format!("reply<5,3>{tail}");
        assert_eq!(decode(datagram.as_bytes()), Err(Malformed::Tail), "{tail}");
    }
    assert_eq!(
        decode(br#"req<5,3>{"incarnation":"9f86d081884c7d65","echo":2}"#),
        Err(Malformed::Tail),
        "a request echoes nothing"
    );
}

#[test]
fn each_malformed_head_has_its_reason() {
    for (datagram, why) in [
        (&b""[..], Malformed::Empty),
        (b"hello", Malformed::Kind),
        (b"REQ<2,1>", Malformed::Kind),
        (b" req<2,1>", Malformed::Kind),
        (b"req", Malformed::Kind),
        (b"\x00\xff\x1b", Malformed::Kind),
        (b"req<", Malformed::Head),
        (b"req<2", Malformed::Head),
        (b"req<2,1", Malformed::Head),
        (b"req<,1>", Malformed::Head),
        (b"req<2,>", Malformed::Head),
        (b"req<-2,1>", Malformed::Head),
        (b"req<2;1>", Malformed::Head),
        (b"req<0x2,1>", Malformed::Head),
        (b"req<9223372036854775808,1>", Malformed::Clock),
        (b"req<18446744073709551615,1>", Malformed::Clock),
        (b"req<100000000000000000000000000000,1>", Malformed::Clock),
        (b"req<2,65536>", Malformed::Id),
        (b"req<2,100000000000000000000000000000>", Malformed::Id),
        (b"cs<5,1>", Malformed::Text),
        (b"cs<5,1>(begins", Malformed::Text),
        (b"cs<5,1>)", Malformed::Text),
    ] {
        assert_eq!(decode(datagram), Err(why), "{}", datagram.escape_ascii());
    }
}

#[test]
fn the_largest_clock_and_id_are_read() {
    let largest = message(i64::MAX as u64, u16::MAX, Body::Request, Origin::Seed);
    assert_eq!(
        decode(b"req<9223372036854775807,65535>"),
        Ok(Datagram::Message(largest))
    );
}
