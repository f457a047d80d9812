//! Datagrams that arrive from anywhere, at any socket, with a key and without.

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use turno::internals::group::Group;
use turno::internals::mutex::{Body, Effect, Incarnation, LockName, Message, NodeId, Origin};
use turno::internals::transport::{DropReason, Incoming, Socket, Transport};
use turno::internals::wire::{Datagram, GroupDigest, Key, decode};

use crate::config;
use crate::decoder::{Change, change, datagram, message};

const PORTS: [u16; 3] = [10_001, 10_002, 10_003];
const MEMBERS: u16 = 3;

/// The clock of our request.
const ASKED: u64 = 4;

fn transport(id: u16, key: Option<Key>) -> Transport {
    Transport::new(Group::on_loopback(id, &PORTS), Incarnation(id.into()), key)
}

/// Member 1, which has asked a peer that might be a seed peer.
fn asking(key: Option<Key>) -> Transport {
    let mut transport = transport(1, key);
    let lock = LockName::default();
    let message = Message {
        from: NodeId(1),
        origin: Origin::Turno(Incarnation(1)),
        body: Body::Request { lock, clock: ASKED },
    };
    say(&mut transport, 2, message);
    transport
}

/// The datagram with which this member says something, in its own name.
fn say(by: &mut Transport, to: u16, mut message: Message) -> Vec<u8> {
    message.from = by.group().id;
    let effect = Effect::Send {
        to: NodeId(to),
        reply_to: None,
        message,
        repetition: 0,
    };
    by.route(&effect).expect("it is sent").text
}

fn key(fill: u8) -> Key {
    Key::new([fill; 32])
}

fn socket() -> impl Strategy<Value = Socket> {
    prop_oneof![
        Just(Socket::Listening),
        prop_oneof![Just(0), Just(ASKED), any::<u64>()].prop_map(Socket::OfRequest),
    ]
}

fn source() -> impl Strategy<Value = SocketAddr> {
    let local = any::<u16>().prop_map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let elsewhere = any::<[u8; 16]>().prop_map(|ip| SocketAddr::from((ip, 10_002)));
    prop_oneof![3 => local, 1 => elsewhere]
}

/// Opens a datagram. If it is not heard nothing has changed.
fn open(
    by: &mut Transport,
    bytes: &[u8],
    source: SocketAddr,
    socket: Socket,
) -> Result<Incoming, DropReason> {
    let before = format!("{by:?}");
    let opened = by.receive(bytes, source, socket);
    if opened.is_err() {
        assert_eq!(
            format!("{by:?}"),
            before,
            "it was not heard, and changed something"
        );
    }
    opened.map_err(|dropped| dropped.reason)
}

/// A turno node has our list; a seed peer's reply is to what was asked from the
/// socket where it arrived.
fn check_heard(message: &Message, bytes: &[u8], ours: GroupDigest, socket: Socket) {
    match (&message.body, message.origin) {
        (Body::Reply { echo, .. }, Origin::Seed) => {
            assert_eq!((echo.clock, socket), (ASKED, Socket::OfRequest(ASKED)));
        }
        (Body::Welcome { .. }, Origin::Seed) => assert_eq!(socket, Socket::OfRequest(0)),
        (_, Origin::Seed) => {}
        (_, Origin::Turno(_)) => {
            let Ok(Datagram::Message { group, .. }) = decode(bytes) else {
                panic!("it is a turno node's")
            };
            assert_eq!(group, Some(ours));
        }
    }
}

fn is_member(id: NodeId) -> bool {
    (1..=MEMBERS).contains(&id.0)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn without_a_key_a_member_is_heard_from_its_own_host_alone(
        mut bytes in prop_oneof![datagram(), vec(any::<u8>(), 0..200)],
        changes in vec(change(), 0..4),
        source in source(),
        socket in socket(),
    ) {
        let mut one = asking(None);
        for change in changes {
            if let Ok(incoming) = open(&mut one, &bytes, source, socket) {
                let from = incoming.message.from;
                prop_assert!(!is_member(from) || source.ip().to_canonical().is_loopback());
                check_heard(&incoming.message, &bytes, one.group().digest, socket);
            }
            change.make(&mut bytes);
        }
    }

    #[test]
    fn whatever_a_member_says_is_heard_as_it_was_said(
        message in message(),
        has_key: bool,
        from in 2..=MEMBERS,
        socket in socket(),
    ) {
        let key = has_key.then(|| key(1));
        let mut peer = transport(from, key.clone());
        let said = say(&mut peer, 1, message.clone());
        let source = SocketAddr::from(([127, 0, 0, 1], 50_000));
        let heard = open(&mut asking(key), &said, source, socket);
        let meant = Message { from: NodeId(from), ..message };
        prop_assert_eq!(heard, Ok(Incoming { message: meant, reply_to: None }));
    }

    #[test]
    fn with_a_key_nothing_is_heard_but_what_was_signed_with_it_for_us(
        message in message(),
        from in 1..=MEMBERS,
        changes in vec(change(), 1..6),
        bytes in prop_oneof![datagram(), vec(any::<u8>(), 0..200)],
        source in source(),
        socket in socket(),
    ) {
        let mut one = asking(Some(key(1)));
        let ours = say(&mut transport(from, Some(key(1))), 1, message.clone());
        prop_assert!(open(&mut one, &ours, source, socket).is_ok());
        prop_assert!(open(&mut one, &bytes, source, socket).is_err());
        let unsigned = say(&mut transport(from, None), 1, message.clone());
        let others = say(&mut transport(from, Some(key(2))), 1, message.clone());
        let to_another = say(&mut transport(from, Some(key(1))), 2, message);
        for not_ours in [unsigned, others, to_another] {
            prop_assert!(open(&mut one, &not_ours, source, socket).is_err());
        }
        let mut changed = ours.clone();
        for change in changes {
            Change::make(&change, &mut changed);
            let is_heard = open(&mut one, &changed, source, socket).is_ok();
            prop_assert!(!is_heard || changed == ours, "{}", changed.escape_ascii());
        }
    }

    #[test]
    fn a_signed_datagram_of_which_one_bit_was_turned_is_not_heard(
        message in message(),
        from in 1..=MEMBERS,
        bits in vec(any::<Index>(), 100),
    ) {
        let mut one = transport(1, Some(key(1)));
        let mut said = say(&mut transport(from, Some(key(1))), 1, message);
        let source = SocketAddr::from(([127, 0, 0, 1], 50_000));
        for bit in bits {
            let bit = bit.index(said.len() * 8);
            let turn = |said: &mut [u8]| said[bit / 8] ^= 1 << (bit % 8);
            turn(&mut said);
            let heard = one.receive(&said, source, Socket::Listening);
            prop_assert!(heard.is_err(), "bit {bit}: {}", said.escape_ascii());
            turn(&mut said);
        }
    }
}
