//! What each command does to the group.

use super::command::{Command, Which};
use super::game::{Datagram, Game};
use super::row::{Mark, arrow};
use crate::mutex::{LockName, NodeId};
use crate::narrate::Tone;
use crate::protocol::Event;
use crate::simulation::Program;

impl Game {
    /// Executes a command, and returns the lines about it.
    ///
    /// # Errors
    /// Why it cannot be executed now. Nothing has changed then.
    pub(crate) fn execute(&mut self, command: Command) -> Result<Vec<String>, String> {
        self.admit(command)?;
        self.executed += 1;
        let lock = LockName::default;
        Ok(match command {
            Command::Group {
                members,
                keeps_permissions,
                original,
            } => {
                self.begin(members, keeps_permissions, original);
                Vec::new()
            }
            Command::Ask(id) => self.handle(id, Event::Acquire(lock())),
            Command::Leave(id) => self.handle(id, Event::Release(lock())),
            Command::GiveUp(id) => self.handle(id, Event::Cancel(lock())),
            Command::Tick(id) => self.handle(id, Event::Tick),
            Command::Timer(id) => match self.timers.iter().position(|(of, _)| *of == id) {
                Some(index) => {
                    let (_, timer) = self.timers.remove(index);
                    self.handle(id, Event::Expired(timer))
                }
                None => Vec::new(),
            },
            Command::Crash(id) => {
                self.cluster.crash(id);
                self.timers.retain(|(of, _)| *of != id);
                self.add_row(Mark::Crash(id), format!("{id}| crashes"), Tone::Trouble);
                Vec::new()
            }
            Command::Start(id) => self.start(id),
            Command::StartOriginal(id) => {
                self.start_original(id);
                let text = format!("{id}| starts as an original");
                self.add_row(Mark::Start(id), text, Tone::Ordinary);
                Vec::new()
            }
            Command::DeliverAll => {
                let mut lines = Vec::new();
                while let Some(datagram) = self.in_transit.pop_front() {
                    lines.extend(self.deliver(&datagram));
                }
                lines
            }
            Command::Deliver(which) => {
                let datagram = self.take(which)?;
                self.deliver(&datagram)
            }
            Command::Repeat(which) => {
                let datagram = self.take(which)?;
                self.in_transit.push_front(datagram.clone());
                self.deliver(&datagram)
            }
            Command::Delay(which) => {
                let datagram = self.take(which)?;
                self.in_transit.push_back(datagram);
                Vec::new()
            }
            Command::Lose(which) => {
                let lost = self.take(which)?;
                let head = lost.parcel.head();
                let text = format!("{head} is lost");
                let mark = arrow(&head, lost.from, lost.to, true);
                self.add_row(mark, text.clone(), Tone::Trouble);
                vec![text]
            }
            Command::UnderWay => self.in_transit.iter().map(Datagram::line).collect(),
            Command::States => self.ids().map(|id| self.state(id)).collect(),
            Command::Check => {
                let (_, report) = self.check()?;
                report.lines().map(str::to_owned).collect()
            }
        })
    }

    /// Whether the command can be executed now.
    fn admit(&self, command: Command) -> Result<(), String> {
        if let Command::Group {
            members,
            original: Some(id),
            ..
        } = command
        {
            return match id.0 <= members {
                true => Ok(()),
                false => Err(format!(
                    "the group has the members 1 to {members}, and no {id}"
                )),
            };
        }
        if matches!(command, Command::Group { .. }) {
            return Ok(());
        }
        if self.addresses.is_empty() {
            return Err("there is no group yet: group 3 starts one".to_owned());
        }
        match command {
            Command::Start(id) | Command::StartOriginal(id) => {
                self.exists(id)?;
                match self.cluster.program(id) {
                    None => Ok(()),
                    Some(_) => Err(format!("{id} runs already: {id} crashes ends it")),
                }
            }
            Command::Ask(id) | Command::Crash(id) => self.runs(id).map(|_| ()),
            Command::Leave(id) => match self.runs(id)?.is_held() {
                true => Ok(()),
                false => Err(format!("{id} is not in the critical section")),
            },
            Command::GiveUp(id) | Command::Tick(id) | Command::Timer(id) => {
                if let Program::Original(..) = self.runs(id)? {
                    return Err(format!(
                        "{id} is a process of the original: it knows only x and leaves"
                    ));
                }
                let has_timer = self.timers.iter().any(|(of, _)| *of == id);
                match command {
                    Command::Timer(_) if !has_timer => Err(format!("{id} has set no timer")),
                    _ => Ok(()),
                }
            }
            Command::Deliver(which)
            | Command::Repeat(which)
            | Command::Delay(which)
            | Command::Lose(which) => self.position(which).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn exists(&self, id: NodeId) -> Result<(), String> {
        let members = self.members();
        match (1..=members).contains(&id.0) {
            true => Ok(()),
            false => Err(format!(
                "there is no member {id}: the group has 1 to {members}"
            )),
        }
    }

    fn runs(&self, id: NodeId) -> Result<&Program, String> {
        self.exists(id)?;
        let program = self.cluster.program(id);
        program.ok_or_else(|| format!("{id} is down: {id} starts starts it again"))
    }

    fn position(&self, which: Which) -> Result<usize, String> {
        let is_it = |datagram: &Datagram| match which {
            Which::Oldest { from, to } => (datagram.from, datagram.to) == (from, to),
            Which::Number(number) => datagram.number == number,
        };
        let position = self.in_transit.iter().position(is_it);
        position.ok_or_else(|| match which {
            Which::Oldest { from, to } => {
                let ends = self.exists(from).and(self.exists(to));
                let nothing = format!("nothing is under way from {from} to {to}");
                ends.err().unwrap_or(nothing)
            }
            Which::Number(number) => format!("no datagram {number} is under way"),
        })
    }

    fn take(&mut self, which: Which) -> Result<Datagram, String> {
        let position = self.position(which)?;
        let datagram = self.in_transit.remove(position);
        datagram.ok_or_else(|| "nothing is under way".to_owned())
    }

    /// Starts a group whose nodes all know each other's clocks. A process of the
    /// original among them takes the hellos for requests.
    fn begin(&mut self, members: u16, keeps_permissions: bool, original: Option<NodeId>) {
        let address = |id: u16| format!("10.0.0.{id}:7000").parse();
        let addresses = (1..=members).map(address).collect::<Result<_, _>>();
        *self = Game {
            addresses: addresses.unwrap_or_default(),
            keeps_permissions,
            skips: self.skips,
            ..Game::default()
        };
        if let Some(original) = original {
            self.start_original(original);
        }
        for id in self.ids() {
            if self.cluster.program(id).is_none() {
                self.start(id);
            }
        }
        while let Some(datagram) = self.in_transit.pop_front() {
            self.deliver(&datagram);
        }
        // The greetings are no part of the story.
        self.rows.clear();
        self.sent = 0;
    }
}

impl Datagram {
    /// `3  req<2,1>  1 to 2`.
    pub(super) fn line(&self) -> String {
        let (number, head) = (self.number, self.parcel.head());
        format!("{number}  {head}  {} to {}", self.from, self.to)
    }
}
