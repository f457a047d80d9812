//! What a seed stands for: the group, its network, what is asked and when, and
//! what goes wrong. Plain data, so that a plan that shows a defect can be
//! shrunk, written down and played again.

use std::collections::BTreeSet;
use std::fmt;

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::mutex::NodeId;
#[cfg(test)]
use crate::mutex::planted::Planted;

/// Virtual time, in microseconds from the beginning.
pub type Micros = u64;

const MILLISECOND: Micros = 1_000;
const SECOND: Micros = 1_000 * MILLISECOND;

/// The longest that anything lasts in a plan: a day.
const LONGEST: Micros = 24 * 3600 * SECOND;

/// One schedule, all but the dice that are thrown on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// From which the dice are thrown: who is lost, how long each takes.
    pub dice: u64,
    /// Who takes part; the first is member 1.
    pub members: Vec<ProgramKind>,
    /// Which turno nodes ask every peer for every entry; the others keep
    /// permissions.
    #[serde(default)]
    pub ask_everybody: BTreeSet<u16>,
    /// Whether the group has a key. Seed processes have none.
    pub has_key: bool,
    /// How far ahead clocks are written down.
    pub ahead: u64,
    /// How long datagrams take, and what else happens to them until all heals.
    pub network: Network,
    /// How long an entry lasts at the most.
    pub hold: Micros,
    /// How many tokens a turno node has lent for an entry at the most; sometimes
    /// none.
    #[serde(default)]
    pub lent: u64,
    /// How many of a thousand entries outlive a crash of their node. What is done
    /// in the section then goes on until it ends by itself, and a node that is
    /// started anew meanwhile takes the entry up.
    #[serde(default)]
    pub outlive_in_1000: u32,
    /// What the users do.
    pub wishes: Vec<Wish>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
    /// Who was given a list without the last member, if somebody was. Then nobody
    /// is given permission.
    pub odd: Option<u16>,
    /// When all faults are over. From then on nothing is lost, and everybody who
    /// asks must enter.
    pub heals_at: Micros,
    /// A bug, to see that the simulation finds it.
    #[cfg(test)]
    #[serde(skip)]
    pub(crate) planted: Option<Planted>,
}

/// The program at a place of the member list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProgramKind {
    /// turno, with a state directory.
    Durable,
    /// turno, without.
    Forgetful,
    /// A process of the seed.
    Seed,
}

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// The shortest time that a datagram takes.
    pub least: Micros,
    /// How much longer it may take.
    pub spread: Micros,
    /// How many of a thousand are delayed much longer.
    pub late_in_1000: u32,
    /// How much longer those may take.
    pub late_by: Micros,
    /// How many of a thousand are lost.
    pub lost_in_1000: u32,
    /// How many of a thousand arrive a second time, late.
    pub repeated_in_1000: u32,
}

/// Something that a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// When.
    pub at: Micros,
    /// Whose user.
    pub id: u16,
    /// What.
    pub what: What,
}

/// What a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Asks for the section.
    Ask,
    /// Waits no longer.
    GiveUp,
    /// Types the own id.
    Tick,
}

/// Something that goes wrong, and when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// What these members send to the others is lost; both ways, unless one way
    /// only.
    Partition {
        /// When it begins.
        at: Micros,
        /// When it ends.
        until: Micros,
        /// One side.
        side: BTreeSet<u16>,
        /// Whether the others' datagrams reach them.
        is_one_way: bool,
    },
    /// A node crashes and is started anew.
    Crash {
        /// When.
        at: Micros,
        /// When it is started anew.
        until: Micros,
        /// Which.
        id: u16,
        /// At which moment, from then on.
        moment: Moment,
    },
    /// A node stands still, and goes on as if nothing had happened.
    Pause {
        /// From when.
        at: Micros,
        /// Until when.
        until: Micros,
        /// Which.
        id: u16,
    },
}

/// The moment of a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// At once, between two things that it does.
    Now,
    /// In the midst of the next thing that it does, after so many steps of it.
    Amid(usize),
    /// When it has entered the section next.
    Inside,
}

impl Plan {
    /// The plan of a seed: small groups mostly, all kinds of trouble.
    #[must_use]
    pub fn of(seed: u64) -> Plan {
        let mut dice = Rng::with_seed(seed);
        let count = match dice.u32(0..1000) {
            0..=799 => dice.usize(2..=5),
            800..=989 => dice.usize(6..=12),
            _ => dice.usize(13..=50),
        };
        let members = kinds(&mut dice, count);
        let has_seed = members.contains(&ProgramKind::Seed);
        let heals_at = dice.u64(SECOND..=20 * SECOND);
        let network = network(&mut dice);
        let has_key = !has_seed && dice.u32(0..5) == 0;
        let is_forgetful = members.contains(&ProgramKind::Forgetful);
        let ahead = if is_forgetful || dice.bool() {
            1_000_000
        } else {
            dice.u64(1..=100)
        };
        let hold = dice.u64(0..=200) * MILLISECOND;
        let wishes = wishes(&mut dice, &members, heals_at);
        let faults = faults(&mut dice, &members, heals_at);
        let is_odd = count > 2 && !has_seed && dice.u32(0..50) == 0;
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        let odd = is_odd.then(|| dice.u16(1..count));
        let dice_of_play = dice.u64(..);
        // All of them, some, or mostly none.
        let is_turno = |id: &u16| members[usize::from(*id) - 1] != ProgramKind::Seed;
        let turnos = (1..=count).filter(is_turno);
        let ask_everybody = match dice.u32(0..6) {
            0 => turnos.collect(),
            1 => turnos.filter(|_| dice.bool()).collect(),
            _ => BTreeSet::new(),
        };
        let lent = match dice.u32(0..4) {
            0 => 0,
            1 => dice.u64(1..=ahead / 2 + 1),
            _ => dice.u64(1..=10),
        };
        let outlive_in_1000 = match dice.u32(0..3) {
            0 => 0,
            1 => dice.u32(0..=1000),
            _ => 1000,
        };
        Plan {
            odd,
            dice: dice_of_play,
            members,
            ask_everybody,
            lent,
            outlive_in_1000,
            has_key,
            ahead,
            network,
            hold,
            wishes,
            faults,
            heals_at,
            #[cfg(test)]
            planted: None,
        }
    }
}

impl Plan {
    /// The program at this place of the member list.
    pub(super) fn kind(&self, id: NodeId) -> ProgramKind {
        self.members[usize::from(id.0) - 1]
    }
}

/// Why a plan cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    /// The wrong number of members.
    #[error("{0} members; a group has 2 to 50")]
    Members(usize),
    /// An id without a member.
    #[error("there is no member {0}")]
    NoMember(u16),
    /// Something that is over before it has begun, or never.
    #[error("a fault ends before it begins, or after all heals")]
    Times,
    /// The network delays for ever.
    #[error("the network or the holders take longer than a day")]
    Delays,
}

impl Plan {
    /// Whether a plan that was written by hand can be played.
    ///
    /// # Errors
    /// [`PlanError`] says what is wrong with it.
    pub fn check(&self) -> Result<(), PlanError> {
        if !(2..=50).contains(&self.members.len()) {
            return Err(PlanError::Members(self.members.len()));
        }
        let of_wishes = self.wishes.iter().map(|wish| wish.id);
        let of_faults = self.faults.iter().filter_map(|fault| match fault {
            Fault::Partition { .. } => None,
            Fault::Crash { id, .. } | Fault::Pause { id, .. } => Some(*id),
        });
        let is_member = |id: &u16| (1..=self.members.len()).contains(&usize::from(*id));
        let named = self.ask_everybody.iter().copied().chain(self.odd);
        let mut ids = of_wishes.chain(of_faults).chain(named);
        if let Some(id) = ids.find(|id| !is_member(id)) {
            return Err(PlanError::NoMember(id));
        }
        let mut times = self.faults.iter().map(Fault::when);
        if times.any(|(at, until)| at > until || until > self.heals_at) || self.heals_at > LONGEST {
            return Err(PlanError::Times);
        }
        let Network {
            least,
            spread,
            late_by,
            ..
        } = self.network;
        let delays = [least, spread, late_by, self.hold];
        if delays.iter().any(|delay| *delay > LONGEST) {
            return Err(PlanError::Delays);
        }
        Ok(())
    }
}

fn kinds(dice: &mut Rng, count: usize) -> Vec<ProgramKind> {
    let seeds = match dice.u32(0..10) {
        0..=6 => 0,
        _ => dice.usize(1..count),
    };
    let durability = dice.u32(0..3);
    let mut kinds: Vec<ProgramKind> = (0..count)
        .map(|place| match durability {
            _ if place < seeds => ProgramKind::Seed,
            0 => ProgramKind::Durable,
            1 => ProgramKind::Forgetful,
            _ if dice.bool() => ProgramKind::Durable,
            _ => ProgramKind::Forgetful,
        })
        .collect();
    dice.shuffle(&mut kinds);
    kinds
}

fn network(dice: &mut Rng) -> Network {
    let is_calm = dice.u32(0..4) == 0;
    let up_to = |dice: &mut Rng, most: u32| if is_calm { 0 } else { dice.u32(0..=most) };
    Network {
        least: dice.u64(10..=20 * MILLISECOND),
        spread: dice.u64(0..=100 * MILLISECOND),
        late_in_1000: up_to(dice, 200),
        late_by: dice.u64(0..=5 * SECOND),
        lost_in_1000: up_to(dice, 500),
        repeated_in_1000: up_to(dice, 300),
    }
}

fn wishes(dice: &mut Rng, members: &[ProgramKind], heals_at: Micros) -> Vec<Wish> {
    let mut wishes = Vec::new();
    // Many at once, or one after the other.
    let is_crowded = dice.bool();
    let latest = if is_crowded { heals_at / 10 } else { heals_at };
    for (place, kind) in members.iter().enumerate() {
        let id = u16::try_from(place + 1).expect("ids are 16 bits wide");
        for _ in 0..dice.u32(0..=5) {
            let what = match dice.u32(0..10) {
                0 if *kind != ProgramKind::Seed => What::GiveUp,
                1 if *kind != ProgramKind::Seed => What::Tick,
                _ => What::Ask,
            };
            let at = dice.u64(0..=latest);
            wishes.push(Wish { at, id, what });
        }
    }
    wishes
}

/// Seed processes neither crash nor lose anything: they send nothing twice, so
/// they would wait for ever, as they always did. For the same reason nobody
/// crashes whom they have asked.
fn faults(dice: &mut Rng, members: &[ProgramKind], heals_at: Micros) -> Vec<Fault> {
    let count = u16::try_from(members.len()).expect("ids are 16 bits wide");
    let has_seed = members.contains(&ProgramKind::Seed);
    let most = if dice.u32(0..3) == 0 { 0 } else { 6 };
    let mut faults = Vec::new();
    for _ in 0..dice.u32(0..=most) {
        let at = dice.u64(0..heals_at);
        // Short ones too, so that much happens between them.
        let longest = if dice.bool() { heals_at - at } else { SECOND };
        let until = (at + dice.u64(1..=longest)).min(heals_at);
        let id = dice.u16(1..=count);
        faults.push(match dice.u32(0..4) {
            0 => {
                let mut ids: Vec<u16> = (1..=count).collect();
                dice.shuffle(&mut ids);
                ids.truncate(dice.usize(1..=ids.len()));
                let (side, is_one_way) = (ids.into_iter().collect(), dice.bool());
                Fault::Partition {
                    at,
                    until,
                    side,
                    is_one_way,
                }
            }
            1 | 2 if !has_seed => {
                let moment = match dice.u32(0..3) {
                    0 => Moment::Now,
                    1 => Moment::Amid(dice.usize(0..4)),
                    _ => Moment::Inside,
                };
                Fault::Crash {
                    at,
                    until,
                    id,
                    moment,
                }
            }
            _ => Fault::Pause { at, until, id },
        });
    }
    faults
}

impl Fault {
    /// When it begins, and when it is over.
    #[must_use]
    pub fn when(&self) -> (Micros, Micros) {
        match self {
            Fault::Partition { at, until, .. }
            | Fault::Crash { at, until, .. }
            | Fault::Pause { at, until, .. } => (*at, *until),
        }
    }
}

/// As JSON, which can be read again.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}
