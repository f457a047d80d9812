//! A bad network between real processes: a relay that loses, repeats and holds
//! back datagrams.
//!
//! The member list names the relay's ports, one *public port* for each member, and
//! each process listens at a port that the list does not name. A datagram to a
//! public port leaves for the process behind it from a socket that belongs to its
//! sender and this public port alone: a *flow*, as in a NAT. So an answer to the
//! address that the process sees comes back through the relay, to the very socket
//! that asked, and no datagram between processes bypasses it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};

use crate::fixtures::random::Random;
use crate::fixtures::wait::eventually;

/// What the relay does to a datagram, each in percent.
#[derive(Clone, Copy)]
pub struct Faults {
    pub lost: u64,
    pub repeated: u64,
    /// Delayed until later ones overtake it.
    pub held_back: u64,
}

impl Faults {
    pub const NONE: Faults = Faults {
        lost: 0,
        repeated: 0,
        held_back: 0,
    };
}

/// The longest time in microseconds that a datagram takes if it is not held back, if
/// it is, and if it is a second copy, whose entry may be long past by then.
const IN_TRANSIT: u64 = 1_000;
const HELD_BACK: u64 = 15_000;
const REPEATED: u64 = 150_000;

/// How long the network is bad. Afterwards each process that still waits must
/// enter soon.
const BAD_FOR: Duration = Duration::from_secs(15);

/// The relay closes the least recently used flow before it opens one more.
const MAX_FLOWS: usize = 128;

/// A running relay.
pub struct Relay {
    record: Arc<Mutex<Record>>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

/// What has passed through so far.
#[derive(Default)]
struct Record {
    figures: Figures,
    captured: Vec<Captured>,
    /// The members that are cut off.
    cut: BTreeSet<usize>,
    /// From whom nothing reaches whom.
    cut_ways: BTreeSet<(usize, usize)>,
    is_over: bool,
}

/// How many datagrams arrived, and what became of them.
#[derive(Clone, Copy, Default)]
pub struct Figures {
    pub arrived: u64,
    pub lost: u64,
    pub repeated: u64,
    pub held_back: u64,
    /// Delivered after one that arrived later.
    pub overtaken: u64,
    /// Returned to the sender that opened their flow.
    pub back: u64,
    /// Flows that were opened.
    pub flows: u64,
}

/// A datagram that arrived at a public port.
#[derive(Clone)]
pub struct Captured {
    /// The member behind that port.
    pub to: usize,
    pub text: Vec<u8>,
}

impl Relay {
    /// Opens the public ports. The first pair is member 1's: its public port and the
    /// port where it listens.
    pub fn start(ports: &[(u16, u16)], faults: Faults, random: Random) -> Self {
        let poll = Poll::new().unwrap();
        let waker = Waker::new(poll.registry(), WAKER).unwrap();
        let record = Arc::<Mutex<Record>>::default();
        let mut thread = Thread {
            poll,
            public_ports: Vec::new(),
            flows: BTreeMap::new(),
            in_transit: BTreeMap::new(),
            opened: 0,
            faults,
            heals: Instant::now() + BAD_FOR,
            random,
            record: Arc::clone(&record),
        };
        for (index, (public, inside)) in ports.iter().enumerate() {
            let socket = thread.open(*public, Token(index));
            let inside = SocketAddr::from((Ipv4Addr::LOCALHOST, *inside));
            thread.public_ports.push(PublicPort { socket, inside });
        }
        let thread = thread::spawn(move || thread.run());
        Relay {
            record,
            waker,
            thread: Some(thread),
        }
    }

    pub fn figures(&self) -> Figures {
        self.record().figures
    }

    /// All datagrams that arrived at a public port so far, in order.
    pub fn captured(&self) -> Vec<Captured> {
        self.record().captured.clone()
    }

    /// Loses every datagram from and to this member from now on.
    pub fn cut(&self, member: usize) {
        self.record().cut.insert(member);
    }

    /// Connects it again.
    pub fn heal(&self, member: usize) {
        self.record().cut.remove(&member);
    }

    /// Loses every datagram of one member to another from now on, and none of the other to
    /// the one.
    pub fn cut_way(&self, from: usize, to: usize) {
        self.record().cut_ways.insert((from, to));
    }

    /// Connects all ways again.
    pub fn heal_ways(&self) {
        self.record().cut_ways.clear();
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // The test may have failed because the relay did.
        if let Ok(mut record) = self.record.lock() {
            record.is_over = true;
        }
        let _ = self.waker.wake();
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            eprintln!("the relay failed");
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
            arrived,
            lost,
            repeated,
            held_back,
            overtaken,
            back,
            flows,
        } = self;
        write!(
            f,
            "{arrived} datagrams: {lost} lost, {repeated} repeated, {held_back} held back, {overtaken} overtaken; {back} back through {flows} flows"
        )
    }
}

/// The thread of the relay, which owns everything else.
struct Thread {
    poll: Poll,
    public_ports: Vec<PublicPort>,
    flows: BTreeMap<FlowKey, Flow>,
    /// Datagrams to deliver, by due time and then by arrival.
    in_transit: BTreeMap<(Instant, u64), Parcel>,
    opened: usize,
    faults: Faults,
    heals: Instant,
    random: Random,
    record: Arc<Mutex<Record>>,
}

/// The index of a public port, and its token. The tokens of the flows follow.
type PortIndex = usize;

/// The sender of a datagram, and the public port that it was sent to.
type FlowKey = (SocketAddr, PortIndex);

struct PublicPort {
    socket: UdpSocket,
    inside: SocketAddr,
}

struct Flow {
    token: Token,
    socket: UdpSocket,
    used: Instant,
    /// The latest arrival that was delivered, by direction.
    latest: [u64; 2],
}

/// A datagram in transit.
struct Parcel {
    flow: FlowKey,
    direction: Direction,
    arrival: u64,
    text: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum Direction {
    /// To the member behind the public port.
    In,
    /// Back to the sender.
    Back,
}

/// The id in the head of a datagram, `kind<clock,id>`.
fn named_sender(text: &[u8]) -> Option<usize> {
    let head = text.split(|byte| *byte == b'>').next()?;
    let id = head.rsplit(|byte| *byte == b',').next()?;
    str::from_utf8(id).ok()?.parse().ok()
}

const WAKER: Token = Token(usize::MAX);

impl Thread {
    fn run(mut self) {
        let mut events = Events::with_capacity(64);
        while !self.record.lock().unwrap().is_over {
            let next = self.in_transit.keys().next();
            let timeout = next.map(|(due, _)| due.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                done => done.unwrap(),
            }
            for token in events.iter().map(mio::event::Event::token) {
                self.receive(token);
            }
            self.deliver();
        }
    }

    /// Receives all that has arrived at this socket.
    fn receive(&mut self, token: Token) {
        let mut buffer = [0; 65_535];
        if let Some(port) = self.public_ports.get(token.0) {
            let mut arrived = Vec::new();
            while let Ok((length, source)) = port.socket.recv_from(&mut buffer) {
                arrived.push((source, buffer[..length].to_vec()));
            }
            for (source, text) in arrived {
                self.arrived((source, token.0), Direction::In, text);
            }
        } else if let Some((key, flow)) = self.flows.iter().find(|(_, flow)| flow.token == token) {
            let (key, inside) = (*key, self.public_ports[key.1].inside);
            let mut arrived = Vec::new();
            while let Ok((length, source)) = flow.socket.recv_from(&mut buffer) {
                // Like a NAT, only from the member.
                if source == inside {
                    arrived.push(buffer[..length].to_vec());
                }
            }
            for text in arrived {
                self.arrived(key, Direction::Back, text);
            }
        }
    }

    /// Decides what happens to a datagram.
    fn arrived(&mut self, flow: FlowKey, direction: Direction, text: Vec<u8>) {
        if Instant::now() >= self.heals {
            self.faults = Faults::NONE;
        }
        let Faults {
            lost,
            repeated,
            held_back,
        } = self.faults;
        let ports = self.public_ports.iter();
        let sender = ports.zip(1..).find(|(port, _)| port.inside == flow.0);
        let ends = [Some(flow.1 + 1), sender.map(|(_, member)| member)];
        let mut record = self.record.lock().unwrap();
        record.figures.arrived += 1;
        // A request to an original peer comes from a socket of its own.
        let named = named_sender(&text);
        let is_way_cut = |(from, to): &(usize, usize)| match direction {
            Direction::In => named == Some(*from) && flow.1 + 1 == *to,
            Direction::Back => flow.1 + 1 == *from && ends[1] == Some(*to),
        };
        let mut members = ends.iter().flatten();
        if members.any(|member| record.cut.contains(member))
            || record.cut_ways.iter().any(is_way_cut)
        {
            record.figures.lost += 1;
            return;
        }
        if direction == Direction::In {
            let (to, text) = (flow.1 + 1, text.clone());
            record.captured.push(Captured { to, text });
        } else {
            record.figures.back += 1;
        }
        let figures = &mut record.figures;
        let is_faulty = lost + repeated + held_back > 0;
        let mut delays = Vec::new();
        if self.random.chance(lost) {
            figures.lost += 1;
        } else if self.random.chance(held_back) {
            figures.held_back += 1;
            delays.push(self.random.within(IN_TRANSIT..=HELD_BACK));
        } else if is_faulty {
            delays.push(self.random.within(0..=IN_TRANSIT));
        } else {
            delays.push(0);
        }
        if self.random.chance(repeated) {
            figures.repeated += 1;
            delays.push(self.random.within(IN_TRANSIT..=REPEATED));
        }
        for (copy, delay) in (0..).zip(delays) {
            let parcel = Parcel {
                flow,
                direction,
                arrival: figures.arrived,
                text: text.clone(),
            };
            let due = Instant::now() + Duration::from_micros(delay);
            // Two with the same due time stay in order.
            self.in_transit
                .insert((due, figures.arrived * 2 + copy), parcel);
        }
    }

    /// Delivers what is due.
    fn deliver(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.in_transit.first_entry()
            && first.key().0 <= now
        {
            let parcel = first.remove();
            let inside = self.public_ports[parcel.flow.1].inside;
            let flow = self.flow(parcel.flow);
            let latest = &mut flow.latest[parcel.direction as usize];
            let is_overtaken = parcel.arrival < *latest;
            *latest = parcel.arrival.max(*latest);
            // The receiver may be gone: then the datagram is lost.
            let _ = match parcel.direction {
                Direction::In => flow.socket.send_to(&parcel.text, inside),
                Direction::Back => {
                    let (sender, index) = parcel.flow;
                    self.public_ports[index]
                        .socket
                        .send_to(&parcel.text, sender)
                }
            };
            self.record.lock().unwrap().figures.overtaken += u64::from(is_overtaken);
        }
    }

    fn flow(&mut self, key: FlowKey) -> &mut Flow {
        if !self.flows.contains_key(&key) {
            if self.flows.len() == MAX_FLOWS
                && let Some((&idle, _)) = self.flows.iter().min_by_key(|(_, flow)| flow.used)
            {
                self.flows.remove(&idle);
            }
            let token = Token(self.public_ports.len() + self.opened);
            self.opened += 1;
            let flow = Flow {
                token,
                socket: self.open(0, token),
                used: Instant::now(),
                latest: [0; 2],
            };
            self.flows.insert(key, flow);
            self.record.lock().unwrap().figures.flows += 1;
        }
        let flow = self.flows.get_mut(&key).unwrap();
        flow.used = Instant::now();
        flow
    }

    fn open(&self, port: u16, token: Token) -> UdpSocket {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        // The reservation of the port has tried it, and a process that another test started
        // at that moment has the socket until it executes its program.
        let mut socket = eventually("the port is free", || UdpSocket::bind(address).ok());
        let registry = self.poll.registry();
        registry
            .register(&mut socket, token, Interest::READABLE)
            .unwrap();
        socket
    }
}
