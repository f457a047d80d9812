//! The plan of a seed for a group with failover.
//!
//! It is drawn apart from [`Plan::of`], so that the seeds without failover stay as they
//! are.

use std::collections::BTreeSet;
use std::str::FromStr;

use fastrand::Rng;
use serde::{Deserialize, Serialize};

use super::failover_faults::{faults, strike};
use super::generate::{rushes, shared_in_1000};
use super::{Micros, Network, Plan, ProgramKind, SECOND, UserAction, UserActionKind};
use crate::simulation::member_clock::MemberClock;

const MILLISECOND: Micros = 1_000;

/// What is drawn apart from the rest.
const APART: u64 = 0x6661_696c_6f76_6572;

/// Two clocks differ in rate by at most one part in a thousand: each by half of that.
const MAX_RATE: i32 = 500;

/// Which seeds have failover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failover {
    /// All of them.
    Always,
    /// None of them.
    Never,
    /// Half of those with three members or more that can have it.
    #[default]
    Mixed,
}

impl FromStr for Failover {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "always" => Ok(Failover::Always),
            "never" => Ok(Failover::Never),
            "mixed" => Ok(Failover::Mixed),
            _ => Err("say always, never or mixed".to_owned()),
        }
    }
}

/// What only a group with failover has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailoverPlan {
    /// The membership lease.
    pub lease: Micros,
    /// The clock of each member's machine; the first is member 1's.
    pub clocks: Vec<MemberClock>,
    /// How late a timer of the views is at most.
    pub late_by: Micros,
    /// How long after its deadline a command is dead, at most.
    pub dies_late_by: Micros,
    /// How many of a thousand entries are commands, which have the deadline themselves.
    /// The others are guards in the node's own process, which learn from it that they are
    /// lost.
    pub commands_in_1000: u32,
}

impl FailoverPlan {
    /// Makes all clocks agree, and everything punctual.
    pub fn calm(&mut self) {
        self.clocks.fill(MemberClock::default());
        (self.late_by, self.dies_late_by) = (0, 0);
    }
}

impl Failover {
    /// The plan of a seed.
    pub fn plan(self, seed: u64) -> Plan {
        let has_failover = match self {
            Failover::Always => true,
            Failover::Never => false,
            Failover::Mixed => {
                let plan = Plan::of(seed);
                let can_have_it = plan.members.len() >= 3
                    && !plan.members.contains(&ProgramKind::Original)
                    && plan.misled.is_none();
                if !can_have_it || Rng::with_seed(!seed ^ APART).bool() {
                    return plan;
                }
                true
            }
        };
        if has_failover {
            Plan::with_failover(seed)
        } else {
            Plan::of(seed)
        }
    }
}

impl Plan {
    /// Returns the plan of a seed for a group with failover: a few takeovers on a calm
    /// network, which are measured, or all kinds of faults.
    pub fn with_failover(seed: u64) -> Plan {
        let mut random = Rng::with_seed(seed ^ APART);
        let count = match random.u32(0..1000) {
            0..=599 => 3,
            600..=679 => 4,
            680..=879 => 5,
            880..=949 => 7,
            950..=994 => random.usize(6..=9),
            _ => random.usize(10..=15),
        };
        let is_calm = random.u32(0..5) == 0;
        Plan::of_group(&mut random, count, is_calm)
    }

    /// A plan for this many members.
    pub fn of_group(random: &mut Rng, count: usize, is_calm: bool) -> Plan {
        let lease = random.u64(SECOND..=10 * SECOND);
        // Larger groups send more datagrams.
        let longest = if count <= 5 { 12 } else { 6 };
        let mut heals_at = lease * random.u64(20..=10 * longest) / 10;
        let faults = if is_calm {
            heals_at = lease * 7;
            vec![strike(random, lease, heals_at)]
        } else {
            faults(random, count, lease, heals_at)
        };
        let max_hold = match random.u32(0..3) {
            0 => random.u64(0..=50) * MILLISECOND,
            1 => random.u64(0..=lease / 2),
            _ => random.u64(0..=3 * lease),
        };
        let ids = 1..=u16::try_from(count).unwrap_or(u16::MAX);
        let grace = (lease / 10).max(100 * MILLISECOND);
        let random_seed = random.u64(..);
        Plan {
            random_seed,
            members: vec![ProgramKind::Durable; count],
            ask_everybody: match random.u32(0..6) {
                0 => ids.clone().collect(),
                1 => ids.clone().filter(|_| random.bool()).collect(),
                _ => BTreeSet::new(),
            },
            has_key: random.u32(0..10) == 0,
            ahead: if random.bool() {
                1_000_000
            } else {
                random.u64(20..=1000)
            },
            network: network(random, lease, is_calm),
            max_hold,
            max_delegated: if random.bool() { 0 } else { random.u64(1..=10) },
            outlive_in_1000: *random.choice(&[0, 500, 1000]).unwrap_or(&0),
            user_actions: user_actions(random, ids.clone(), heals_at, is_calm),
            faults,
            misled: None,
            rushes: rushes(random_seed, heals_at),
            shared_in_1000: shared_in_1000(random_seed),
            heals_at,
            failover: Some(FailoverPlan {
                lease,
                clocks: ids.map(|_| clock(random)).collect(),
                late_by: random.u64(0..=20 * MILLISECOND),
                dies_late_by: random.u64(0..=grace),
                commands_in_1000: *random.choice(&[0, 500, 1000]).unwrap_or(&0),
            }),
            #[cfg(test)]
            planted: None,
        }
    }
}

fn clock(random: &mut Rng) -> MemberClock {
    let rate = match random.u32(0..4) {
        0 => MAX_RATE,
        1 => -MAX_RATE,
        _ => random.i32(-MAX_RATE..=MAX_RATE),
    };
    MemberClock {
        origin: random.u64(0..=1_000 * SECOND),
        rate,
    }
}

fn network(random: &mut Rng, lease: Micros, is_calm: bool) -> Network {
    let least = random.u64(10..=(lease / 200).min(20 * MILLISECOND));
    if is_calm {
        return Network {
            least,
            spread: random.u64(0..=lease / 200),
            late_in_1000: 0,
            late_by: 0,
            lost_in_1000: 0,
            repeated_in_1000: 0,
        };
    }
    let has_loss = random.bool();
    let up_to = |random: &mut Rng, max| if has_loss { random.u32(0..=max) } else { 0 };
    Network {
        least,
        spread: random.u64(0..=lease / 20),
        lost_in_1000: if random.u32(0..4) == 0 {
            up_to(random, 500)
        } else {
            up_to(random, 100)
        },
        late_in_1000: random.u32(0..=200),
        late_by: random.u64(0..=2 * lease),
        repeated_in_1000: up_to(random, 200),
    }
}

fn user_actions(
    random: &mut Rng,
    ids: impl Iterator<Item = u16>,
    heals_at: Micros,
    is_calm: bool,
) -> Vec<UserAction> {
    let mut actions = Vec::new();
    for id in ids {
        for _ in 0..random.u32(1..=12) {
            let what = match random.u32(0..12) {
                // A takeover is not measured by those who give up.
                0 if is_calm => UserActionKind::Acquire,
                0 => UserActionKind::Cancel,
                1 => UserActionKind::Tick,
                _ => UserActionKind::Acquire,
            };
            let at = random.u64(0..=heals_at);
            actions.push(UserAction { at, id, what });
        }
    }
    actions
}
