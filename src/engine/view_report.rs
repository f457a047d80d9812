//! What can be told of the views: which members go on together, who is out, and why.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::NodeView;
use crate::mutex::{NodeId, ViewNumber};
use crate::system::boot_clock;
use crate::views::{View, Views};

/// How many changes of the view are remembered.
const MAX_RECENT: usize = 16;

/// The changes of the view in this run.
#[derive(Debug, Default)]
pub(crate) struct ViewHistory {
    /// How many there were.
    pub(crate) changes: u64,
    /// The latest, the oldest first.
    pub(crate) recent: VecDeque<(Instant, View)>,
}

impl ViewHistory {
    pub(super) fn joined(&mut self, view: &View) {
        self.changes += 1;
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back((Instant::now(), view.clone()));
    }
}

/// The view of a member, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ViewReport {
    /// The view. `None`: this member is in none yet.
    pub(crate) view: Option<(ViewNumber, Vec<NodeId>)>,
    /// The length of the lease.
    pub(crate) lease: Duration,
    /// How much of it is left. `None`: this member has none.
    pub(crate) left: Option<Duration>,
    /// The members that are not in the view, and why.
    pub(crate) out: Vec<(NodeId, String)>,
}

impl NodeView<'_> {
    /// The view. `None` without failover.
    pub(crate) fn view_report(&self) -> Option<ViewReport> {
        let views = self.member.views()?;
        let now = boot_clock::now();
        let view = views.view();
        let members = view.map(|view| view.members.clone()).unwrap_or_default();
        let all = views.members().iter();
        let out = all.filter(|member| !members.contains(member));
        let left = self.member.leased_until().map(|until| until.since(now));
        Some(ViewReport {
            view: view.map(|view| (view.number, members.iter().copied().collect())),
            lease: views.config().lease.length(),
            left: left.filter(|left| !left.is_zero()),
            out: out.map(|id| (*id, self.why_out(views, *id))).collect(),
        })
    }

    /// Why a member is not in the view, as far as this one can tell.
    fn why_out(&self, views: &Views, id: NodeId) -> String {
        let now = boot_clock::now();
        let (own, lease) = (views.config().id, views.config().lease.length());
        if id == own {
            let unheard = views.unheard().iter();
            let unheard: Vec<String> = unheard.map(|id| self.named(*id)).collect();
            return if unheard.is_empty() {
                "it waits for the others' decision".to_owned()
            } else {
                let unheard = unheard.join(", ");
                format!(
                    "its state or list is new, so it first hears every member; missing: {unheard}"
                )
            };
        }
        match views.heard_at(id).map(|at| now.since(at)) {
            None => return "not heard yet".to_owned(),
            Some(ago) if ago > lease => return format!("not heard for {} s", ago.as_secs()),
            Some(_) => {}
        }
        if !views.hears(id, own, now) {
            return "it does not hear this member".to_owned();
        }
        let members = views.view().into_iter().flat_map(|view| &view.members);
        let mut others = members.filter(|other| **other != own);
        let is_cut = |other: &&NodeId| !views.hears(id, **other, now);
        match others.find(is_cut) {
            Some(other) => format!("it hears this member, and not {}", self.named(*other)),
            None => "it is heard again, and joins the next view".to_owned(),
        }
    }

    /// The members of which this one has not heard within a lease. Empty if it has a lease,
    /// and without failover.
    pub(super) fn unheard_for_a_lease(&self) -> Vec<NodeId> {
        let now = boot_clock::now();
        let is_leased = self.member.leased_until().is_none_or(|until| until > now);
        let Some(views) = self.member.views().filter(|_| !is_leased) else {
            return Vec::new();
        };
        let lease = views.config().lease.length();
        let is_heard = |id: &NodeId| {
            let heard = views.heard_at(*id);
            heard.is_some_and(|at| now.since(at) <= lease)
        };
        let peers = self.member.peers().iter().copied();
        peers.filter(|id| !is_heard(id)).collect()
    }

    /// `gamma:7001 (3)`.
    fn named(&self, id: NodeId) -> String {
        format!("{} ({id})", self.group.name(id))
    }

    /// The view, as a log tells it: `view 3.1 of alpha:7001 (1), gamma:7001 (3); without
    /// beta:7001 (2): not heard for 3 s`.
    pub(crate) fn shown_view(&self) -> Option<String> {
        let report = self.view_report()?;
        let mut text = match &report.view {
            Some((number, members)) => {
                let members: Vec<String> = members.iter().map(|id| self.named(*id)).collect();
                format!("view {number} of {}", members.join(", "))
            }
            None => "in no view".to_owned(),
        };
        for (id, why) in &report.out {
            text.push_str(&format!("; without {}: {why}", self.named(*id)));
        }
        Some(text)
    }
}
