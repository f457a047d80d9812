//! A plan, played: virtual time, a network that does what the dice say, users,
//! faults, and a judge. Two plays of one plan are the same to the byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use fastrand::Rng;

use super::cluster::{Cluster, Deed, Made, Parcel, Program, Step};
use super::figures::Figures;
use super::judge::{Judge, Violation};
use super::plan::{Fault, Kind, Micros, Moment, Plan, What};
use super::tell::told;
use crate::group::{Address, Group};
use crate::mutex::{Config, Event, Incarnation, LockName, Memory, NodeId, Timer, Token};
use crate::trace::{Header, Record, Run};
use crate::wire::Key;

/// After the faults, by when all must have entered.
const ENOUGH: Micros = 3_600_000_000;

/// More steps than any play that comes to rest takes.
const MOST_STEPS: u64 = 20_000_000;

/// One play of a plan.
pub struct World<'a> {
    plan: &'a Plan,
    dice: Rng,
    addresses: &'a Addresses,
    cluster: Cluster,
    judge: Judge,
    now: Micros,
    due: BTreeMap<(Micros, u64), Due>,
    ordinal: u64,
    nodes: BTreeMap<NodeId, Node>,
    /// The partitions that there are: places in the plan's faults.
    cuts: BTreeSet<usize>,
    /// When the latest datagram from one to another arrives.
    latest: BTreeMap<(NodeId, NodeId), Micros>,
    is_healed: bool,
    figures: Figures,
    /// What happened, if somebody wants to read it.
    recording: Option<&'a mut Recording>,
}

/// What happened in a play.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// In words.
    pub log: String,
    /// As the trace of each run of each turno node, in the order of starting.
    pub runs: Vec<Run>,
}

/// What is known of a node besides its program.
#[derive(Default)]
struct Node {
    /// What it has on disk.
    below: Option<u64>,
    runs: u64,
    /// Those that are in force, each with the number of its setting.
    timers: Vec<(Timer, u64)>,
    paused_until: Micros,
    /// It crashes at the next such moment, and is down until then.
    doomed: Option<(Moment, Micros)>,
    /// What it does in the section; or what it did there before it crashed, and goes
    /// on.
    stay: Option<Stay>,
}

/// What is done in the section.
#[derive(Clone, Copy)]
struct Stay {
    token: u64,
    /// The number under which its end is put down.
    end: u64,
}

/// Something that comes due.
enum Due {
    Arrival(Parcel),
    Timer(NodeId, u64),
    Leave(NodeId, u64),
    Lend(NodeId, u64),
    Wish(usize),
    FaultBegins(usize),
    FaultEnds(usize),
    Restart(NodeId),
    Heals,
}

/// The addresses of groups, read once.
pub struct Addresses(Vec<Address>);

impl Default for Addresses {
    fn default() -> Self {
        let address = |id: u8| format!("10.0.0.{id}:7000").parse();
        let all = (1..=u8::MAX).map(|id| address(id).expect("it is an address"));
        Addresses(all.collect())
    }
}

impl Addresses {
    fn group(&self, id: NodeId, members: usize) -> Group {
        let resolved = Group::resolve(id.0, &self.0[..members], None);
        resolved.expect("such groups are sound")
    }
}

/// The member at one of these addresses.
fn member_at(address: SocketAddr) -> NodeId {
    match address.ip() {
        IpAddr::V4(ip) => NodeId(u16::from(ip.octets()[3])),
        IpAddr::V6(_) => NodeId(0),
    }
}

/// Plays a plan: how much happened, and whether all was as it must be. What
/// happens is written down, if there is where.
///
/// # Panics
/// If the plan has more members than there are [`Addresses`].
pub fn play(
    plan: &Plan,
    addresses: &Addresses,
    recording: Option<&mut Recording>,
) -> (Figures, Result<(), Violation>) {
    let mut world = World {
        plan,
        dice: Rng::with_seed(plan.dice),
        addresses,
        cluster: Cluster::default(),
        judge: Judge::new(plan.odd.is_some()),
        now: 0,
        due: BTreeMap::new(),
        ordinal: 0,
        nodes: BTreeMap::new(),
        cuts: BTreeSet::new(),
        latest: BTreeMap::new(),
        is_healed: false,
        figures: Figures {
            plays: 1,
            ..Figures::default()
        },
        recording,
    };
    let played = world.play();
    world.figures.time = world.now;
    if let Err(violation) = &played {
        world.tell(&format!("VIOLATION: {violation}"));
    }
    (world.figures, played)
}

impl World<'_> {
    fn play(&mut self) -> Result<(), Violation> {
        for (place, wish) in self.plan.wishes.iter().enumerate() {
            self.at(wish.at, Due::Wish(place));
        }
        for (place, fault) in self.plan.faults.iter().enumerate() {
            let (begins, ends) = fault.when();
            self.at(begins, Due::FaultBegins(place));
            self.at(ends, Due::FaultEnds(place));
        }
        self.at(self.plan.heals_at, Due::Heals);
        for id in self.ids() {
            self.start(id)?;
        }
        let mut steps = 0;
        let enough = match self.plan.odd {
            Some(_) => ENOUGH / 60,
            None => ENOUGH,
        };
        while let Some(((at, _), due)) = self.due.pop_first() {
            steps += 1;
            if at > self.plan.heals_at + enough || steps > MOST_STEPS {
                break;
            }
            self.now = at;
            self.meet(due)?;
        }
        if !self.judge.owed().is_empty() {
            return Err(Violation::NeverEnter(self.judge.owed().clone()));
        }
        let is_at_rest = self.due.is_empty() || self.plan.odd.is_some();
        is_at_rest.then_some(()).ok_or(Violation::NeverRest)
    }

    fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        let count = u16::try_from(self.plan.members.len()).expect("ids are 16 bits wide");
        (1..=count).map(NodeId)
    }

    fn kind(&self, id: NodeId) -> Kind {
        self.plan.members[usize::from(id.0) - 1]
    }

    fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.entry(id).or_default()
    }

    /// Puts something down for that time; of the same time, what was put down
    /// first comes first.
    fn at(&mut self, at: Micros, due: Due) -> u64 {
        self.ordinal += 1;
        self.due.insert((at.max(self.now), self.ordinal), due);
        self.ordinal
    }

    fn tell(&mut self, what: &str) {
        if let Some(recording) = &mut self.recording {
            let _ = writeln!(recording.log, "{:>13.6} {what}", self.now as f64 / 1e6);
        }
    }

    fn meet(&mut self, due: Due) -> Result<(), Violation> {
        // To a node that stands still it comes when that goes on.
        if let Some(id) = self.whose(&due) {
            let paused_until = self.node(id).paused_until;
            if paused_until > self.now {
                self.at(paused_until, due);
                return Ok(());
            }
        }
        match due {
            Due::Arrival(parcel) => self.arrive(&parcel),
            Due::Timer(id, setting) => {
                let timers = &mut self.node(id).timers;
                let place = timers.iter().position(|(_, of)| *of == setting);
                match place.map(|place| timers.swap_remove(place)) {
                    Some((timer, _)) => self.handle(id, Event::Expired(timer)),
                    None => Ok(()),
                }
            }
            Due::Leave(id, end) => match self.node(id).stay.take_if(|stay| stay.end == end) {
                Some(_) => self.leave(id),
                None => Ok(()),
            },
            Due::Lend(id, token) if self.node(id).stay.is_some_and(|it| it.token == token) => {
                let entries = self.dice.u64(1..=self.plan.lent);
                let lock = LockName::default();
                self.handle(id, Event::Lend { lock, entries })
            }
            Due::Lend(..) => Ok(()),
            // Who is to enter must not give up, because the node stood still so
            // long.
            Due::Wish(_) if self.is_healed => Ok(()),
            Due::Wish(place) => {
                let wish = self.plan.wishes[place];
                let event = match wish.what {
                    What::Ask => Event::Acquire(LockName::default()),
                    What::GiveUp => Event::Cancel(LockName::default()),
                    What::Tick => Event::Tick,
                };
                self.handle(NodeId(wish.id), event)
            }
            Due::FaultBegins(place) => {
                self.fault_begins(place);
                Ok(())
            }
            Due::FaultEnds(place) => {
                if self.cuts.remove(&place) {
                    self.tell("the partition ends");
                }
                Ok(())
            }
            Due::Restart(id) if self.cluster.program(id).is_none() => self.start(id),
            Due::Restart(_) => Ok(()),
            Due::Heals => self.heal(),
        }
    }

    fn whose(&self, due: &Due) -> Option<NodeId> {
        match due {
            Due::Arrival(parcel) => Some(member_at(parcel.destination)),
            Due::Timer(id, _) | Due::Leave(id, _) | Due::Lend(id, _) => Some(*id),
            Due::Wish(place) => Some(NodeId(self.plan.wishes[*place].id)),
            _ => None,
        }
    }

    fn start(&mut self, id: NodeId) -> Result<(), Violation> {
        let is_odd = self.plan.odd == Some(id.0);
        let members = self.plan.members.len() - usize::from(is_odd);
        let group = self.addresses.group(id, members);
        let kind = self.kind(id);
        self.tell(&format!("{id} starts"));
        let node = self.node(id);
        node.runs += 1;
        let (runs, below) = (node.runs, node.below);
        let memory = match kind {
            Kind::Seed => {
                self.cluster.start_seed(group);
                return Ok(());
            }
            Kind::Forgetful => Memory::Forgetful,
            Kind::Durable => Memory::Durable {
                below: below.unwrap_or(1),
                heard: below.is_some(),
            },
        };
        let members = u16::try_from(members).expect("ids are 16 bits wide");
        let config = Config {
            memory,
            ahead: self.plan.ahead,
            keeps_permissions: !self.plan.ask_everybody.contains(&id.0),
            #[cfg(test)]
            planted: self.plan.planted,
            ..Config::new(id, members, Incarnation(u64::from(id.0) << 32 | runs))
        };
        let key = self.plan.has_key.then(|| Key::new([7; 32]));
        self.cluster.place_turno(group, config, key);
        if let (Some(Program::Turno(member, _)), Some(recording)) =
            (self.cluster.program(id), &mut self.recording)
        {
            recording.runs.push(Run::new(Header::new(member)));
        }
        if let Some(stay) = self.node(id).stay {
            self.figures.resumed += 1;
            self.judge.resumes(id);
            let (lock, token) = (LockName::default(), Token::recorded(stay.token));
            self.handle(id, Event::Resume { lock, token })?;
        }
        self.handle(id, Event::Start)
    }

    /// What was done in the section is over.
    fn leave(&mut self, id: NodeId) -> Result<(), Violation> {
        if self.cluster.program(id).is_none() {
            self.tell(&format!("what outlived the crash of {id} ends"));
            self.judge.left(id);
        }
        self.handle(id, Event::Release(LockName::default()))
    }

    fn handle(&mut self, id: NodeId, event: Event) -> Result<(), Violation> {
        if self.cluster.program(id).is_none() {
            return Ok(());
        }
        if let Event::Cancel(_) = event {
            self.figures.given_up += 1;
        }
        let step = self.cluster.handle(id, event);
        self.carry_out(step, None)
    }

    fn arrive(&mut self, parcel: &Parcel) -> Result<(), Violation> {
        match self.cluster.arrive(parcel) {
            Some(step) => self.carry_out(step, Some(parcel)),
            None => {
                self.figures.at_nobody += 1;
                Ok(())
            }
        }
    }

    fn carry_out(&mut self, step: Step, arrived: Option<&Parcel>) -> Result<(), Violation> {
        let id = step.id;
        if self.recording.is_some() {
            self.record(&step, arrived);
        }
        let is_wish = matches!(step.made, Some(Made::Handled(Event::Acquire(_), _)));
        for (place, deed) in step.deeds.into_iter().enumerate() {
            if self.crashes_at(id, Moment::Amid(place)) {
                self.figures.crashes_amid += 1;
                return Ok(());
            }
            let has_entered = matches!(deed, Deed::Entered(_));
            self.perform(id, deed, is_wish)?;
            if has_entered && self.crashes_at(id, Moment::Inside) {
                return Ok(());
            }
        }
        // Only now: a clock that was neither written down nor told is none.
        match self.cluster.program(id) {
            Some(program) => self.judge.clock(id, program.clock()),
            None => Ok(()),
        }
    }

    fn record(&mut self, step: &Step, arrived: Option<&Parcel>) {
        let id = step.id;
        for line in told(&self.cluster, step, arrived) {
            self.tell(&format!("{id}| {line}"));
        }
        let Some(Program::Turno(member, _)) = self.cluster.program(id) else {
            return;
        };
        if let (Some(Made::Handled(event, outcome)), Some(recording)) =
            (&step.made, &mut self.recording)
        {
            let header = Header::new(member);
            let outcome = outcome.as_deref().map_err(|rejected| *rejected);
            let run = recording.runs.iter_mut().find(|run| run.header == header);
            if let (Some(run), Some(record)) = (run, Record::new(self.now, event, outcome, member))
            {
                run.records.push(record);
            }
        }
    }

    /// `is_unasked`: a user asked just now, so that an entry has asked nobody.
    fn perform(&mut self, id: NodeId, deed: Deed, is_unasked: bool) -> Result<(), Violation> {
        match deed {
            Deed::Reserved(below) => self.node(id).below = Some(below),
            Deed::Sent(parcel) => self.send(id, parcel),
            Deed::Entered(token) => {
                self.judge.entered(id, token)?;
                self.figures.entries += 1;
                self.figures.entries_unasked += u64::from(is_unasked);
                let hold = self.dice.u64(0..=self.plan.hold);
                self.stays(id, token, hold);
                if self.plan.lent > 0 && self.dice.bool() {
                    let later = self.dice.u64(0..=hold);
                    self.at(self.now + later, Due::Lend(id, token));
                }
            }
            Deed::Lent(first, last) => {
                self.judge.lent(id, first, last)?;
                self.figures.lent += last - first + 1;
            }
            Deed::Left => self.judge.left(id),
            Deed::Timer(timer, after) => {
                // A quarter more or less, as a node has it.
                let after = Micros::try_from(after.as_micros()).unwrap_or(Micros::MAX / 4);
                let jitter = self.dice.u64(0..=after / 2);
                let setting = self.at(
                    self.now + after - after / 4 + jitter,
                    Due::Timer(id, self.ordinal + 1),
                );
                let timers = &mut self.node(id).timers;
                timers.retain(|(other, _)| !timer.replaces(other));
                timers.push((timer, setting));
            }
        }
        Ok(())
    }

    /// What is done in the section with this token ends after so long.
    fn stays(&mut self, id: NodeId, token: u64, hold: Micros) {
        let end = self.at(self.now + hold, Due::Leave(id, self.ordinal + 1));
        self.node(id).stay = Some(Stay { token, end });
    }

    /// What becomes of a datagram.
    fn send(&mut self, from: NodeId, parcel: Parcel) {
        self.figures.sent += 1;
        let to = member_at(parcel.destination);
        let network = self.plan.network;
        if !self.is_healed && !self.is_a_seeds(from, to, &parcel) {
            if self.is_cut(from, to) {
                self.figures.cut += 1;
                return;
            }
            if self.comes_up(network.lost_in_1000) {
                self.figures.lost += 1;
                return;
            }
        }
        if !self.is_healed && self.comes_up(network.repeated_in_1000) {
            self.figures.repeated += 1;
            let late = self.dice.u64(0..=network.spread + network.late_by);
            self.at(
                self.now + network.least + late,
                Due::Arrival(parcel.clone()),
            );
        }
        let mut takes = network.least + self.dice.u64(0..=network.spread);
        if !self.is_healed && self.comes_up(network.late_in_1000) {
            takes += self.dice.u64(0..=network.late_by);
        }
        let arrives = self.now + takes;
        let latest = self.latest.entry((from, to)).or_default();
        if arrives < *latest {
            self.figures.overtaken += 1;
        }
        *latest = arrives.max(*latest);
        self.at(arrives, Due::Arrival(parcel));
    }

    /// What a seed process asks, and the answer: sent once, so never lost here.
    fn is_a_seeds(&self, from: NodeId, to: NodeId, parcel: &Parcel) -> bool {
        (self.kind(from) == Kind::Seed && parcel.text.starts_with(b"req"))
            || (self.kind(to) == Kind::Seed && parcel.text.starts_with(b"reply"))
    }

    fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cuts
            .iter()
            .any(|place| match &self.plan.faults[*place] {
                Fault::Partition {
                    side, is_one_way, ..
                } => {
                    let (from, to) = (side.contains(&from.0), side.contains(&to.0));
                    from && !to || !is_one_way && to && !from
                }
                _ => false,
            })
    }

    fn comes_up(&mut self, in_1000: u32) -> bool {
        in_1000 > 0 && self.dice.u32(0..1000) < in_1000
    }

    fn fault_begins(&mut self, place: usize) {
        match &self.plan.faults[place] {
            Fault::Partition {
                side, is_one_way, ..
            } => {
                self.cuts.insert(place);
                self.figures.partitions += 1;
                let way = if *is_one_way { " one way" } else { "" };
                self.tell(&format!("{side:?} are cut off{way}"));
            }
            Fault::Pause { id, until, .. } => {
                self.figures.pauses += 1;
                let node = self.node(NodeId(*id));
                node.paused_until = node.paused_until.max(*until);
                self.tell(&format!("{id} stands still"));
            }
            Fault::Crash {
                id, until, moment, ..
            } => {
                self.node(NodeId(*id)).doomed = Some((*moment, *until));
                self.crashes_at(NodeId(*id), Moment::Now);
            }
        }
    }

    /// Whether it crashes at this moment, because a fault says so.
    fn crashes_at(&mut self, id: NodeId, moment: Moment) -> bool {
        match self.node(id).doomed {
            Some((of_fault, until)) if of_fault == moment => self.crash(id, until),
            _ => false,
        }
    }

    /// Whether it did crash: of those that forget their clocks only while all
    /// others know theirs.
    fn crash(&mut self, id: NodeId, until: Micros) -> bool {
        let may_crash = match self.kind(id) {
            Kind::Durable => true,
            Kind::Forgetful => self
                .ids()
                .filter(|other| *other != id)
                .all(|other| self.knows(other)),
            Kind::Seed => false,
        };
        let Some(program) = self.cluster.program(id) else {
            return false;
        };
        if self.is_healed || !may_crash {
            return false;
        }
        self.figures.crashes += 1;
        self.figures.crashes_inside += u64::from(program.is_held());
        self.tell(&format!("{id} crashes"));
        // What it has not written down, it forgets: it may do so, for it has
        // asked nobody and replied to nobody yet.
        let forgets = self.nodes.get(&id).is_none_or(|node| node.below.is_none());
        let outlived = self.node(id).stay.take();
        let outlived = outlived.filter(|_| self.comes_up(self.plan.outlive_in_1000));
        self.judge.crashed(id, forgets, outlived.is_some());
        self.cluster.crash(id);
        let node = self.node(id);
        node.timers.clear();
        node.doomed = None;
        let restarts = until.max(self.now + 1);
        self.at(restarts, Due::Restart(id));
        if let Some(stay) = outlived {
            self.figures.crashes_outlived += 1;
            // While the node is down, or about as long after that.
            let hold = self.dice.u64(0..=2 * (restarts - self.now));
            self.stays(id, stay.token, hold);
        }
        true
    }

    /// Whether its clock cannot be lost just now.
    fn knows(&self, id: NodeId) -> bool {
        match self.cluster.program(id) {
            Some(Program::Turno(member, _)) => member.unheard().is_empty(),
            Some(Program::Seed(..)) => true,
            None => self.nodes.get(&id).is_some_and(|node| node.below.is_some()),
        }
    }

    /// From now on all goes well. Everybody asks, and must enter.
    fn heal(&mut self) -> Result<(), Violation> {
        self.tell("all is well again, and everybody asks");
        self.is_healed = true;
        self.cuts.clear();
        for id in self.ids() {
            let node = self.node(id);
            node.paused_until = 0;
            node.doomed = None;
            if self.cluster.program(id).is_none() {
                self.start(id)?;
            }
        }
        for id in self.ids() {
            let Some(program) = self.cluster.program(id) else {
                continue;
            };
            if !program.is_held() {
                if self.plan.odd.is_none() {
                    self.judge.owe(id);
                }
                self.handle(id, Event::Acquire(LockName::default()))?;
            }
        }
        Ok(())
    }
}
