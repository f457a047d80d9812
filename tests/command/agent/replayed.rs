//! Datagrams of a member that arrive from elsewhere: it may have moved, or they may be
//! repeated. The test itself is that member, and the attacker that repeats what it sends.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use serde_json::Value;
use turno::internals::mutex::{Incarnation, NodeId};
use turno::internals::wire::{self, Challenge, Datagram, GroupDigest, Key, Signed};

use super::machines::Machines;
use crate::fixtures::program::Program;
use crate::fixtures::wait::eventually;

/// How long datagrams are repeated: longer than a trial of addresses takes, twice.
const LONG: Duration = Duration::from_secs(5);

/// How many datagrams a stranger gets in that time at most: four a second.
const MAX_TO_STRANGER: usize = 4 * 5 + 2;

/// An agent, and the key and the address of the other member, which is this test.
struct Case {
    machines: Machines,
    agent: Program,
    address: SocketAddr,
    digest: GroupDigest,
    count: u64,
}

fn key() -> Key {
    Key::new([5; 32])
}

impl Case {
    /// Returns it with the socket at the member's address.
    fn start() -> (Self, UdpSocket) {
        let machines = Machines::with_agents(2, &[]);
        let file = machines.path("key");
        fs::write(&file, key().to_secret_text()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let file = file.display().to_string();
        let options = ["--key", &file];
        let agent = machines.agent(1, &machines.socket(1), &options, &machines.members);
        let [address, other] = [0, 1].map(|place| format!("127.0.0.1{}", machines.members[place]));
        let digest = GroupDigest::of(&machines.members);
        let case = Case {
            machines,
            agent,
            address: address.parse().unwrap(),
            digest,
            count: 0,
        };
        (case, socket(&other))
    }

    fn signed(&self, text: String) -> Vec<u8> {
        let mut datagram = text.into_bytes();
        key().sign(self.digest, NodeId(2), NodeId(1), &mut datagram);
        datagram
    }

    /// A datagram of the member that says that it is up.
    fn up(&mut self) -> Vec<u8> {
        self.count += 1;
        let text = wire::encode_up(
            NodeId(2),
            Incarnation(2),
            self.count,
            false,
            None,
            self.digest,
        );
        self.signed(text)
    }

    fn send(&self, from: &UdpSocket, datagram: &[u8]) {
        from.send_to(datagram, self.address).unwrap();
    }

    /// Answers the challenge, if this is one, as the member would.
    fn response(&self, datagram: &[u8]) -> Option<Vec<u8>> {
        // A probe of the port is empty.
        let signed = Signed::split(datagram)?;
        let Ok(Datagram::Challenge(challenge)) = wire::decode(signed.text) else {
            return None;
        };
        let response = Challenge {
            from: NodeId(2),
            incarnation: Incarnation(2),
            ..challenge
        };
        let response = self.signed(wire::encode_challenge(&response, true));
        assert!(response.len() <= datagram.len());
        Some(response)
    }

    /// Answers what has arrived at this socket; returns how many datagrams that were.
    fn answer(&self, at: &UdpSocket) -> usize {
        let arrived = arrived(at);
        for (datagram, source) in &arrived {
            if let Some(response) = self.response(datagram) {
                at.send_to(&response, source).unwrap();
            }
        }
        arrived.len()
    }

    /// What the agent knows of the member.
    fn peer(&self) -> Value {
        let status: Value = serde_json::from_str(&self.machines.status(1, &["--json"])).unwrap();
        status["node"]["peers"][0].clone()
    }

    /// The member is heard at its address in the list.
    fn heard(&mut self, at: &UdpSocket) {
        eventually("the member is heard", || {
            let up = self.up();
            self.send(at, &up);
            self.answer(at);
            self.peer()["heard_ms"].is_u64().then_some(())
        });
    }

    fn has_not_moved(&self, from: &UdpSocket) {
        let address = from.local_addr().unwrap().to_string();
        let peer = self.peer();
        assert_eq!(peer["address"], address);
        assert_eq!(peer["moved_from"], Value::Null);
        assert_eq!(self.agent.count(" now, was "), 0);
    }
}

fn socket(address: &str) -> UdpSocket {
    let socket = eventually("the port is free", || UdpSocket::bind(address).ok());
    socket
        .set_read_timeout(Some(Duration::from_millis(5)))
        .unwrap();
    socket
}

fn arrived(at: &UdpSocket) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut buffer = [0; 65_535];
    let next = || {
        let (length, source) = at.recv_from(&mut buffer).ok()?;
        Some((buffer[..length].to_vec(), source))
    };
    std::iter::from_fn(next).collect()
}

/// Calls this again and again, for [`LONG`].
fn for_long(mut call: impl FnMut()) {
    let end = Instant::now() + LONG;
    while Instant::now() < end {
        call();
    }
}

fn is_challenge(datagram: &[u8]) -> bool {
    datagram.starts_with(b"challenge<")
}

#[test]
fn a_datagram_that_is_repeated_from_elsewhere_diverts_nothing() {
    let (mut case, member) = Case::start();
    case.heard(&member);
    let up = case.up();
    case.send(&member, &up);
    let elsewhere = socket("127.0.0.1:0");
    let mut to_stranger = Vec::new();
    // It repeats what the member has sent, and what it gets itself.
    for_long(|| {
        case.send(&elsewhere, &up);
        for (datagram, _) in arrived(&elsewhere) {
            case.send(&elsewhere, &datagram);
            to_stranger.push(datagram);
        }
        case.answer(&member);
    });
    case.has_not_moved(&member);
    assert!(to_stranger.iter().all(|it| is_challenge(it)));
    assert!(
        (1..=MAX_TO_STRANGER).contains(&to_stranger.len()),
        "{}",
        to_stranger.len()
    );
}

#[test]
fn a_datagram_that_is_repeated_diverts_nothing_though_the_member_is_down() {
    let (mut case, member) = Case::start();
    case.heard(&member);
    let up = case.up();
    let elsewhere = socket("127.0.0.1:0");
    // The member's answer to a challenge that is over when it is repeated.
    let late = eventually("a challenge", || {
        case.send(&elsewhere, &up);
        let arrived = arrived(&elsewhere).into_iter();
        arrived.filter_map(|(it, _)| case.response(&it)).next()
    });
    for_long(|| {
        case.answer(&member);
    });
    let mut challenges = 0;
    for_long(|| {
        for datagram in [&up, &late] {
            case.send(&elsewhere, datagram);
        }
        challenges += arrived(&elsewhere).len();
    });
    // None, if that address was found no better than the member's while that still answered.
    assert!(challenges <= MAX_TO_STRANGER, "{challenges}");
    case.has_not_moved(&member);
}

/// Who forwards the challenges to the member, and its responses back, has an address that
/// answers too. It is not used while the member answers at its own.
#[test]
fn a_forwarder_diverts_nothing_while_the_member_answers_itself() {
    let (mut case, member) = Case::start();
    case.heard(&member);
    let elsewhere = socket("127.0.0.1:0");
    let mut forwarded = 0;
    for_long(|| {
        let up = case.up();
        case.send(&elsewhere, &up);
        for (datagram, _) in arrived(&elsewhere) {
            let response = case.response(&datagram).expect("a challenge");
            case.send(&elsewhere, &response);
            forwarded += 1;
        }
        case.answer(&member);
    });
    assert!(forwarded > 0);
    case.has_not_moved(&member);
}

#[test]
fn a_member_that_answers_a_fresh_nonce_elsewhere_has_moved() {
    let (mut case, member) = Case::start();
    case.heard(&member);
    let before = member.local_addr().unwrap();
    drop(member);
    let member = socket("127.0.0.1:0");
    let now = member.local_addr().unwrap();
    let moved = format!(
        "{} (2) is at {now} now, was {before}",
        case.machines.members[1]
    );
    eventually("the member has moved", || {
        let up = case.up();
        case.send(&member, &up);
        case.answer(&member);
        (case.agent.count(&moved) == 1).then_some(())
    });
    assert_eq!(case.peer()["address"], now.to_string());
    assert_eq!(case.peer()["moved_from"], before.to_string());
    // What the agent asks arrives there.
    let lock = case.machines.lock(1, &["-w", "60"], "job", &["true"]);
    eventually("a request", || {
        let is_asked = |(datagram, _): &(Vec<u8>, _)| datagram.starts_with(b"req<");
        arrived(&member).iter().any(is_asked).then_some(())
    });
    drop(lock);
    // It is back at its address in the list, which is preferred.
    drop(member);
    let member = socket(&before.to_string());
    eventually("the member is back", || {
        let up = case.up();
        case.send(&member, &up);
        case.answer(&member);
        (case.peer()["address"] == before.to_string()).then_some(())
    });
}
