//! The plan of a seed.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::{
    Fault, Micros, Moment, Network, Plan, ProgramKind, SECOND, UserAction, UserActionKind,
};

const MILLISECOND: Micros = 1_000;

impl Plan {
    /// Returns the plan of a seed: mostly small groups, and all kinds of faults.
    pub fn of(seed: u64) -> Plan {
        let mut random = Rng::with_seed(seed);
        let count = match random.u32(0..1000) {
            0..=799 => random.usize(2..=5),
            800..=989 => random.usize(6..=12),
            _ => random.usize(13..=50),
        };
        let members = programs(&mut random, count);
        let has_original = members.contains(&ProgramKind::Original);
        let heals_at = random.u64(SECOND..=20 * SECOND);
        let network = network(&mut random);
        let has_key = !has_original && random.u32(0..5) == 0;
        let is_forgetful = members.contains(&ProgramKind::Forgetful);
        let ahead = if is_forgetful || random.bool() {
            1_000_000
        } else {
            random.u64(1..=100)
        };
        let max_hold = random.u64(0..=200) * MILLISECOND;
        let user_actions = user_actions(&mut random, &members, heals_at);
        let faults = faults(&mut random, &members, heals_at);
        let is_divided = count > 2 && !has_original && random.u32(0..50) == 0;
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        let misled = is_divided.then(|| random.u16(1..count));
        let random_seed = random.u64(..);
        // All of them, some, or mostly none.
        let is_turno = |id: &u16| members[usize::from(*id) - 1] != ProgramKind::Original;
        let turnos = (1..=count).filter(is_turno);
        let ask_everybody = match random.u32(0..6) {
            0 => turnos.collect(),
            1 => turnos.filter(|_| random.bool()).collect(),
            _ => BTreeSet::new(),
        };
        let max_delegated = match random.u32(0..4) {
            0 => 0,
            1 => random.u64(1..=ahead / 2 + 1),
            _ => random.u64(1..=10),
        };
        let outlive_in_1000 = match random.u32(0..3) {
            0 => 0,
            1 => random.u32(0..=1000),
            _ => 1000,
        };
        Plan {
            random_seed,
            members,
            ask_everybody,
            has_key,
            ahead,
            network,
            max_hold,
            max_delegated,
            outlive_in_1000,
            user_actions,
            faults,
            misled,
            rushes: rushes(random_seed, heals_at),
            shared_in_1000: shared_in_1000(random_seed),
            heals_at,
            failover: None,
            #[cfg(test)]
            planted: None,
        }
    }
}

/// In a quarter of the runs: up to three. They leave everything else of a seed as it is.
pub(super) fn rushes(random_seed: u64, heals_at: Micros) -> Vec<Micros> {
    let mut random = Rng::with_seed(random_seed ^ 0x5255_5348);
    let count = if random.u32(0..4) == 0 {
        random.u32(1..=3)
    } else {
        0
    };
    (0..count).map(|_| random.u64(0..heals_at)).collect()
}

/// In a third of the runs some requests are shared; in some of these, most. It leaves
/// everything else of a seed as it is.
pub(super) fn shared_in_1000(random_seed: u64) -> u32 {
    let mut random = Rng::with_seed(random_seed ^ 0x5348_4152);
    match random.u32(0..6) {
        0 => random.u32(1..=1000),
        1 => 700,
        _ => 0,
    }
}

fn programs(random: &mut Rng, count: usize) -> Vec<ProgramKind> {
    let originals = match random.u32(0..10) {
        0..=6 => 0,
        _ => random.usize(1..count),
    };
    let durability = random.u32(0..3);
    let mut programs: Vec<ProgramKind> = (0..count)
        .map(|index| match durability {
            _ if index < originals => ProgramKind::Original,
            0 => ProgramKind::Durable,
            1 => ProgramKind::Forgetful,
            _ if random.bool() => ProgramKind::Durable,
            _ => ProgramKind::Forgetful,
        })
        .collect();
    random.shuffle(&mut programs);
    programs
}

fn network(random: &mut Rng) -> Network {
    let is_calm = random.u32(0..4) == 0;
    let up_to = |random: &mut Rng, max| if is_calm { 0 } else { random.u32(0..=max) };
    Network {
        least: random.u64(10..=20 * MILLISECOND),
        spread: random.u64(0..=100 * MILLISECOND),
        late_in_1000: up_to(random, 200),
        late_by: random.u64(0..=5 * SECOND),
        lost_in_1000: up_to(random, 500),
        repeated_in_1000: up_to(random, 300),
    }
}

fn user_actions(random: &mut Rng, members: &[ProgramKind], heals_at: Micros) -> Vec<UserAction> {
    let mut actions = Vec::new();
    // Many at the same time, or one after the other.
    let is_crowded = random.bool();
    let latest = if is_crowded { heals_at / 10 } else { heals_at };
    for (id, kind) in (1..).zip(members) {
        for _ in 0..random.u32(0..=5) {
            let what = match random.u32(0..10) {
                0 if *kind != ProgramKind::Original => UserActionKind::Cancel,
                1 if *kind != ProgramKind::Original => UserActionKind::Tick,
                _ => UserActionKind::Acquire,
            };
            let at = random.u64(0..=latest);
            actions.push(UserAction { at, id, what });
        }
    }
    actions
}

/// No process of the original crashes or loses a datagram: it sends nothing twice, and
/// would wait for ever, as it always did. So no peer that it asks crashes either.
fn faults(random: &mut Rng, members: &[ProgramKind], heals_at: Micros) -> Vec<Fault> {
    let count = u16::try_from(members.len()).expect("ids are 16 bits wide");
    let has_original = members.contains(&ProgramKind::Original);
    let max_faults = if random.u32(0..3) == 0 { 0 } else { 6 };
    let mut faults = Vec::new();
    for _ in 0..random.u32(0..=max_faults) {
        let at = random.u64(0..heals_at);
        // Short ones too, so that much happens between them.
        let longest = if random.bool() { heals_at - at } else { SECOND };
        let until = (at + random.u64(1..=longest)).min(heals_at);
        let id = random.u16(1..=count);
        faults.push(match random.u32(0..4) {
            0 => {
                let mut ids: Vec<u16> = (1..=count).collect();
                random.shuffle(&mut ids);
                ids.truncate(random.usize(1..=ids.len()));
                let (side, is_one_way) = (ids.into_iter().collect(), random.bool());
                Fault::Partition {
                    at,
                    until,
                    side,
                    is_one_way,
                }
            }
            1 | 2 if !has_original => {
                let moment = match random.u32(0..3) {
                    0 => Moment::Now,
                    1 => Moment::Amid(random.usize(0..4)),
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
