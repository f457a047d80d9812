//! Whether a plan that a user wrote can be run.

use thiserror::Error;

use super::{Fault, Micros, Plan, ProgramKind, SECOND};

/// The longest that anything lasts in a plan: a day.
const MAX_DURATION: Micros = 24 * 3600 * SECOND;

/// Why a plan cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanError {
    #[error("{0} members; a group has 2 to 50")]
    Members(usize),
    #[error("there is no member {0}")]
    NoMember(u16),
    #[error("a fault ends before it begins, or after all heals")]
    Times,
    #[error("the network or the holders take longer than a day")]
    Delays,
    #[error(
        "failover needs three durable members or more, a clock for each, and a lease of a second or more"
    )]
    Failover,
}

impl Plan {
    /// Checks a plan that a user wrote.
    pub fn check(&self) -> Result<(), PlanError> {
        if !(2..=50).contains(&self.members.len()) {
            return Err(PlanError::Members(self.members.len()));
        }
        let of_users = self.user_actions.iter().map(|action| action.id);
        let of_faults = self.faults.iter().flat_map(Fault::named).flatten();
        let is_member = |id: &u16| (1..=self.members.len()).contains(&usize::from(*id));
        let named = self.ask_everybody.iter().copied().chain(self.misled);
        let mut ids = of_users.chain(of_faults).chain(named);
        if let Some(id) = ids.find(|id| !is_member(id)) {
            return Err(PlanError::NoMember(id));
        }
        let mut times = self.faults.iter().map(Fault::when);
        if times.any(|(at, until)| at > until || until > self.heals_at)
            || self.heals_at > MAX_DURATION
        {
            return Err(PlanError::Times);
        }
        let network = self.network;
        let of_network = network.least.max(network.spread).max(network.late_by);
        if of_network.max(self.max_hold) > MAX_DURATION {
            return Err(PlanError::Delays);
        }
        let is_valid = self.failover.as_ref().is_none_or(|failover| {
            let mut kinds = self.members.iter();
            let times = failover
                .lease
                .max(failover.late_by)
                .max(failover.dies_late_by);
            kinds.all(|kind| *kind == ProgramKind::Durable)
                && failover.clocks.len() == self.members.len()
                && failover.clocks.len() >= 3
                && failover.clocks.iter().all(|clock| clock.is_valid())
                && (SECOND..=MAX_DURATION).contains(&failover.lease)
                && times <= MAX_DURATION
                && self.misled.is_none()
        });
        is_valid.then_some(()).ok_or(PlanError::Failover)
    }
}
