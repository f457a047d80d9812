//! Datagrams that arrive from any address, at any socket, with a key and without.

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use turno::internals::group::Group;
use turno::internals::mutex::{Body, Effect, Incarnation, LockName, Message, Mode, NodeId, Origin};
use turno::internals::transport::{DropReason, Incoming, Socket, Transport};
use turno::internals::wire::{Datagram, GroupDigest, Key, decode};

use super::config;
use super::decoder::{Mutation, datagram, message, mutation};

const PORTS: [u16; 3] = [10_001, 10_002, 10_003];
const MEMBERS: u16 = 3;

/// The clock of the request of [`waiting`].
const REQUEST: u64 = 4;

fn transport(id: u16, key: Option<Key>) -> Transport {
    Transport::new(Group::on_loopback(id, &PORTS), Incarnation(id.into()), key)
}

/// Member 1, which has asked a peer that may be a process of the original.
fn waiting(key: Option<Key>) -> Transport {
    let mut transport = transport(1, key);
    let lock = LockName::default();
    let message = Message {
        from: NodeId(1),
        origin: Origin::Turno(Incarnation(1)),
        view: None,
        body: Body::Request {
            lock,
            clock: REQUEST,
            is_try: false,
            mode: Mode::Exclusive,
        },
    };
    sent(&mut transport, 2, message);
    transport
}

/// Returns the datagram with which this member sends a message, in its own name.
fn sent(by: &mut Transport, to: u16, mut message: Message) -> Vec<u8> {
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
        prop_oneof![Just(0), Just(REQUEST), any::<u64>()].prop_map(Socket::OfRequest),
    ]
}

fn source() -> impl Strategy<Value = SocketAddr> {
    let local = any::<u16>().prop_map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let elsewhere = any::<[u8; 16]>().prop_map(|ip| SocketAddr::from((ip, 10_002)));
    prop_oneof![3 => local, 1 => elsewhere]
}

/// Receives a datagram, and checks that a dropped one has changed nothing.
fn receive(
    by: &mut Transport,
    bytes: &[u8],
    source: SocketAddr,
    socket: Socket,
) -> Result<Incoming, DropReason> {
    let before = format!("{by:?}");
    let received = by.receive(bytes, source, socket);
    if received.is_err() {
        assert_eq!(
            format!("{by:?}"),
            before,
            "it was dropped, and changed something"
        );
    }
    received.map_err(|dropped| dropped.reason)
}

/// Checks an accepted message: a turno node has the same member list, and a reply
/// of the original answers the request of the socket where it arrived.
fn check_accepted(message: &Message, bytes: &[u8], ours: GroupDigest, socket: Socket) {
    match (&message.body, message.origin) {
        (Body::Reply { echo, .. }, Origin::Original) => {
            assert_eq!((echo.clock, socket), (REQUEST, Socket::OfRequest(REQUEST)));
        }
        (Body::Welcome { .. }, Origin::Original) => assert_eq!(socket, Socket::OfRequest(0)),
        (_, Origin::Original) => {}
        (_, Origin::Turno(_)) => {
            let Ok(Datagram::Message { group, .. }) = decode(bytes) else {
                panic!("it is of a turno node")
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
    fn without_a_key_a_member_is_accepted_only_from_its_own_host(
        mut bytes in prop_oneof![datagram(), vec(any::<u8>(), 0..200)],
        mutations in vec(mutation(), 0..4),
        source in source(),
        socket in socket(),
    ) {
        let mut one = waiting(None);
        for mutation in mutations {
            if let Ok(incoming) = receive(&mut one, &bytes, source, socket) {
                let Incoming::Lock { message, .. } = &incoming else {
                    continue;
                };
                let from = message.from;
                prop_assert!(!is_member(from) || source.ip().to_canonical().is_loopback());
                check_accepted(message, &bytes, one.group().digest, socket);
            }
            mutation.apply(&mut bytes);
        }
    }

    #[test]
    fn a_message_of_a_member_is_received_as_it_was_sent(
        message in message(),
        has_key: bool,
        from in 2..=MEMBERS,
        socket in socket(),
    ) {
        let key = has_key.then(|| key(1));
        let mut peer = transport(from, key.clone());
        let bytes = sent(&mut peer, 1, message.clone());
        let source = SocketAddr::from(([127, 0, 0, 1], 50_000));
        let received = receive(&mut waiting(key), &bytes, source, socket);
        let message = Message { from: NodeId(from), ..message };
        prop_assert_eq!(received, Ok(Incoming::Lock { message, reply_to: None }));
    }

    #[test]
    fn with_a_key_only_datagrams_signed_with_it_for_this_member_are_accepted(
        message in message(),
        from in 1..=MEMBERS,
        mutations in vec(mutation(), 1..6),
        bytes in prop_oneof![datagram(), vec(any::<u8>(), 0..200)],
        source in source(),
        socket in socket(),
    ) {
        let mut one = waiting(Some(key(1)));
        let genuine = sent(&mut transport(from, Some(key(1))), 1, message.clone());
        prop_assert!(receive(&mut one, &genuine, source, socket).is_ok());
        prop_assert!(receive(&mut one, &bytes, source, socket).is_err());
        let unsigned = sent(&mut transport(from, None), 1, message.clone());
        let other_key = sent(&mut transport(from, Some(key(2))), 1, message.clone());
        let to_another = sent(&mut transport(from, Some(key(1))), 2, message);
        for forged in [unsigned, other_key, to_another] {
            prop_assert!(receive(&mut one, &forged, source, socket).is_err());
        }
        let mut mutated = genuine.clone();
        for mutation in mutations {
            Mutation::apply(&mutation, &mut mutated);
            let is_accepted = receive(&mut one, &mutated, source, socket).is_ok();
            prop_assert!(!is_accepted || mutated == genuine, "{}", mutated.escape_ascii());
        }
    }

    #[test]
    fn a_signed_datagram_with_one_flipped_bit_is_dropped(
        message in message(),
        from in 1..=MEMBERS,
        bits in vec(any::<Index>(), 100),
    ) {
        let mut one = transport(1, Some(key(1)));
        let mut bytes = sent(&mut transport(from, Some(key(1))), 1, message);
        let source = SocketAddr::from(([127, 0, 0, 1], 50_000));
        for bit in bits {
            let bit = bit.index(bytes.len() * 8);
            let flip = |bytes: &mut [u8]| bytes[bit / 8] ^= 1 << (bit % 8);
            flip(&mut bytes);
            let received = one.receive(&bytes, source, Socket::Listening);
            prop_assert!(received.is_err(), "bit {bit}: {}", bytes.escape_ascii());
            flip(&mut bytes);
        }
    }
}
