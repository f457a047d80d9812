//! A plan, played: what comes due happens, and what comes of it is carried out,
//! under the eyes of a judge. Two plays of one plan are the same to the byte.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::addresses::{Addresses, member_at};
use super::cluster::{Cluster, Done, Handled, Parcel, ProgramStep};
use super::event_queue::{Due, EventQueue};
use super::figures::Figures;
use super::lifecycle::Node;
use super::network::Links;
use super::oracle::{Oracle, Violation};
use super::plan::{Fault, Micros, Moment, Plan, What};
use super::recording::Recording;
use crate::mutex::{LockName, NodeId};
use crate::protocol::Event;

/// After the faults, by when all must have entered.
const ENOUGH: Micros = 3_600_000_000;

/// More steps than any play that comes to rest takes.
const MOST_STEPS: u64 = 20_000_000;

/// One play of a plan.
pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    pub(super) dice: Rng,
    pub(super) addresses: &'a Addresses,
    pub(super) cluster: Cluster,
    pub(super) oracle: Oracle,
    pub(super) events: EventQueue,
    pub(super) links: Links<'a>,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) is_healed: bool,
    pub(super) figures: Figures,
    /// What happened, if somebody wants to read it.
    pub(super) recording: Option<&'a mut Recording>,
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
        oracle: Oracle::new(plan.odd.is_some()),
        events: EventQueue::default(),
        links: Links::new(plan),
        nodes: BTreeMap::new(),
        is_healed: false,
        figures: Figures {
            plays: 1,
            ..Figures::default()
        },
        recording,
    };
    let played = world.play();
    world.figures.time = world.events.now;
    if let Err(violation) = &played {
        world.tell(&format!("VIOLATION: {violation}"));
    }
    (world.figures, played)
}

impl World<'_> {
    fn play(&mut self) -> Result<(), Violation> {
        for (place, wish) in self.plan.wishes.iter().enumerate() {
            self.events.at(wish.at, Due::Wish(place));
        }
        for (place, fault) in self.plan.faults.iter().enumerate() {
            let (begins, ends) = fault.when();
            self.events.at(begins, Due::FaultBegins(place));
            self.events.at(ends, Due::FaultEnds(place));
        }
        self.events.at(self.plan.heals_at, Due::Heals);
        for id in self.ids() {
            self.start(id)?;
        }
        let mut steps = 0;
        let enough = match self.plan.odd {
            Some(_) => ENOUGH / 60,
            None => ENOUGH,
        };
        while let Some((at, due)) = self.events.pop() {
            steps += 1;
            if at > self.plan.heals_at + enough || steps > MOST_STEPS {
                break;
            }
            self.events.now = at;
            self.meet(due)?;
        }
        if !self.oracle.owed().is_empty() {
            return Err(Violation::NeverEnter(self.oracle.owed().clone()));
        }
        let is_at_rest = self.events.is_empty() || self.plan.odd.is_some();
        is_at_rest.then_some(()).ok_or(Violation::NeverRest)
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        let count = u16::try_from(self.plan.members.len()).expect("ids are 16 bits wide");
        (1..=count).map(NodeId)
    }

    pub(super) fn node(&mut self, id: NodeId) -> &mut Node {
        self.nodes.entry(id).or_default()
    }

    pub(super) fn tell(&mut self, what: &str) {
        if let Some(recording) = &mut self.recording {
            recording.tell(self.events.now, what);
        }
    }

    fn meet(&mut self, due: Due) -> Result<(), Violation> {
        // To a node that stands still it comes when that goes on.
        if let Some(id) = self.whose(&due) {
            let paused_until = self.node(id).paused_until;
            if paused_until > self.events.now {
                self.events.at(paused_until, due);
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
                self.handle(id, Event::Delegate { lock, entries })
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
                if self.links.join(place) {
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

    pub(super) fn handle(&mut self, id: NodeId, event: Event) -> Result<(), Violation> {
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

    fn carry_out(&mut self, step: ProgramStep, arrived: Option<&Parcel>) -> Result<(), Violation> {
        let id = step.id;
        if let Some(recording) = &mut self.recording {
            recording.step(self.events.now, &self.cluster, &step, arrived);
        }
        let is_wish = matches!(step.handled, Some(Handled::Handled(Event::Acquire(_), _)));
        for (place, done_one) in step.done.into_iter().enumerate() {
            if self.crashes_at(id, Moment::Amid(place)) {
                self.figures.crashes_amid += 1;
                return Ok(());
            }
            let has_entered = matches!(done_one, Done::Entered(_));
            self.perform(id, done_one, is_wish)?;
            if has_entered && self.crashes_at(id, Moment::Inside) {
                return Ok(());
            }
        }
        // Only now: a clock that was neither written down nor told is none.
        match self.cluster.program(id) {
            Some(program) => self.oracle.clock(id, program.clock()),
            None => Ok(()),
        }
    }

    /// `is_unasked`: a user asked just now, so that an entry has asked nobody.
    fn perform(&mut self, id: NodeId, done_one: Done, is_unasked: bool) -> Result<(), Violation> {
        match done_one {
            Done::Reserved(below) => self.node(id).below = Some(below),
            Done::Sent(parcel) => {
                let (now, dice) = (self.events.now, &mut self.dice);
                let arrivals = (self.links).arrivals(now, id, &parcel, dice, &mut self.figures);
                for at in arrivals {
                    self.events.at(at, Due::Arrival(parcel.clone()));
                }
            }
            Done::Entered(token) => {
                self.oracle.entered(id, token)?;
                self.figures.entries += 1;
                self.figures.entries_unasked += u64::from(is_unasked);
                let hold = self.dice.u64(0..=self.plan.hold);
                self.stays(id, token, hold);
                if self.plan.lent > 0 && self.dice.bool() {
                    let later = self.dice.u64(0..=hold);
                    self.events
                        .at(self.events.now + later, Due::Lend(id, token));
                }
            }
            Done::Delegated(first, last) => {
                self.oracle.lent(id, first, last)?;
                self.figures.lent += last - first + 1;
            }
            Done::Left => self.oracle.left(id),
            Done::Timer(timer, after) => {
                // A quarter more or less, as a node has it.
                let after = Micros::try_from(after.as_micros()).unwrap_or(Micros::MAX / 4);
                let jitter = self.dice.u64(0..=after / 2);
                let at = self.events.now + after - after / 4 + jitter;
                let setting = self.events.numbered(at, |setting| Due::Timer(id, setting));
                let timers = &mut self.node(id).timers;
                timers.retain(|(other, _)| !timer.replaces(other));
                timers.push((timer, setting));
            }
        }
        Ok(())
    }

    fn fault_begins(&mut self, place: usize) {
        match &self.plan.faults[place] {
            Fault::Partition {
                side, is_one_way, ..
            } => {
                self.links.cut(place);
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
}
