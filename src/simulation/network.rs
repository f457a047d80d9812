//! What becomes of datagrams: lost, cut off, repeated, delayed, overtaken, as the
//! plan and the dice say.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::addresses::member_at;
use super::cluster::Parcel;
use super::figures::Figures;
use super::plan::{Fault, Micros, Plan, ProgramKind};
use crate::mutex::NodeId;

/// The network of a play.
pub(super) struct Links<'a> {
    plan: &'a Plan,
    /// The partitions that there are: places in the plan's faults.
    cuts: BTreeSet<usize>,
    /// When the latest datagram from one to another arrives.
    latest: BTreeMap<(NodeId, NodeId), Micros>,
    is_healed: bool,
}

impl<'a> Links<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Links {
            plan,
            cuts: BTreeSet::new(),
            latest: BTreeMap::new(),
            is_healed: false,
        }
    }

    /// The partition at this place in the plan begins.
    pub(super) fn cut(&mut self, place: usize) {
        self.cuts.insert(place);
    }

    /// The fault at this place in the plan is over. Whether it was a partition.
    pub(super) fn join(&mut self, place: usize) -> bool {
        self.cuts.remove(&place)
    }

    /// From now on nothing is lost, repeated or delayed much.
    pub(super) fn heal(&mut self) {
        self.is_healed = true;
        self.cuts.clear();
    }

    /// When a datagram that is sent now arrives: never, once, or twice.
    pub(super) fn arrivals(
        &mut self,
        now: Micros,
        from: NodeId,
        parcel: &Parcel,
        dice: &mut Rng,
        figures: &mut Figures,
    ) -> Vec<Micros> {
        figures.sent += 1;
        let to = member_at(parcel.destination);
        let network = self.plan.network;
        let mut arrivals = Vec::new();
        if !self.is_healed && !self.is_a_seeds(from, to, parcel) {
            if self.is_cut(from, to) {
                figures.cut += 1;
                return arrivals;
            }
            if comes_up(dice, network.lost_in_1000) {
                figures.lost += 1;
                return arrivals;
            }
        }
        if !self.is_healed && comes_up(dice, network.repeated_in_1000) {
            figures.repeated += 1;
            let late = dice.u64(0..=network.spread + network.late_by);
            arrivals.push(now + network.least + late);
        }
        let mut takes = network.least + dice.u64(0..=network.spread);
        if !self.is_healed && comes_up(dice, network.late_in_1000) {
            takes += dice.u64(0..=network.late_by);
        }
        let arrives = now + takes;
        let latest = self.latest.entry((from, to)).or_default();
        if arrives < *latest {
            figures.overtaken += 1;
        }
        *latest = arrives.max(*latest);
        arrivals.push(arrives);
        arrivals
    }

    /// What a seed process asks, and the answer: sent once, so never lost here.
    fn is_a_seeds(&self, from: NodeId, to: NodeId, parcel: &Parcel) -> bool {
        (self.plan.kind(from) == ProgramKind::Seed && parcel.text.starts_with(b"req"))
            || (self.plan.kind(to) == ProgramKind::Seed && parcel.text.starts_with(b"reply"))
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
}

/// Whether something happens that does in so many of a thousand cases.
pub(super) fn comes_up(dice: &mut Rng, in_1000: u32) -> bool {
    in_1000 > 0 && dice.u32(0..1000) < in_1000
}
