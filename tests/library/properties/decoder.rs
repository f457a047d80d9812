//! Random datagrams: any bytes, what turno sends, and mutations of that.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use turno::internals::mutex::MAX_CLOCK;
use turno::internals::mutex::{
    Body, First, Incarnation, LockName, Message, Mode, NodeId, Origin, RequestId, Timestamp,
};
use turno::internals::wire::{
    Datagram, GroupDigest, Heard, SectionMessage, decode, encode, encode_up,
};

use super::config;
use super::decoder_laws::check;
use super::original_scan::scan;

fn lock_name() -> impl Strategy<Value = LockName> {
    "\\PC{0,32}".prop_map(|text| LockName::new(&text).expect("at most 128 bytes, no control"))
}

fn clock() -> impl Strategy<Value = u64> {
    prop_oneof![0..20_u64, 0..=MAX_CLOCK, Just(MAX_CLOCK)]
}

fn echo() -> impl Strategy<Value = RequestId> {
    (1_u64.., any::<u64>()).prop_map(|(clock, incarnation)| RequestId {
        clock,
        incarnation: Incarnation(incarnation),
    })
}

/// All that a turno node can send. (No request has clock 0, and no echo names 0.)
fn body() -> impl Strategy<Value = Body> {
    prop_oneof![
        (lock_name(), 1..=MAX_CLOCK, any::<bool>(), any::<bool>()).prop_map(
            |(lock, clock, is_try, is_shared)| Body::Request {
                lock,
                clock,
                is_try,
                mode: if is_shared {
                    Mode::Shared
                } else {
                    Mode::Exclusive
                },
            }
        ),
        (lock_name(), clock(), echo(), any::<bool>()).prop_map(|(lock, clock, echo, is_held)| {
            Body::Note {
                lock,
                clock,
                echo,
                first: if is_held { First::Held } else { First::Ahead },
            }
        }),
        (lock_name(), clock(), echo()).prop_map(|(lock, clock, echo)| Body::Reply {
            lock,
            clock,
            echo
        }),
        (lock_name(), clock(), echo()).prop_map(|(lock, clock, echo)| Body::Superseded {
            lock,
            clock,
            echo
        }),
        Just(Body::Hello),
        (clock(), any::<u64>(), any::<bool>()).prop_map(|(clock, to, again)| Body::Welcome {
            clock,
            to: Incarnation(to),
            again,
        }),
    ]
}

pub fn message() -> impl Strategy<Value = Message> {
    (any::<u16>(), any::<u64>(), body()).prop_map(|(from, incarnation, body)| Message {
        from: NodeId(from),
        origin: Origin::Turno(Incarnation(incarnation)),
        view: None,
        body,
    })
}

fn of_turno() -> impl Strategy<Value = Vec<u8>> {
    (message(), any::<u64>())
        .prop_map(|(message, group)| encode(&message, GroupDigest(group)).into_bytes())
}

/// A head as another program might write it, most of them near misses.
fn head() -> impl Strategy<Value = String> {
    let kind = select(vec![
        "req<", "reply<", "cs<", "req", "REQ<", " req<", "cs<<",
    ]);
    let number = "[ \\t\\r\\n\u{a0}]{0,1}[+-]{0,1}[0_]{0,3}[0-9]{0,20}[a-fx.]{0,1}";
    let end = select(vec![">", ">>", "", ")", " >"]);
    (
        kind,
        number,
        select(vec![",", ", ", " ,", ";"]),
        number,
        end,
    )
        .prop_map(|(kind, clock, comma, id, end)| format!("{kind}{clock}{comma}{id}{end}"))
}

/// A tail whose fields have values of all kinds.
fn tail() -> impl Strategy<Value = String> {
    let field = select(vec![
        "incarnation",
        "group",
        "lock",
        "echo",
        "to",
        "again",
        "later?",
        "unknown",
    ]);
    let value = prop_oneof![
        "\"[0-9a-f]{16}\"",
        "\"\\PC{0,20}\"",
        select(vec![
            "null",
            "true",
            "0",
            "1",
            "-1",
            "1.5",
            "1e400",
            "18446744073709551616",
            "[]",
            "{}",
            "{\"echo\":1}",
            "\"\\u0061\"",
            "\"\\ud800\"",
            "\"\\u0000\"",
            "nul",
            "\"",
        ])
        .prop_map(str::to_owned),
    ];
    vec((field, value), 0..7).prop_map(|fields| {
        let fields: Vec<String> = fields
            .into_iter()
            .map(|(field, value)| format!("\"{field}\":{value}"))
            .collect();
        format!("{{{}}}", fields.join(","))
    })
}

pub fn datagram() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        of_turno(),
        (
            head(),
            prop_oneof![Just(String::new()), tail(), "\\PC{0,9}"]
        )
            .prop_map(|(head, tail)| format!("{head}{tail}").into_bytes()),
        (1..=MAX_CLOCK, any::<u16>(), tail())
            .prop_map(|(clock, id, tail)| format!("reply<{clock},{id}>{tail}").into_bytes()),
        (any::<u16>(), vec(any::<u8>(), 0..40)).prop_map(|(id, text)| SectionMessage {
            stamp: Timestamp {
                clock: 5,
                id: NodeId(id)
            },
            text,
        }
        .encode()),
    ]
}

/// A mutation of a datagram, by the network or by an attacker.
#[derive(Clone, Debug)]
pub enum Mutation {
    Flip(Index, u8),
    Write(Index, u8),
    Insert(Index, Vec<u8>),
    Cut(Index),
    Remove(Index),
    Repeat(Index),
}

pub fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<Index>;
    let word = select(vec![
        "<", ",", ">", "{", "}", "\"", ":", "#", "0", "req<1,1>", "\\u",
    ]);
    prop_oneof![
        4 => (place(), 0..8_u8).prop_map(|(place, bit)| Mutation::Flip(place, bit)),
        1 => (place(), any::<u8>()).prop_map(|(place, byte)| Mutation::Write(place, byte)),
        1 => (place(), vec(any::<u8>(), 1..4)).prop_map(|(place, bytes)| Mutation::Insert(place, bytes)),
        1 => (place(), word).prop_map(|(place, word)| Mutation::Insert(place, word.into())),
        1 => place().prop_map(Mutation::Cut),
        1 => place().prop_map(Mutation::Remove),
        1 => place().prop_map(Mutation::Repeat),
    ]
}

impl Mutation {
    pub fn apply(&self, datagram: &mut Vec<u8>) {
        if datagram.is_empty() {
            return;
        }
        let length = datagram.len();
        match self {
            Mutation::Flip(place, bit) => datagram[place.index(length)] ^= 1 << bit,
            Mutation::Write(place, byte) => datagram[place.index(length)] = *byte,
            Mutation::Insert(place, bytes) => {
                let place = place.index(length);
                datagram.splice(place..place, bytes.iter().copied());
            }
            Mutation::Cut(place) => datagram.truncate(place.index(length)),
            Mutation::Remove(place) => drop(datagram.remove(place.index(length))),
            Mutation::Repeat(place) => datagram.extend_from_within(place.index(length)..),
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_are_decoded_lawfully(bytes in vec(any::<u8>(), 0..200)) {
        check(&bytes);
        for kind in ["req<", "reply<", "cs<", "req<2,1>{", "reply<2,1>{", "cs<2,1>("] {
            check(&[kind.as_bytes(), &bytes].concat());
        }
    }

    #[test]
    fn a_mutated_datagram_is_decoded_lawfully(
        mut datagram in datagram(),
        mutations in vec(mutation(), 0..8),
    ) {
        check(&datagram);
        for mutation in mutations {
            mutation.apply(&mut datagram);
            check(&datagram);
        }
    }

    #[test]
    fn a_message_decodes_to_what_was_encoded(message in message(), group: u64) {
        let group = GroupDigest(group);
        let text = encode(&message, group);
        check(text.as_bytes());
        let decoded = decode(text.as_bytes());
        let sent = Datagram::Message { message, group: Some(group) };
        prop_assert_eq!(decoded.as_ref(), Ok(&sent));
        let Ok(Datagram::Message { message, group: Some(group) }) = decoded else {
            panic!("it is of a turno node")
        };
        prop_assert_eq!(encode(&message, group), text);
    }

    #[test]
    fn a_member_that_is_up_decodes_to_what_was_encoded(
        id: u16,
        run: u64,
        count in clock(),
        leaves: bool,
        heard: Option<Option<u64>>,
        group: u64,
    ) {
        let (from, incarnation, group) = (NodeId(id), Incarnation(run), GroupDigest(group));
        let heard = heard.map(|ms| ms.map_or(Heard::Never, Heard::MillisAgo));
        let text = encode_up(from, incarnation, count, leaves, heard, group);
        check(text.as_bytes());
        let sent = Datagram::Up { from, incarnation, count, leaves, heard, group };
        prop_assert_eq!(decode(text.as_bytes()), Ok(sent));
    }

    /// The original also reads signs and blanks before a number, any id, and a head
    /// that is cut off after the two numbers. Turno rejects all that, because no
    /// program of a group writes it. Plain digits both read alike.
    #[test]
    fn a_head_of_plain_digits_is_decoded_if_the_original_reads_it_and_its_id_is_possible(
        clock in "[0-9]{0,21}",
        id in prop_oneof!["[0-9]{0,5}", "[0-9]{0,21}"],
    ) {
        let datagram = format!("req<{clock},{id}>");
        let scanned = scan(datagram.as_bytes(), "req");
        let is_possible = |(_, id): &(i64, i64)| u16::try_from(*id).is_ok();
        prop_assert_eq!(decode(datagram.as_bytes()).is_ok(), scanned.filter(is_possible).is_some());
    }
}

#[test]
fn a_head_that_the_original_reads_but_no_program_writes_is_rejected() {
    for (head, scanned) in [
        ("req<+2,1>", (2, 1)),
        ("req<-2,1>", (-2, 1)),
        ("req< 2,1>", (2, 1)),
        ("req<2,\t1>", (2, 1)),
        ("req<2,\u{a0}1>", (2, 1)),
        ("req<2,65536>", (2, 65_536)),
        ("req<2,1", (2, 1)),
        ("req<2,1 >", (2, 1)),
    ] {
        assert_eq!(scan(head.as_bytes(), "req"), Some(scanned), "{head}");
        assert!(decode(head.as_bytes()).is_err(), "{head}");
    }
    for neither in [
        "req<\n2,1>",
        "req<2 ,1>",
        "req<9223372036854775808,1>",
        "req<_2,1>",
    ] {
        assert_eq!(scan(neither.as_bytes(), "req"), None, "{neither}");
        assert!(decode(neither.as_bytes()).is_err(), "{neither}");
    }
}
