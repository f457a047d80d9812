//! A group without a network: a datagram waits until a command delivers it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::row::{Lane, Mark, Row};
use crate::group::{Group, Listed};
use crate::mutex::{Config, Incarnation, LockName, NodeId, Timer};
use crate::narrate::{Line, Tone};
use crate::protocol::Event;
use crate::simulation::{Cluster, Done, Handled, Parcel, Program, ProgramStep, step_narration};
use crate::trace::{Diagram, Header, History, Record, Run, View, check, html, svg};

/// The group and all that happened in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Game {
    pub(super) addresses: Vec<Listed>,
    pub(super) cluster: Cluster,
    pub(super) in_transit: VecDeque<Datagram>,
    pub(super) timers: Vec<(NodeId, Timer)>,
    /// How many programs were started.
    pub(super) started: u64,
    /// How many datagrams were sent since the group knows its clocks.
    pub(super) sent: u16,
    /// How many commands were executed.
    pub(super) executed: u64,
    /// The traces.
    pub(super) runs: Vec<Run>,
    /// Whether the nodes keep permissions.
    pub(super) keeps_permissions: bool,
    /// How many clocks a restart skips; `None` for turno's own number.
    pub(super) skips: Option<u64>,
    /// The diagram.
    pub(super) rows: Vec<Row>,
}

/// A datagram under way.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    /// Its number in the list.
    pub(crate) number: u16,
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(super) parcel: Parcel,
}

impl Game {
    /// A group in which a restart skips so many clocks, for short numbers.
    pub(crate) fn that_skips(clocks: u64) -> Self {
        Game {
            skips: Some(clocks),
            ..Game::default()
        }
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.members()).map(NodeId)
    }

    pub(super) fn members(&self) -> u16 {
        u16::try_from(self.addresses.len()).unwrap_or(u16::MAX)
    }

    fn group(&self, id: NodeId) -> Group {
        Group::resolve(id.0, &self.addresses, None).expect("the addresses are numbers")
    }

    pub(super) fn start(&mut self, id: NodeId) -> Vec<String> {
        self.started += 1;
        let config = Config::new(id, self.members(), Incarnation(self.started));
        let config = Config {
            keeps_permissions: self.keeps_permissions,
            ahead: self.skips.unwrap_or(config.ahead),
            ..config
        };
        let step = self.cluster.start_turno(self.group(id), config, None);
        self.finish_step(step, None, Mark::Start(id))
    }

    pub(super) fn start_original(&mut self, id: NodeId) {
        self.cluster.start_original(self.group(id));
    }

    pub(super) fn handle(&mut self, id: NodeId, event: Event) -> Vec<String> {
        let step = self.cluster.handle(id, event);
        self.finish_step(step, None, Mark::At(id))
    }

    pub(super) fn deliver(&mut self, datagram: &Datagram) -> Vec<String> {
        let (head, to) = (datagram.parcel.head(), datagram.to);
        match self.cluster.arrive(&datagram.parcel) {
            Some(step) => {
                let mark = super::row::arrow(&head, datagram.from, to, false);
                self.finish_step(step, Some(&datagram.parcel), mark)
            }
            None => {
                let text = format!("{head} reaches nobody at {to}");
                let mark = super::row::arrow(&head, datagram.from, to, true);
                self.add_row(mark, text.clone(), Tone::Ignored);
                vec![text]
            }
        }
    }

    /// Puts in transit what a step has sent, keeps its timers and its trace, adds its rows
    /// and returns the lines about it.
    fn finish_step(
        &mut self,
        step: ProgramStep,
        arrived: Option<&Parcel>,
        mark: Mark,
    ) -> Vec<String> {
        let id = step.id;
        let lines = step_narration(&self.cluster, &step, arrived);
        self.record(&step);
        for done in step.done {
            match done {
                Done::Sent(parcel) => self.send(id, parcel),
                Done::Timer(timer @ Timer::Resend { .. }, _) => {
                    self.timers
                        .retain(|(of, old)| *of != id || !timer.replaces(old));
                    self.timers.push((id, timer));
                }
                _ => {}
            }
        }
        let mut mark = Some(mark);
        let mut texts = Vec::new();
        for Line { text, tone } in lines {
            let text = format!("{id}| {text}");
            self.add_row(mark.take().unwrap_or(Mark::None), text.clone(), tone);
            texts.push(text);
        }
        if let Some(mark @ (Mark::Start(_) | Mark::Arrow { .. })) = mark {
            self.add_row(mark, String::new(), Tone::Ordinary);
        }
        texts
    }

    fn send(&mut self, from: NodeId, parcel: Parcel) {
        self.sent = self.sent.saturating_add(1);
        let to = NodeId(u16::from(last_byte(parcel.destination)));
        self.in_transit.push_back(Datagram {
            number: self.sent,
            from,
            to,
            parcel,
        });
    }

    pub(super) fn add_row(&mut self, mark: Mark, text: String, tone: Tone) {
        let lanes = self.ids().map(|id| self.lane(id)).collect();
        self.rows.push(Row {
            lanes,
            mark,
            text,
            tone,
        });
    }

    pub(crate) fn lane(&self, id: NodeId) -> Lane {
        match self.cluster.program(id) {
            None => Lane::Down,
            Some(program) if program.is_held() => Lane::Held,
            Some(program) if program.state().starts_with("WAIT") => Lane::Wait,
            Some(_) => Lane::Free,
        }
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
        if let Some(run) = self.runs.iter_mut().find(|run| run.header == header) {
            run.records.extend(record);
        }
    }

    fn history(&self) -> Result<History, String> {
        if self.runs.is_empty() {
            return Err("no node of turno has done anything yet".to_owned());
        }
        let mut runs = self.runs.clone();
        runs.sort_by_key(|run| run.header.id);
        History::new(&runs).map_err(|error| error.to_string())
    }

    /// Judges the whole run: whether it is clean, and the report.
    pub(super) fn check(&self) -> Result<(bool, String), String> {
        let history = self.history()?;
        let report = check(&history);
        Ok((report.is_clean(), report.text(&history)))
    }

    /// The datagrams under way, the oldest first.
    pub(crate) fn in_transit(&self) -> impl Iterator<Item = &Datagram> {
        self.in_transit.iter()
    }

    /// The records of the whole run, by run as in the diagram's events, and the diagram.
    pub(crate) fn drawn(&self) -> Result<(Vec<Vec<Record>>, Diagram), String> {
        let mut runs = self.runs.clone();
        runs.sort_by_key(|run| run.header.id);
        let records = runs.into_iter().map(|run| run.records).collect();
        let diagram = Diagram::new(&self.history()?, &View::default());
        Ok((records, diagram.map_err(|error| error.to_string())?))
    }

    /// The whole run as a space-time diagram: an SVG.
    pub(super) fn svg(&self) -> Result<String, String> {
        let diagram = Diagram::new(&self.history()?, &View::default());
        Ok(svg(&diagram.map_err(|error| error.to_string())?))
    }

    /// The same as a page for a browser.
    pub(super) fn html(&self) -> Result<String, String> {
        let history = self.history()?;
        let diagram =
            Diagram::new(&history, &View::default()).map_err(|error| error.to_string())?;
        html(&history, &diagram).map_err(|error| error.to_string())
    }

    /// `1 HELD  clock 5  lastRequestClock 2  reply queue (4,2) (6,3)`.
    pub(super) fn state(&self, id: NodeId) -> String {
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

/// The last byte of an address of these groups, which is the member's id.
fn last_byte(address: SocketAddr) -> u8 {
    match address.ip() {
        IpAddr::V4(ip) => ip.octets()[3],
        IpAddr::V6(_) => unreachable!("all addresses of a game are IPv4"),
    }
}
