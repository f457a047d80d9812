//! What becomes of datagrams: by the plan and by chance they are lost, cut off,
//! repeated, delayed or overtaken.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::addresses::member_at;
use super::cluster::Parcel;
use super::figures::Figures;
use super::plan::{Fault, Micros, Plan, ProgramKind};
use crate::mutex::NodeId;

/// The links between the members.
pub(super) struct Links<'a> {
    plan: &'a Plan,
    /// The partitions in force, by their index in the plan's faults.
    pub(super) cuts: BTreeSet<usize>,
    /// The members that are cut off from all others.
    pub(super) isolated: BTreeSet<NodeId>,
    /// When the latest datagram of each link arrives.
    latest: BTreeMap<(NodeId, NodeId), Micros>,
    pub(super) is_healed: bool,
}

impl<'a> Links<'a> {
    pub(super) fn new(plan: &'a Plan) -> Self {
        Links {
            plan,
            cuts: BTreeSet::new(),
            isolated: BTreeSet::new(),
            latest: BTreeMap::new(),
            is_healed: false,
        }
    }

    /// From now on no datagram is lost, repeated or much delayed.
    pub(super) fn heal(&mut self) {
        self.is_healed = true;
        self.cuts.clear();
        self.isolated.clear();
    }

    /// Returns when a datagram that is sent now arrives: never, once or twice.
    pub(super) fn arrivals(
        &mut self,
        now: Micros,
        from: NodeId,
        parcel: &Parcel,
        random: &mut Rng,
        figures: &mut Figures,
    ) -> Vec<Micros> {
        figures.sent += 1;
        let to = member_at(parcel.destination);
        let network = self.plan.network;
        let mut arrivals = Vec::new();
        if !self.is_healed && !self.is_of_original(from, to, parcel) {
            if self.is_cut(from, to) {
                figures.cut += 1;
                return arrivals;
            }
            if happens(random, network.lost_in_1000) {
                figures.lost += 1;
                return arrivals;
            }
        }
        if !self.is_healed && happens(random, network.repeated_in_1000) {
            figures.repeated += 1;
            let late = random.u64(0..=network.spread + network.late_by);
            arrivals.push(now + network.least + late);
        }
        let mut takes = network.least + random.u64(0..=network.spread);
        if !self.is_healed && happens(random, network.late_in_1000) {
            takes += random.u64(0..=network.late_by);
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

    /// Whether it is a request of the original, or the reply to one: the original sends
    /// a request once, so the network must not lose it.
    fn is_of_original(&self, from: NodeId, to: NodeId, parcel: &Parcel) -> bool {
        (self.plan.kind(from) == ProgramKind::Original && parcel.text.starts_with(b"req"))
            || (self.plan.kind(to) == ProgramKind::Original && parcel.text.starts_with(b"reply"))
    }

    fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        if self.isolated.contains(&from) || self.isolated.contains(&to) {
            return true;
        }
        let mut cuts = self.cuts.iter().map(|index| &self.plan.faults[*index]);
        cuts.any(|fault| match fault {
            Fault::Link {
                from: one,
                to: other,
                is_one_way,
                ..
            } => {
                let (there, back) = ((*one, *other), (*other, *one));
                let link = (from.0, to.0);
                link == there || !is_one_way && link == back
            }
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

/// Whether a thing happens that happens in this many of a thousand cases.
pub(super) fn happens(random: &mut Rng, in_1000: u32) -> bool {
    in_1000 > 0 && random.u32(0..1000) < in_1000
}
