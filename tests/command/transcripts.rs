//! Transcripts: commands to a group on the pure algorithm, and all that its nodes do,
//! in readable files. `tests/transcripts/README.md` describes them.
//!
//! `TURNO_BLESS=1 cargo test --test command transcripts` writes them again; then read
//! the difference.

use std::collections::VecDeque;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use turno::internals::group::{Group, Listed};
use turno::internals::mutex::{Config, Incarnation, LockName, NodeId, Timer};
use turno::internals::protocol::Event;
use turno::internals::simulation::{
    Cluster, Done, Handled, Parcel, Program, ProgramStep, step_lines,
};
use turno::internals::trace::{Diagram, Header, History, Record, Run, View, check, svg};

/// A group without a network: a datagram waits until a command delivers it.
#[derive(Default)]
struct Script {
    addresses: Vec<Listed>,
    cluster: Cluster,
    in_transit: VecDeque<Datagram>,
    timers: Vec<(NodeId, Timer)>,
    /// How many programs were started.
    started: u64,
    /// How many commands were executed.
    executed: u64,
    /// The traces.
    runs: Vec<Run>,
    /// Whether the nodes keep no permissions.
    asks_everybody: bool,
}

#[derive(Clone)]
struct Datagram {
    from: NodeId,
    to: NodeId,
    parcel: Parcel,
}

fn nothing(from: &str, to: &str) -> Vec<String> {
    vec![format!("nothing is under way from {from} to {to}")]
}

impl Script {
    /// Executes a command, and returns the lines about it.
    fn execute(&mut self, command: &str) -> Vec<String> {
        self.executed += 1;
        let words: Vec<&str> = command.split_whitespace().collect();
        let id = |word: &str| NodeId(word.parse().unwrap_or_else(|_| panic!("no id: {command}")));
        let lock = LockName::default;
        match words[..] {
            ["group", members] => self.begin(members.parse().unwrap(), None),
            ["group", members, "asks", "everybody"] => {
                self.asks_everybody = true;
                self.begin(members.parse().unwrap(), None);
            }
            ["group", members, "original", original] => {
                self.begin(members.parse().unwrap(), Some(id(original)));
            }
            [node, "x"] => return self.handle(id(node), Event::Acquire(lock())),
            [node, "ticks"] => return self.handle(id(node), Event::Tick),
            [node, "leaves"] => return self.handle(id(node), Event::Release(lock())),
            [node, "gives", "up"] => return self.handle(id(node), Event::Cancel(lock())),
            [node, "timer"] => {
                let node = id(node);
                let index = self.timers.iter().position(|(of, _)| *of == node);
                let (_, timer) = self.timers.remove(index.expect("a timer was set"));
                return self.handle(node, Event::Expired(timer));
            }
            [node, "crashes"] => {
                self.cluster.crash(id(node));
                self.timers.retain(|(of, _)| *of != id(node));
            }
            [node, "starts"] => return self.start(id(node)),
            [node, "starts", "as", "an", "original"] => self.start_original(id(node)),
            ["deliver", "all"] => {
                let mut lines = Vec::new();
                while let Some(datagram) = self.in_transit.pop_front() {
                    lines.extend(self.deliver(&datagram));
                }
                return lines;
            }
            ["deliver", from, to] => {
                return match self.take(id(from), id(to)) {
                    Some(datagram) => self.deliver(&datagram),
                    None => nothing(from, to),
                };
            }
            ["repeat", from, to] => {
                let Some(datagram) = self.take(id(from), id(to)) else {
                    return nothing(from, to);
                };
                self.in_transit.push_front(datagram.clone());
                return self.deliver(&datagram);
            }
            ["delay", from, to] => match self.take(id(from), id(to)) {
                Some(datagram) => self.in_transit.push_back(datagram),
                None => return nothing(from, to),
            },
            ["lose", from, to] => {
                return match self.take(id(from), id(to)) {
                    Some(lost) => vec![format!("{} is lost", lost.parcel.head())],
                    None => nothing(from, to),
                };
            }
            ["under", "way"] => {
                let datagrams = self.in_transit.iter();
                return datagrams
                    .map(|d| format!("{} to {}", d.parcel.head(), d.to))
                    .collect();
            }
            ["states"] => {
                let ids = 1..=u16::try_from(self.addresses.len()).unwrap();
                return ids.map(|id| self.state(NodeId(id))).collect();
            }
            _ => panic!("no command: {command}"),
        }
        Vec::new()
    }

    /// Starts a group whose nodes all know each other's clocks. A process of the
    /// original among them takes the hellos for requests.
    fn begin(&mut self, members: u16, original: Option<NodeId>) {
        *self = Script {
            asks_everybody: self.asks_everybody,
            ..Script::default()
        };
        let address = |id: u16| format!("10.0.0.{id}:7000").parse().unwrap();
        self.addresses = (1..=members).map(address).collect();
        if let Some(original) = original {
            self.start_original(original);
        }
        for id in (1..=members).map(NodeId) {
            if self.cluster.program(id).is_none() {
                self.start(id);
            }
        }
        while let Some(datagram) = self.in_transit.pop_front() {
            self.deliver(&datagram);
        }
    }

    fn group(&self, id: NodeId) -> Group {
        Group::resolve(id.0, &self.addresses, None).unwrap()
    }

    fn start(&mut self, id: NodeId) -> Vec<String> {
        self.started += 1;
        let members = u16::try_from(self.addresses.len()).unwrap();
        let config = Config {
            keeps_permissions: !self.asks_everybody,
            ..Config::new(id, members, Incarnation(self.started))
        };
        let step = self.cluster.start_turno(self.group(id), config, None);
        self.finish_step(step, None)
    }

    fn start_original(&mut self, id: NodeId) {
        self.cluster.start_original(self.group(id));
    }

    /// Takes the oldest datagram from one node to another.
    fn take(&mut self, from: NodeId, to: NodeId) -> Option<Datagram> {
        let is_it = |datagram: &Datagram| (datagram.from, datagram.to) == (from, to);
        let index = self.in_transit.iter().position(is_it)?;
        self.in_transit.remove(index)
    }

    fn deliver(&mut self, datagram: &Datagram) -> Vec<String> {
        let step = self.cluster.arrive(&datagram.parcel);
        match step {
            Some(step) => self.finish_step(step, Some(&datagram.parcel)),
            None => vec![format!(
                "{} reaches nobody at {}",
                datagram.parcel.head(),
                datagram.to
            )],
        }
    }

    fn handle(&mut self, id: NodeId, event: Event) -> Vec<String> {
        let step = self.cluster.handle(id, event);
        self.finish_step(step, None)
    }

    /// Puts in transit what a step has sent, keeps its timers and its trace, and
    /// returns the lines about it.
    fn finish_step(&mut self, step: ProgramStep, arrived: Option<&Parcel>) -> Vec<String> {
        let id = step.id;
        let lines = step_lines(&self.cluster, &step, arrived);
        self.record(&step);
        for done in step.done {
            match done {
                Done::Sent(parcel) => self.in_transit.push_back(Datagram {
                    from: id,
                    to: NodeId(u16::from(last_byte(parcel.destination))),
                    parcel,
                }),
                Done::Timer(timer @ Timer::Resend { .. }, _) => {
                    self.timers
                        .retain(|(of, old)| *of != id || !timer.replaces(old));
                    self.timers.push((id, timer));
                }
                _ => {}
            }
        }
        lines.iter().map(|line| format!("{id}| {line}")).collect()
    }

    fn record(&mut self, step: &ProgramStep) {
        let (Some(Program::Turno(member, _)), Some(Handled::Handled(event, outcome))) =
            (self.cluster.program(step.id), &step.handled)
        else {
            return;
        };
        let header = Header::new(member);
        if *event == Event::Start {
            self.runs.push(Run::new(header.clone()));
        }
        let outcome = outcome.as_deref().map_err(|rejected| *rejected);
        let record = Record::new(self.executed, event, outcome, member);
        let run = self.runs.iter_mut().find(|run| run.header == header);
        run.unwrap().records.extend(record);
    }

    /// Returns the whole run as a space-time diagram.
    fn drawn(&self) -> String {
        let mut runs = self.runs.clone();
        runs.sort_by_key(|run| run.header.id);
        let history = History::new(&runs).unwrap();
        let report = check(&history);
        assert!(report.is_clean(), "{}", report.text(&history));
        svg(&Diagram::new(&history, &View::default()).unwrap())
    }

    /// Returns `1 HELD  clock 5  lastRequestClock 2  reply queue (4,2) (6,3)`.
    fn state(&self, id: NodeId) -> String {
        let Some(program) = self.cluster.program(id) else {
            return format!("{id} down");
        };
        let asked = program
            .last_request_clock()
            .map_or_else(|| "none".to_owned(), |clock| clock.to_string());
        let mut line = format!(
            "{id} {}  clock {}  lastRequestClock {asked}",
            program.state(),
            program.clock()
        );
        if let Program::Turno(member, _) = program {
            let queue = member.reply_queue(&LockName::default());
            if !queue.is_empty() {
                line.push_str("  reply queue");
            }
            for deferred in queue {
                line.push_str(&format!(" {}", deferred.request));
            }
        }
        line
    }
}

/// Returns the last byte of an address of these groups, which is the member's id.
fn last_byte(address: SocketAddr) -> u8 {
    match address.ip() {
        std::net::IpAddr::V4(ip) => ip.octets()[3],
        std::net::IpAddr::V6(_) => panic!("all are IPv4"),
    }
}

/// Executes the commands of a file, and returns the file as it should be, with the
/// lines about each command below it, and the diagram.
fn run(file: &str) -> (String, String) {
    let mut script = Script::default();
    let mut written = String::new();
    for line in file.lines() {
        let is_input = line.is_empty() || line.starts_with('#') || line.starts_with("> ");
        if !is_input {
            continue;
        }
        written.push_str(line);
        written.push('\n');
        if let Some(command) = line.strip_prefix("> ") {
            for line in script.execute(command) {
                written.push_str(&line);
                written.push('\n');
            }
        }
    }
    (written, script.drawn())
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
fn every_transcript_shows_what_the_algorithm_does() {
    let files = transcripts();
    assert!(files.len() >= 6, "transcripts are missing: {files:?}");
    for path in files {
        let file = fs::read_to_string(&path).unwrap();
        let drawing = path.with_extension("svg");
        let (actual, drawn) = run(&file);
        if std::env::var_os("TURNO_BLESS").is_some() {
            fs::write(&path, actual).unwrap();
            fs::write(&drawing, drawn).unwrap();
        } else {
            assert_eq!(file, actual, "{}", path.display());
            let golden = fs::read_to_string(&drawing).unwrap_or_default();
            assert!(golden == drawn, "{} differs", drawing.display());
        }
    }
}
