//! Transcripts: commands to a group on the pure algorithm, and all that its
//! nodes do, in files that can be read. `tests/transcripts/README.md` says how.
//!
//! `TURNO_BLESS=1 cargo test --test transcripts` writes them anew; then read the
//! difference.

use std::collections::VecDeque;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use turno::mutex::{Effect, Event, Incarnation, Message, NodeId, RicartAgrawala, Socket, Timer};
use turno::narrate::narrate;
use turno::node::Happening;

/// A group without a network: what is sent waits until a command delivers it.
#[derive(Default)]
struct Group {
    nodes: Vec<RicartAgrawala>,
    under_way: VecDeque<Datagram>,
    timers: Vec<(NodeId, Timer)>,
}

#[derive(Clone)]
struct Datagram {
    from: NodeId,
    to: NodeId,
    /// The socket it left from.
    left: Socket,
    /// The socket it arrives at.
    arrives: Socket,
    message: Message,
}

/// The address of a node's socket: its port says which.
fn address(id: NodeId, socket: Socket) -> SocketAddr {
    let port = match socket {
        Socket::Listening => 0,
        Socket::OfRequest(clock) => u16::try_from(clock).expect("transcripts are short"),
    };
    SocketAddr::from(([10, 0, 0, u8::try_from(id.0).unwrap()], port))
}

fn socket(address: SocketAddr) -> Socket {
    match address.port() {
        0 => Socket::Listening,
        clock => Socket::OfRequest(u64::from(clock)),
    }
}

impl Group {
    /// Does what a command says; the lines about it.
    fn obey(&mut self, command: &str) -> Vec<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let id = |word: &str| NodeId(word.parse().unwrap_or_else(|_| panic!("no id: {command}")));
        match words[..] {
            ["group", members] => {
                let members = members.parse().unwrap();
                *self = Group::default();
                self.nodes = (1..=members)
                    .map(|id| RicartAgrawala::new(NodeId(id), members, Incarnation(u64::from(id))))
                    .collect();
                Vec::new()
            }
            [node, "x"] => self.handle(id(node), &Event::Want),
            [node, "ticks"] => self.handle(id(node), &Event::Tick),
            [node, "leaves"] => self.handle(id(node), &Event::Left),
            [node, "gives", "up"] => self.handle(id(node), &Event::GiveUp),
            [node, "timer"] => {
                let node = id(node);
                let place = self.timers.iter().position(|(of, _)| *of == node);
                let (_, timer) = self.timers.remove(place.expect("a timer was set"));
                self.handle(node, &Event::Expired(timer))
            }
            ["deliver", from, to] => {
                let datagram = self.take(id(from), id(to));
                self.deliver(&datagram)
            }
            ["repeat", from, to] => {
                let datagram = self.take(id(from), id(to));
                self.under_way.push_front(datagram.clone());
                self.deliver(&datagram)
            }
            ["lose", from, to] => {
                let lost = self.take(id(from), id(to));
                vec![format!("{} is lost", lost.message)]
            }
            ["under", "way"] => {
                let datagrams = self.under_way.iter();
                datagrams
                    .map(|d| format!("{} to {}", d.message, d.to))
                    .collect()
            }
            ["states"] => self.nodes.iter().map(state).collect(),
            _ => panic!("no command: {command}"),
        }
    }

    /// The oldest datagram from one node to another.
    fn take(&mut self, from: NodeId, to: NodeId) -> Datagram {
        let place = self
            .under_way
            .iter()
            .position(|datagram| (datagram.from, datagram.to) == (from, to));
        place
            .and_then(|place| self.under_way.remove(place))
            .unwrap_or_else(|| panic!("nothing is under way from {from} to {to}"))
    }

    fn deliver(&mut self, datagram: &Datagram) -> Vec<String> {
        let event = Event::Received {
            message: datagram.message,
            socket: datagram.arrives,
            source: address(datagram.from, datagram.left),
        };
        self.handle(datagram.to, &event)
    }

    fn handle(&mut self, id: NodeId, event: &Event) -> Vec<String> {
        let node = &mut self.nodes[usize::from(id.0) - 1];
        let mut effects = Vec::new();
        let outcome = node.handle(event, &mut effects).map(|()| &effects[..]);
        let happening = Happening::Handled {
            event,
            outcome,
            mutex: node,
        };
        let lines = narrate(&happening)
            .into_iter()
            .map(|line| format!("{id}| {}", line.text))
            .collect();
        for effect in &effects {
            self.perform(id, effect);
        }
        lines
    }

    fn perform(&mut self, from: NodeId, effect: &Effect) {
        match *effect {
            Effect::Send {
                to,
                address,
                socket: left,
                message,
            } => self.under_way.push_back(Datagram {
                from,
                to,
                left,
                arrives: address.map_or(Socket::Listening, socket),
                message,
            }),
            Effect::SetTimer { timer, .. } => self.timers.push((from, timer)),
            Effect::Enter { .. } | Effect::Leave { .. } => {}
        }
    }
}

/// `1 HELD  clock 5  lastRequestClock 2  reply queue (4,2) (6,3)`.
fn state(node: &RicartAgrawala) -> String {
    let asked = node
        .last_request_clock()
        .map_or_else(|| "none".to_owned(), |clock| clock.to_string());
    let mut line = format!(
        "{} {}  clock {}  lastRequestClock {asked}",
        node.id(),
        node.state(),
        node.clock()
    );
    if !node.reply_queue().is_empty() {
        line.push_str("  reply queue");
        for deferred in node.reply_queue() {
            line.push_str(&format!(" {}", deferred.request));
        }
    }
    line
}

/// The file as it should be: its comments and commands, each command followed
/// by what it led to.
fn played(file: &str) -> String {
    let mut group = Group::default();
    let mut written = String::new();
    for line in file.lines() {
        let is_input = line.is_empty() || line.starts_with('#') || line.starts_with("> ");
        if !is_input {
            continue;
        }
        written.push_str(line);
        written.push('\n');
        if let Some(command) = line.strip_prefix("> ") {
            for line in group.obey(command) {
                written.push_str(&line);
                written.push('\n');
            }
        }
    }
    written
}

fn transcripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_transcript_is_what_the_algorithm_does() {
    let files = transcripts();
    assert!(files.len() >= 6, "transcripts are missing: {files:?}");
    for path in files {
        let file = fs::read_to_string(&path).unwrap();
        let played = played(&file);
        if std::env::var_os("TURNO_BLESS").is_some() {
            fs::write(&path, played).unwrap();
        } else {
            assert_eq!(file, played, "{}", path.display());
        }
    }
}
