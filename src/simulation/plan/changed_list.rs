//! Plans in which the member list changes.

use fastrand::Rng;

use super::{Fault, Plan, ProgramKind, UserAction, UserActionKind};

/// Apart from the other plans of a seed.
const APART: u64 = 0x4c49_5354;

impl Plan {
    /// The same plan in which the list changes once or twice, and users ask more often. All
    /// members are turno nodes with a state.
    #[must_use]
    pub fn with_changed_list(mut self) -> Plan {
        let mut random = Rng::with_seed(self.random_seed ^ APART);
        self.members.fill(ProgramKind::Durable);
        self.misled = None;
        let count = u16::try_from(self.members.len()).unwrap_or(u16::MAX);
        for _ in 0..random.u32(1..=2) {
            let at = random.u64(self.heals_at / 8..self.heals_at * 7 / 8);
            let mut ids: Vec<u16> = (1..=count).collect();
            random.shuffle(&mut ids);
            ids.truncate(random.usize(0..ids.len()));
            self.faults.push(Fault::ChangeList {
                at,
                until: random.u64(at..=at + (self.heals_at - at) / 4),
                dead: ids.into_iter().collect(),
            });
        }
        for id in 1..=count {
            for _ in 0..random.u32(2..=8) {
                let at = random.u64(0..=self.heals_at);
                let what = UserActionKind::Acquire;
                self.user_actions.push(UserAction { at, id, what });
            }
        }
        self
    }
}
