//! A process that speaks the seed's datagrams and nothing else: a fresh socket
//! for each request to each other process, no echo, nothing sent again, of what
//! arrives only the head scanned.

use std::net::UdpSocket;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// A seed process, running until dropped.
pub struct SeedPeer {
    events: Sender<Event>,
    left: Receiver<u64>,
}

enum Event {
    /// The user types `x`.
    Want,
    /// A request, and the address its reply goes to.
    Request(u64, usize, String),
    /// A reply, and the clock of the request whose socket it arrived at.
    Reply(u64, u64),
    /// The work in the critical section is done.
    Left,
    Quit,
}

impl SeedPeer {
    /// Process `id` of those at these addresses.
    pub fn start(id: usize, addresses: &[String], section: &str, hold: Duration) -> Self {
        let listen = format!("127.0.0.1{}", addresses[id - 1]);
        Self::start_behind(&listen, id, addresses, section, hold)
    }

    /// The same, listening where the others' list does not say.
    pub fn start_behind(
        listen: &str,
        id: usize,
        addresses: &[String],
        section: &str,
        hold: Duration,
    ) -> Self {
        let addresses: Vec<String> = addresses.iter().map(|a| format!("127.0.0.1{a}")).collect();
        let section = section.to_owned();
        let socket = UdpSocket::bind(listen).expect("the port is free");
        let (events, queue) = channel();
        let (say_left, left) = channel();
        let arrived = events.clone();
        let listening = socket.try_clone().unwrap();
        thread::spawn(move || {
            while let Some((text, source)) = receive(&listening) {
                if let Some((clock, id)) = scan(&text, "req") {
                    let request = Event::Request(clock, id as usize, source);
                    if arrived.send(request).is_err() {
                        return;
                    }
                }
            }
        });
        let own_events = events.clone();
        thread::spawn(move || {
            let mut process = Process {
                id,
                addresses,
                section,
                hold,
                socket,
                clock: 1,
                last_request_clock: 0,
                state: State::Free,
                reply_queue: Vec::new(),
                entered: 0,
                events: own_events,
                say_left,
            };
            while let Ok(event) = queue.recv()
                && !matches!(event, Event::Quit)
            {
                process.handle(event);
            }
        });
        SeedPeer { events, left }
    }

    /// Types `x`.
    pub fn want(&self) {
        self.events.send(Event::Want).unwrap();
    }

    /// Waits until it has left the section; the clock with which it entered.
    pub fn has_left(&self) -> u64 {
        self.left
            .recv_timeout(super::PATIENCE)
            .expect("the seed peer enters and leaves")
    }
}

impl Drop for SeedPeer {
    fn drop(&mut self) {
        let _ = self.events.send(Event::Quit);
    }
}

#[derive(PartialEq)]
enum State {
    Free,
    Wait(usize),
    Held,
}

struct Process {
    id: usize,
    addresses: Vec<String>,
    section: String,
    hold: Duration,
    socket: UdpSocket,
    clock: u64,
    last_request_clock: u64,
    state: State,
    reply_queue: Vec<String>,
    entered: u64,
    events: Sender<Event>,
    say_left: Sender<u64>,
}

impl Process {
    fn handle(&mut self, event: Event) {
        match event {
            Event::Want => self.want(),
            Event::Request(clock, id, source) => {
                self.clock = self.clock.max(clock) + 1;
                let ours = (self.last_request_clock, self.id);
                match self.state {
                    State::Free => self.reply(&source),
                    State::Wait(_) if (clock, id) < ours => self.reply(&source),
                    _ => self.reply_queue.push(source),
                }
            }
            Event::Reply(clock, request) => {
                self.clock = self.clock.max(clock) + 1;
                if let State::Wait(missing) = &mut self.state
                    && request == self.last_request_clock
                {
                    *missing -= 1;
                    if *missing == 0 {
                        self.enter();
                    }
                }
            }
            Event::Left => self.leave(),
            Event::Quit => {}
        }
    }

    fn want(&mut self) {
        assert!(self.state == State::Free, "the test asks once a round");
        self.clock += 1;
        self.last_request_clock = self.clock;
        self.state = State::Wait(self.addresses.len() - 1);
        for (place, address) in self.addresses.iter().enumerate() {
            if place + 1 == self.id {
                continue;
            }
            let fresh = UdpSocket::bind("127.0.0.1:0").unwrap();
            let request = format!("req<{},{}>", self.clock, self.id);
            fresh.send_to(request.as_bytes(), address).unwrap();
            let (events, request) = (self.events.clone(), self.clock);
            thread::spawn(move || {
                // The first reply, and then the socket is closed.
                if let Some((text, _)) = receive(&fresh)
                    && let Some((clock, _)) = scan(&text, "reply")
                {
                    let _ = events.send(Event::Reply(clock, request));
                }
            });
        }
    }

    fn enter(&mut self) {
        self.state = State::Held;
        self.entered = self.clock;
        self.say("interaction with cs begins");
        let (events, hold) = (self.events.clone(), self.hold);
        thread::spawn(move || {
            thread::sleep(hold);
            let _ = events.send(Event::Left);
        });
    }

    fn leave(&mut self) {
        self.say("interaction with cs ends");
        self.state = State::Free;
        for source in std::mem::take(&mut self.reply_queue) {
            self.reply(&source);
        }
        self.say_left.send(self.entered).unwrap();
    }

    fn reply(&self, to: &str) {
        let reply = format!("reply<{},{}>", self.clock, self.id);
        self.socket.send_to(reply.as_bytes(), to).unwrap();
    }

    fn say(&self, text: &str) {
        let message = format!("cs<{},{}>({text})", self.clock, self.id);
        self.socket
            .send_to(message.as_bytes(), &self.section)
            .unwrap();
    }
}

fn receive(socket: &UdpSocket) -> Option<(String, String)> {
    let mut buffer = [0; 1024];
    socket.set_read_timeout(Some(super::PATIENCE)).unwrap();
    let (length, source) = socket.recv_from(&mut buffer).ok()?;
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    Some((text, source.to_string()))
}

/// The clock and the id of `kind<clock,id>`, whatever follows.
fn scan(text: &str, kind: &str) -> Option<(u64, u64)> {
    let head = text.strip_prefix(kind)?.strip_prefix('<')?;
    let (clock, rest) = head.split_once(',')?;
    let (id, _) = rest.split_once('>')?;
    Some((clock.parse().ok()?, id.parse().ok()?))
}
