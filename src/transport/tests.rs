use super::*;
use crate::mutex::Mode;

const PORTS: [u16; 3] = [10_001, 10_002, 10_003];
const NONCE: Incarnation = Incarnation(7);

fn group(id: u16) -> Group {
    Group::on_loopback(id, &PORTS)
}

fn key() -> Option<Key> {
    Some(Key::new([1; 32]))
}

/// Member 1.
fn transport(key: Option<Key>) -> Transport {
    Transport::new(group(1), NONCE, key)
}

/// Another member, as a turno node.
fn peer(id: u16, key: Option<Key>) -> Transport {
    Transport::new(group(id), Incarnation(id.into()), key)
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn request(clock: u64) -> Body {
    let lock = LockName::default();
    Body::Request {
        lock,
        clock,
        is_try: false,
        mode: Mode::Exclusive,
    }
}

/// A reply to the request of member 1 with this clock.
fn reply_to(request: u64, clock: u64) -> Body {
    Body::Reply {
        lock: LockName::default(),
        clock,
        echo: RequestId {
            clock: request,
            incarnation: NONCE,
        },
    }
}

/// A message about a lock, and where its answer goes.
#[derive(Debug, PartialEq, Eq)]
struct LockMessage {
    message: Message,
    reply_to: Option<SocketAddr>,
}

impl Transport {
    /// The datagram with which this member says something to another.
    fn send(&mut self, to: u16, body: Body, repetition: u32) -> Option<Outgoing> {
        let from = self.group.id;
        let origin = Origin::Turno(self.incarnation);
        self.route(&Effect::Send {
            to: NodeId(to),
            reply_to: None,
            message: Message {
                from,
                origin,
                view: None,
                body,
            },
            repetition,
        })
    }

    fn receive_from(&mut self, datagram: &[u8], port: u16) -> Result<LockMessage, DropReason> {
        self.receive_at(datagram, port, Socket::Listening)
    }

    fn receive_at(
        &mut self,
        datagram: &[u8],
        port: u16,
        socket: Socket,
    ) -> Result<LockMessage, DropReason> {
        let incoming = self.receive(datagram, local(port), socket);
        match incoming.map_err(|dropped| dropped.reason)? {
            Incoming::Lock { message, reply_to } => Ok(LockMessage { message, reply_to }),
            _ => panic!("about no lock"),
        }
    }

    /// Why a datagram from the address of member 2 is dropped.
    fn drop_reason(&mut self, datagram: &[u8]) -> DropReason {
        self.receive_from(datagram, 10_002).unwrap_err()
    }
}

#[test]
fn only_a_turno_node_is_asked_from_the_listening_socket() {
    let mut one = transport(None);
    let outgoing = one.send(2, request(4), 0).unwrap();
    assert_eq!(outgoing.socket, Socket::OfRequest(4));
    assert_eq!(outgoing.address, local(10_002));

    let hello = peer(2, None).send(1, Body::Hello, 0).unwrap();
    one.receive_from(&hello.text, 10_002).unwrap();
    assert!(one.turno_peers.contains(&NodeId(2)));
    let outgoing = one.send(2, request(4), 0).unwrap();
    assert_eq!(outgoing.socket, Socket::Listening);

    one.receive_from(b"req<2,2>", 50_000).unwrap();
    let outgoing = one.send(2, request(4), 1).unwrap();
    // An original peer may take a turno node's place.
    assert_eq!(outgoing.socket, Socket::OfRequest(4));
}

#[test]
fn the_socket_says_which_request_an_original_peers_reply_answers() {
    let mut one = transport(None);
    one.send(2, request(4), 0).unwrap();
    let reply = b"reply<5,2>";
    let incoming = one.receive_at(reply, 10_002, Socket::OfRequest(4));
    assert_eq!(incoming.unwrap().message.body, reply_to(4, 5));
    let at = |one: &mut Transport, socket| one.receive_at(reply, 10_002, socket);
    assert_eq!(at(&mut one, Socket::Listening), Err(DropReason::NoEcho));
    assert_eq!(at(&mut one, Socket::OfRequest(3)), Err(DropReason::NoEcho));
    one.retain(|_| false);
    assert_eq!(at(&mut one, Socket::OfRequest(4)), Err(DropReason::NoEcho));
}

#[test]
fn an_original_peers_reply_to_a_hello_tells_its_clock() {
    let mut one = transport(None);
    let hello = one.send(2, Body::Hello, 0).unwrap();
    assert_eq!(hello.socket, Socket::OfRequest(0));
    assert!(hello.text.starts_with(b"req<0,1>"));
    let incoming = one.receive_at(b"reply<5,2>", 10_002, Socket::OfRequest(0));
    let welcome = Body::Welcome {
        clock: 5,
        to: NONCE,
        again: false,
    };
    assert_eq!(incoming.unwrap().message.body, welcome);
}

#[test]
fn an_echo_counts_more_than_the_socket() {
    let mut one = transport(None);
    one.send(2, request(4), 0).unwrap();
    let late = reply_to(2, 9);
    let datagram = peer(2, None).send(1, late.clone(), 0).unwrap();
    let incoming = one.receive_at(&datagram.text, 10_002, Socket::OfRequest(4));
    assert_eq!(incoming.unwrap().message.body, late);
}

#[test]
fn an_original_peers_reply_goes_to_where_it_asked_from() {
    let mut one = transport(None);
    let incoming = one.receive_from(b"req<2,2>", 50_000).unwrap();
    assert_eq!(incoming.reply_to, Some(local(50_000)));
    let hello = peer(2, None).send(1, Body::Hello, 0).unwrap();
    let incoming = one.receive_from(&hello.text, 50_000).unwrap();
    assert_eq!(incoming.reply_to, None, "a turno node listens");
}

#[test]
fn most_repetitions_to_a_possible_original_peer_are_not_sent() {
    let mut one = transport(None);
    let asked = (0..1000).filter(|sent| one.send(2, request(4), *sent).is_some());
    assert_eq!(asked.count(), 1 + 3 + 124, "0; 1, 2, 4; 8, 16, ..., 992");
    let hello = peer(2, None).send(1, Body::Hello, 0).unwrap();
    one.receive_from(&hello.text, 10_002).unwrap();
    let asked = (0..1000).filter(|sent| one.send(2, request(4), *sent).is_some());
    assert_eq!(asked.count(), 1000);
}

#[test]
fn without_a_key_only_members_hosts_are_accepted() {
    let mut one = transport(None);
    let elsewhere = SocketAddr::from(([192, 0, 2, 7], 10_002));
    for datagram in [&b"req<2,2>"[..], b"reply<2,2>"] {
        let (from, expected) = (NodeId(2), Some(local(10_002)));
        let dropped = one.receive(datagram, elsewhere, Socket::Listening);
        let reason = DropReason::ForeignHost { from, expected };
        assert_eq!(dropped.unwrap_err().reason, reason);
    }
    let hello = peer(2, key()).send(1, Body::Hello, 0).unwrap();
    let incoming = transport(key()).receive(&hello.text, elsewhere, Socket::Listening);
    assert!(incoming.is_ok());
}

#[test]
fn with_a_key_only_datagrams_signed_for_this_member_are_accepted() {
    let mut one = transport(key());
    let hello = peer(2, key()).send(1, Body::Hello, 0).unwrap().text;
    assert!(one.receive_from(&hello, 10_002).is_ok());

    let unsigned = peer(2, None).send(1, Body::Hello, 0).unwrap().text;
    for unsigned in [unsigned.as_slice(), b"req<2,2>", b"reply<2,2>"] {
        assert_eq!(one.drop_reason(unsigned), DropReason::Unsigned);
    }

    let to_another = peer(2, key()).send(3, Body::Hello, 0).unwrap().text;
    assert_eq!(one.drop_reason(&to_another), DropReason::Forged);
    let in_anothers_name = str::from_utf8(&hello).unwrap();
    let in_anothers_name = in_anothers_name.replace("req<0,2>", "req<0,3>");
    let reason = one.drop_reason(in_anothers_name.as_bytes());
    assert_eq!(reason, DropReason::Forged);
    for place in 0..hello.len() {
        let mut changed = hello.clone();
        changed[place] ^= 1;
        assert!(one.receive_from(&changed, 10_002).is_err(), "byte {place}");
    }
    let another_key = Some(Key::new([2; 32]));
    let forged = peer(2, another_key).send(1, Body::Hello, 0).unwrap().text;
    assert_eq!(one.drop_reason(&forged), DropReason::Forged);
}

#[test]
fn a_signed_datagram_without_a_tail_is_not_accepted() {
    let mut datagram = b"req<2,2>".to_vec();
    let (key, group) = (key().unwrap(), group(1).digest);
    key.sign(group, NodeId(2), NodeId(1), &mut datagram);
    let reason = transport(Some(key)).drop_reason(&datagram);
    assert_eq!(reason, DropReason::Unsigned);
}

#[test]
fn without_a_key_a_signed_datagram_is_named_so() {
    let hello = peer(2, key()).send(1, Body::Hello, 0).unwrap().text;
    assert_eq!(transport(None).drop_reason(&hello), DropReason::Signed);
}

#[test]
fn a_datagram_with_another_member_list_is_dropped_and_named() {
    for key in [None, key()] {
        let mut other = peer(2, key.clone());
        other.group = Group::on_loopback(2, &[10_001, 10_002]);
        let hello = other.send(1, Body::Hello, 0).unwrap();
        let mut one = transport(key);
        let (from, run) = (NodeId(2), Incarnation(2));
        let asks = Some(run);
        let group = other.group.digest;
        let reason = DropReason::OtherList { from, group, asks };
        assert_eq!(one.drop_reason(&hello.text), reason);
        assert!(!one.turno_peers.contains(&from));
        // So it learns of it too, and that is the end of it.
        let objection = one.objection(from, run, local(10_002));
        let (from, group, asks) = (NodeId(1), one.group.digest, None);
        let dropped = other.receive_from(&objection.text, 10_001);
        assert_eq!(dropped, Err(DropReason::OtherList { from, group, asks }));
    }
}

#[test]
fn a_datagram_for_the_critical_section_is_dropped() {
    let mut one = transport(None);
    let reason = one.drop_reason(b"cs<5,2>(text)");
    assert_eq!(reason, DropReason::ForSection);
    let malformed = wire::decode(b"rubbish").unwrap_err();
    let reason = one.drop_reason(b"rubbish");
    assert_eq!(reason, DropReason::Malformed(malformed));
}

#[test]
fn a_datagram_to_the_own_address_comes_back_with_its_source() {
    let mut one = transport(None);
    let hello = one.send(1, Body::Hello, 0).unwrap();
    assert_eq!(hello.socket, Socket::Listening);
    assert_eq!(hello.address, local(10_001));
    let incoming = one.receive_from(&hello.text, 50_000).unwrap();
    assert_eq!(incoming.reply_to, Some(local(50_000)));
}

#[test]
fn only_members_with_a_key_challenge_each_other() {
    let challenge = |key, is_response| {
        let outgoing = peer(2, key).challenge(NodeId(1), local(10_001), 7, is_response);
        assert_eq!(outgoing.socket, Socket::Listening);
        outgoing.text
    };
    let (from, nonce) = (NodeId(2), 7);
    // Where it comes from makes no difference.
    for (is_response, incoming) in [
        (false, Incoming::Challenge { from, nonce }),
        (true, Incoming::Response { from, nonce }),
    ] {
        let text = challenge(key(), is_response);
        let received = transport(key()).receive(&text, local(9), Socket::Listening);
        assert_eq!(received, Ok(incoming));
        let text = challenge(None, is_response);
        assert_eq!(transport(None).drop_reason(&text), DropReason::NoKey);
        assert_eq!(transport(key()).drop_reason(&text), DropReason::Unsigned);
    }
}
