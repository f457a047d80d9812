use super::*;
use crate::mutex::{Body, First, Incarnation, LockName, Mode, Origin, RequestId, Timestamp};

const INCARNATION: Incarnation = Incarnation(0x9f86_d081_884c_7d65);
const ASKER: Incarnation = Incarnation(0xa);
const GROUP: GroupDigest = GroupDigest(0xb);

fn lock(name: &str) -> LockName {
    LockName::new(name).unwrap()
}

fn turno(id: u16, body: Body) -> Message {
    Message {
        from: NodeId(id),
        origin: Origin::Turno(INCARNATION),
        view: None,
        body,
    }
}

fn request(lock: LockName, clock: u64) -> Body {
    Body::Request {
        lock,
        clock,
        is_try: false,
        mode: Mode::Exclusive,
    }
}

fn reply(lock: LockName, clock: u64, echo: u64) -> Body {
    let incarnation = ASKER;
    let echo = RequestId {
        clock: echo,
        incarnation,
    };
    Body::Reply { lock, clock, echo }
}

fn original_request(clock: u64, id: u16) -> Result<Datagram, Malformed> {
    Ok(Datagram::Message {
        message: Message {
            from: NodeId(id),
            origin: Origin::Original,
            view: None,
            body: request(LockName::default(), clock),
        },
        group: None,
    })
}

#[test]
fn the_originals_datagrams_are_decoded() {
    assert_eq!(decode(b"req<2,1>"), original_request(2, 1));
    let (from, clock) = (NodeId(3), 5);
    let reply = Datagram::OriginalReply { from, clock };
    assert_eq!(decode(b"reply<5,3>"), Ok(reply));
    let id = NodeId(1);
    let message = Datagram::Section(SectionMessage {
        stamp: Timestamp { clock, id },
        text: BEGINS.into(),
    });
    let datagram = b"cs<5,1>(interaction with cs begins)";
    assert_eq!(decode(datagram), Ok(message));
}

#[test]
fn an_encoded_datagram_begins_as_the_originals_and_says_more_behind_the_head() {
    for (message, text) in [
        (
            turno(1, request(lock(""), 2)),
            r#"req<2,1>{"incarnation":"9f86d081884c7d65","group":"000000000000000b"}"#,
        ),
        (
            turno(1, request(lock("nightly \"1\""), 2)),
            r#"req<2,1>{"incarnation":"9f86d081884c7d65","group":"000000000000000b","lock":"nightly \"1\""}"#,
        ),
        (
            turno(3, reply(lock(""), 5, 2)),
            r#"reply<5,3>{"incarnation":"9f86d081884c7d65","group":"000000000000000b","echo":2,"to":"000000000000000a"}"#,
        ),
        (
            turno(3, reply(lock("cópia"), 5, 2)),
            r#"reply<5,3>{"incarnation":"9f86d081884c7d65","group":"000000000000000b","lock":"cópia","echo":2,"to":"000000000000000a"}"#,
        ),
        (
            turno(
                1,
                Body::Request {
                    lock: lock(""),
                    clock: 2,
                    is_try: true,
                    mode: Mode::Exclusive,
                },
            ),
            r#"req<2,1>{"incarnation":"9f86d081884c7d65","group":"000000000000000b","try?":true}"#,
        ),
        (
            turno(
                3,
                Body::Note {
                    lock: lock("nightly"),
                    clock: 5,
                    echo: RequestId {
                        clock: 2,
                        incarnation: ASKER,
                    },
                    first: First::Held,
                },
            ),
            r#"note<5,3>{"incarnation":"9f86d081884c7d65","group":"000000000000000b","lock":"nightly","echo":2,"to":"000000000000000a","first":"held"}"#,
        ),
        (
            turno(2, Body::Hello),
            r#"req<0,2>{"incarnation":"9f86d081884c7d65","group":"000000000000000b"}"#,
        ),
        (
            turno(
                1,
                Body::Welcome {
                    clock: 7,
                    to: ASKER,
                    again: false,
                },
            ),
            r#"reply<7,1>{"incarnation":"9f86d081884c7d65","group":"000000000000000b","echo":0,"to":"000000000000000a"}"#,
        ),
    ] {
        assert_eq!(encode(&message, GROUP), text);
        let group = Some(GROUP);
        let decoded = Datagram::Message { message, group };
        assert_eq!(decode(text.as_bytes()), Ok(decoded));
    }
}

fn up(leaves: bool, heard: Option<Heard>) -> Datagram {
    Datagram::Up {
        from: NodeId(3),
        incarnation: INCARNATION,
        count: 7,
        leaves,
        heard,
        group: GROUP,
    }
}

#[test]
fn a_member_that_is_up_says_when_it_last_heard_the_receiver() {
    for (leaves, heard, more) in [
        (false, None, ""),
        (true, None, r#","leaves":true"#),
        (false, Some(Heard::Never), r#","heard?":null"#),
        (false, Some(Heard::MillisAgo(1234)), r#","heard?":1234"#),
    ] {
        let text = format!(
            r#"up<7,3>{{"incarnation":"9f86d081884c7d65","group":"000000000000000b"{more}}}"#
        );
        let encoded = encode_up(NodeId(3), INCARNATION, 7, leaves, heard, GROUP);
        assert_eq!(encoded, text);
        assert_eq!(decode(text.as_bytes()), Ok(up(leaves, heard)));
    }
}

#[test]
fn a_wrong_time_of_hearing_is_refused_and_a_field_of_a_later_version_is_passed_over() {
    let with = |more: &str| {
        let tail = r#"{"incarnation":"9f86d081884c7d65","group":"000000000000000b""#;
        decode(format!("up<7,3>{tail},{more}}}").as_bytes())
    };
    for wrong in [
        r#""heard?":-1"#,
        r#""heard?":"1""#,
        r#""heard?":1,"heard?":1"#,
    ] {
        assert_eq!(with(wrong), Err(tail::NO_TAIL), "{wrong}");
    }
    assert_eq!(with(r#""later?":{"a":[1]}"#), Ok(up(false, None)));
}

#[test]
fn a_note_is_no_permission_and_a_permission_is_no_note() {
    let tail = r#"{"incarnation":"9f86d081884c7d65","group":"000000000000000b","echo":2,"to":"000000000000000a""#;
    for (head, more) in [
        ("note<5,3>", "}"),
        ("note<5,3>", r#","first":"later"}"#),
        ("note<5,3>", r#","first":"held","again":true}"#),
        ("reply<5,3>", r#","first":"held"}"#),
    ] {
        let text = format!("{head}{tail}{more}");
        assert!(decode(text.as_bytes()).is_err(), "{text}");
    }
    assert!(decode(b"note<5,3>").is_err(), "the original sends none");
}

#[test]
fn the_text_of_the_holder_may_contain_anything() {
    let (clock, id) = (5, NodeId(1));
    let message = SectionMessage {
        stamp: Timestamp { clock, id },
        text: b"a (nested) text)\xff".to_vec(),
    };
    let expected = Ok(Datagram::Section(message.clone()));
    assert_eq!(decode(&message.encode()), expected);
    let with_line_end = [&message.encode()[..], b"\n"].concat();
    assert_eq!(decode(&with_line_end), expected);
}

#[test]
fn a_tail_that_is_not_an_object_is_skipped() {
    for tail in ["", "\n", "(text)", " later versions", "\u{1b}[2J"] {
        let datagram = format!("req<2,1>{tail}");
        assert_eq!(decode(datagram.as_bytes()), original_request(2, 1));
    }
}

/// The fields of a reply's tail, whole.
const FIELDS: &str = r#""incarnation":"9f86d081884c7d65","group":"000000000000000b","echo":2,"to":"000000000000000a""#;

#[test]
fn a_turno_tail_is_decoded_whole_or_not_at_all() {
    let whole = format!("reply<5,3>{{{FIELDS}}}");
    assert!(decode(whole.as_bytes()).is_ok());
    let mut broken = vec![
        "{".to_owned(),
        "{}".to_owned(),
        format!("{{{FIELDS}}} more"),
        format!("{{{FIELDS},\"unheard of\":1}}"),
        format!("{{{FIELDS},\"echo\":2}}"),
        format!("{{{FIELDS},\"lock\":\"\"}}"),
        format!("{{{FIELDS},\"lock\":\"{}\"}}", "a".repeat(129)),
        format!("{{{FIELDS},\"lock\":\"\\u001b\"}}"),
        format!("{{{}}}", FIELDS.replace("9f86", "9F86")),
        format!("{{{}}}", FIELDS.replace("9f86", "+f86")),
        format!("{{{}}}", FIELDS.replace("9f86", "f86")),
        format!("{{{}}}", FIELDS.replace("\"echo\":2", "\"echo\":-2")),
        format!("{{{}}}", FIELDS.replace("\"echo\":2", "\"echo\":2.0")),
    ];
    for field in FIELDS.split(',') {
        let others: Vec<&str> = FIELDS.split(',').filter(|other| *other != field).collect();
        broken.push(format!("{{{}}}", others.join(",")));
    }
    let why = Malformed("what follows its head is not a turno tail");
    for tail in broken {
        let datagram = format!("reply<5,3>{tail}");
        assert_eq!(decode(datagram.as_bytes()), Err(why), "{tail}");
    }
    // A request echoes nothing.
    let request = format!("req<5,3>{{{FIELDS}}}");
    assert_eq!(decode(request.as_bytes()), Err(why));
    // A hello is for no lock.
    let hello =
        br#"req<0,3>{"incarnation":"9f86d081884c7d65","group":"000000000000000b","lock":"a"}"#;
    assert_eq!(decode(hello), Err(why));
}

#[test]
fn an_optional_field_of_a_later_version_is_skipped() {
    let with_it = format!("reply<5,3>{{{FIELDS},\"round_trip_us?\":[17]}}");
    let without = format!("reply<5,3>{{{FIELDS}}}");
    assert_eq!(decode(with_it.as_bytes()), decode(without.as_bytes()));
}

#[test]
fn each_malformed_head_has_its_reason() {
    let kind = "it does not begin with req<, reply< or cs<";
    let head = "its head is not kind<clock,id>";
    let clock = "its clock is larger than 2^63 - 1";
    let id = "its id is larger than 65535";
    let text = "what follows its head is not (text)";
    for (datagram, why) in [
        (&b""[..], "it is empty"),
        (b"hello", kind),
        (b"REQ<2,1>", kind),
        (b" req<2,1>", kind),
        (b"req", kind),
        (b"\x00\xff\x1b", kind),
        (b"req<", head),
        (b"req<2", head),
        (b"req<2,1", head),
        (b"req<,1>", head),
        (b"req<2,>", head),
        (b"req<-2,1>", head),
        (b"req<2;1>", head),
        (b"req<0x2,1>", head),
        (b"req<9223372036854775808,1>", clock),
        (b"req<18446744073709551615,1>", clock),
        (b"req<100000000000000000000000000000,1>", clock),
        (b"req<2,65536>", id),
        (b"req<2,100000000000000000000000000000>", id),
        (b"cs<5,1>", text),
        (b"cs<5,1>(begins", text),
        (b"cs<5,1>)", text),
    ] {
        let shown = datagram.escape_ascii();
        assert_eq!(decode(datagram), Err(Malformed(why)), "{shown}");
    }
}

#[test]
fn the_largest_clock_and_id_are_read() {
    assert_eq!(
        decode(b"req<9223372036854775807,65535>"),
        original_request(i64::MAX as u64, u16::MAX)
    );
}

#[test]
fn a_challenge_and_its_response_have_one_nonce_and_the_response_is_not_longer() {
    let challenge = Challenge {
        from: NodeId(2),
        incarnation: INCARNATION,
        nonce: u64::MAX >> 1,
        group: GROUP,
    };
    let [asks, answers] = [false, true].map(|it| encode_challenge(&challenge, it));
    assert_eq!(
        asks,
        "challenge<9223372036854775807,2>\
         {\"incarnation\":\"9f86d081884c7d65\",\"group\":\"000000000000000b\"}"
    );
    assert!(answers.starts_with("response<9223372036854775807,2>{"));
    assert!(answers.len() <= asks.len());
    assert_eq!(decode(asks.as_bytes()), Ok(Datagram::Challenge(challenge)));
    assert_eq!(
        decode(answers.as_bytes()),
        Ok(Datagram::Response(challenge))
    );
    for field in [
        "\"leaves\":true",
        "\"echo\":1",
        "\"lock\":\"a\"",
        "\"later\":1",
    ] {
        let longer = asks.replace('}', &format!(",{field}}}"));
        assert!(decode(longer.as_bytes()).is_err(), "{field}");
    }
    let later = asks.replace('}', ",\"later?\":1}");
    assert_eq!(decode(later.as_bytes()), Ok(Datagram::Challenge(challenge)));
    assert!(decode(b"challenge<1,2>").is_err());
}
