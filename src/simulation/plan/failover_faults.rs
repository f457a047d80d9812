//! What goes wrong in a group with failover.

use fastrand::Rng;

use super::{Fault, Micros, Moment, Strike};

pub(super) fn strike(random: &mut Rng, lease: Micros, heals_at: Micros) -> Fault {
    let strikes = [Strike::CutOff, Strike::Crash, Strike::Pause];
    Fault::Strike {
        at: random.u64(2 * lease..=3 * lease),
        until: heals_at,
        how: *random.choice(&strikes).unwrap_or(&Strike::CutOff),
    }
}

/// Partitions, one-way links, pauses, suspends, crashes, wiped disks and members that
/// leave: at any time, and for as long as leases are in question.
pub(super) fn faults(
    random: &mut Rng,
    count: usize,
    lease: Micros,
    heals_at: Micros,
) -> Vec<Fault> {
    let ids: Vec<u16> = (1..=u16::try_from(count).unwrap_or(u16::MAX)).collect();
    let begins = if random.u32(0..8) == 0 { 0 } else { lease / 2 };
    let mut faults = Vec::new();
    for _ in 0..random.u32(0..=8) {
        let at = random.u64(begins..heals_at);
        let longest = if random.u32(0..3) == 0 {
            4 * lease
        } else {
            3 * lease / 2
        };
        let until = (at + random.u64(1..=longest)).min(heals_at);
        // The smaller ids more often: they propose first.
        let id = ids[random.usize(0..ids.len()).min(random.usize(0..ids.len()))];
        match random.u32(0..20) {
            0..=3 => {
                let mut side = ids.clone();
                random.shuffle(&mut side);
                side.truncate(random.usize(1..ids.len()));
                faults.push(Fault::Partition {
                    at,
                    until,
                    side: side.into_iter().collect(),
                    is_one_way: random.bool(),
                });
            }
            4..=6 => {
                let to = ids[random.usize(0..ids.len())];
                if id != to {
                    faults.push(Fault::Link {
                        at,
                        until,
                        from: id,
                        to,
                        is_one_way: random.bool(),
                    });
                }
            }
            7..=8 => faults.push(Fault::Pause { at, until, id }),
            9 => faults.push(Fault::Suspend { at, until, id }),
            10..=14 => faults.push(crash(random, at, until, id)),
            // All machines lose power at once.
            15 => faults.extend(ids.iter().map(|id| crash(random, at, until, *id))),
            16 => faults.push(Fault::Wipe { at, until, id }),
            17..=18 => {
                let until = (at + random.u64(1..=lease)).min(heals_at);
                faults.push(Fault::Leave { at, until, id });
            }
            _ => faults.push(Fault::Strike {
                at,
                until,
                how: *random
                    .choice(&[Strike::CutOff, Strike::Crash, Strike::Pause])
                    .unwrap_or(&Strike::Pause),
            }),
        }
    }
    faults
}

fn crash(random: &mut Rng, at: Micros, until: Micros, id: u16) -> Fault {
    let moment = match random.u32(0..6) {
        0 | 1 => Moment::Now,
        2 => Moment::Amid(random.usize(0..4)),
        3 => Moment::Inside,
        _ => Moment::Voting,
    };
    // Mostly it restarts soon.
    let until = if random.bool() { until } else { at + 1 };
    Fault::Crash {
        at,
        until,
        id,
        moment,
    }
}
