//! Views: which members go on together, so that a dead minority stops nobody.
//!
//! A static Ricart-Agrawala needs every member's reply. With views the group goes on
//! while a majority of its members is up and connected: each member holds one lease, by
//! which all its entries end if the others go on without it; and a view is the set of
//! members whose replies an entry needs. Ricart-Agrawala itself stays as it is, within
//! a view.
//!
//! The rules ([`rules`]), what breaks without each, and why they are safe are in
//! `docs/failover.md`. In short: a majority acknowledges a member's beats, and by that
//! promises not to go on without it for the length of the lease. A majority decides a
//! view, and only members vote that are in it and whose promises to all others have
//! ended. So a member that is left out has lost its lease, and with it its entries,
//! before the view begins.
//!
//! Time is handed in ([`Moment`]). Nothing here opens a socket or reads a clock.

mod acknowledgments;
mod ballot;
mod configuration;
mod hearing;
mod heartbeat;
mod lease;
mod members;
mod message;
pub(crate) mod rules;
mod time;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

#[cfg(test)]
use crate::mutex::planted::Planted;
use crate::mutex::{self, Incarnation, NodeId, ViewNumber};
use acknowledgments::Acknowledgments;
use ballot::{Intent, Proposal};
use hearing::Hearing;
use heartbeat::SentBeats;

pub use configuration::{Change, Configuration, Configured};
pub use lease::{Lease, MAX_LEASE, MIN_LEASE};
pub use members::ChangeVote;
pub use message::{Beat, Nonce, View, ViewMessage};
pub use time::Moment;

/// What a member must be told of the views that it takes part in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// This member.
    pub id: NodeId,
    /// This run of it.
    pub incarnation: Incarnation,
    /// The members with which the group was founded.
    pub members: BTreeSet<NodeId>,
    /// The configured members, C, if they have changed since, as this member adopted them
    /// last.
    pub adopted: Configured,
    /// The latest change that an earlier run has voted for.
    pub change_vote: Option<ChangeVote>,
    /// The lease of the group.
    pub lease: Lease,
    /// The highest view number that an earlier run has voted for.
    pub promised: ViewNumber,
    /// Whether this member may have forgotten what it promised: its state is lost or
    /// new, or the lease was another one. Then it first hears every member of C.
    pub is_amnesiac: bool,
    /// A bug, to see that the proofs find it.
    #[cfg(test)]
    pub(crate) planted: Option<Planted>,
}

impl Config {
    /// Of the member with this configuration, which has never run.
    #[must_use]
    pub fn new(member: &mutex::Config, lease: Lease) -> Self {
        Config {
            id: member.id,
            incarnation: member.incarnation,
            members: (1..=member.members).map(NodeId).collect(),
            adopted: None,
            change_vote: None,
            lease,
            promised: ViewNumber::FIRST,
            is_amnesiac: false,
            #[cfg(test)]
            planted: member.planted,
        }
    }
}

/// What is to be done about views, in this order: make durable, then send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// From now on this member votes for larger numbers only.
    pub promise: Option<ViewNumber>,
    /// The latest change of the members that this member has voted for.
    pub change_vote: Option<ChangeVote>,
    /// From now on these are the configured members.
    pub adopted: Option<Arc<Configuration>>,
    /// The configured members have changed.
    pub has_adopted: bool,
    /// From now on the clock's durable bound is at least this.
    pub below: Option<u64>,
    /// These messages, to these members.
    pub sends: Vec<(NodeId, ViewMessage)>,
    /// A view is joined: all permissions of the older ones are void.
    pub joined: Option<View>,
    /// A majority has acknowledged something: an entry that had to wait may be due.
    pub is_renewed: bool,
}

/// The views of a group, as one member sees them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Views {
    config: Config,
    promised: ViewNumber,
    /// The view that is joined; none after a restart until one is.
    view: Option<View>,
    /// The members with which the group was founded.
    founding: Arc<Configuration>,
    /// The configured members that were adopted last.
    adopted: Arc<Configuration>,
    /// Those of the view.
    of_view: Arc<Configuration>,
    change_vote: ChangeVote,
    /// The change that this member was asked for, while it is not made.
    change: Option<Change>,
    /// Beats of a member in an older view than this are not acknowledged.
    barred: BTreeMap<NodeId, ViewNumber>,
    acknowledgments: Acknowledgments,
    beats: SentBeats,
    hearing: Hearing,
    proposal: Option<Proposal>,
    intent: Option<Intent>,
    /// No proposal is made before this.
    propose_after: Moment,
    /// The latest vote of this run.
    voted: Option<(ViewNumber, BTreeSet<NodeId>, Arc<Configuration>)>,
    /// The members that an amnesiac has still to hear.
    unheard: BTreeSet<NodeId>,
}

impl Views {
    /// The views at the start of a run.
    #[must_use]
    pub fn new(config: Config, now: Moment) -> Self {
        let promised = config.promised;
        let founding = Arc::new(Configuration::founding(config.members.clone()));
        let adopted = config
            .adopted
            .clone()
            .unwrap_or_else(|| Arc::clone(&founding));
        let members = &adopted.members;
        let mut others = members.clone();
        others.remove(&config.id);
        let mut views = Views {
            promised,
            view: None,
            barred: rules::barred_at_start(&config, members),
            acknowledgments: Acknowledgments::at_start(&config, members, now),
            change_vote: config.change_vote.clone().unwrap_or_default(),
            change: None,
            of_view: Arc::clone(&adopted),
            founding,
            beats: SentBeats::default(),
            hearing: Hearing::default(),
            proposal: None,
            intent: None,
            propose_after: Moment::default(),
            voted: None,
            unheard: if config.is_amnesiac {
                others
            } else {
                BTreeSet::new()
            },
            adopted,
            config,
        };
        if views.unheard.is_empty() {
            views.begin();
        }
        views
    }

    /// Nothing is forgotten, or everything was heard: takes part.
    fn begin(&mut self) {
        if self.adopted.is_founding() && rules::is_in_first_view(&self.config, self.promised) {
            self.view = Some(View {
                number: ViewNumber::FIRST,
                members: self.members().clone(),
                floor: 0,
                configuration: None,
            });
        }
    }

    /// This member cannot know what was promised in its name: it hears every other one
    /// before it takes part again, as after a restart without its state.
    pub fn forget(&mut self, now: Moment) {
        self.view = None;
        self.proposal = None;
        self.voted = None;
        self.acknowledgments = Acknowledgments::at_start(&self.config, self.members(), now);
        self.unheard = self.others();
    }

    fn others(&self) -> BTreeSet<NodeId> {
        self.peers().collect()
    }

    /// What this member was told of its group.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The view that is joined. `None` after a restart, until one is.
    #[must_use]
    pub fn view(&self) -> Option<&View> {
        self.view.as_ref()
    }

    /// The highest view number that this member has voted for.
    #[must_use]
    pub fn promised(&self) -> ViewNumber {
        self.promised
    }

    /// The members that an amnesiac has still to hear.
    #[must_use]
    pub fn unheard(&self) -> &BTreeSet<NodeId> {
        &self.unheard
    }

    /// How many members are a majority of the C of the own view.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.of_view.majority()
    }

    /// The other configured members.
    fn peers(&self) -> impl Iterator<Item = NodeId> + use<'_> {
        let own = self.config.id;
        let members = self.adopted.members.iter().copied();
        members.filter(move |member| *member != own)
    }

    /// When a peer was last heard, by its beats. `None` if it never was.
    #[must_use]
    pub fn heard_at(&self, peer: NodeId) -> Option<Moment> {
        self.hearing.at(peer)
    }

    /// When a peer last said in a beat that it had heard a new beat of this member. `None`: it
    /// never did.
    #[must_use]
    pub fn heard_by(&self, peer: NodeId) -> Option<Moment> {
        self.hearing.told(peer, self.config.id)
    }

    /// Whether `one` has heard `other` within the length of the lease, as far as this
    /// member knows.
    #[must_use]
    pub fn hears(&self, one: NodeId, other: NodeId, now: Moment) -> bool {
        self.hearing
            .hears(one, other, now, self.config.lease.length())
    }

    /// A message has arrived, of this run of a member. `below` is the durable bound of
    /// this member's clock.
    pub fn receive(
        &mut self,
        now: Moment,
        from: NodeId,
        message: &ViewMessage,
        below: u64,
    ) -> Output {
        let mut output = Output::default();
        let is_peer = self.members().contains(&from) && from != self.config.id;
        if !is_peer {
            self.tell_removed(from, message, &mut output);
        }
        if !is_peer || self.is_removed() || !rules::is_plausible(self, message, below) {
            return output;
        }
        match message {
            ViewMessage::Beat(beat) => self.receive_beat(now, from, beat, below, &mut output),
            ViewMessage::Acknowledge(nonce) => {
                output.is_renewed = self.receive_acknowledgment(now, from, *nonce);
            }
            ViewMessage::Propose {
                number,
                members,
                configuration,
            } => {
                let ballot = (*number, members, configuration);
                self.receive_proposal(now, from, ballot, below, &mut output);
            }
            ViewMessage::Vote {
                number,
                members,
                configuration,
                below,
            } => {
                let ballot = (*number, members, configuration);
                self.receive_vote(now, from, ballot, *below, &mut output);
            }
            ViewMessage::Decision(view) => self.join(now, from, view, &mut output),
            ViewMessage::Leave(nonce) => {
                if self.acknowledgments.leave(&self.config, from, *nonce) {
                    self.hearing.forget(self.config.id, from);
                }
            }
        }
        self.intend(now);
        output
    }

    /// A member that was removed may not know it: it is told once it says something.
    fn tell_removed(&self, from: NodeId, message: &ViewMessage, output: &mut Output) {
        let is_up_to_date = self.of_view.number == self.adopted.number;
        if let (ViewMessage::Beat(_), Some(view)) = (message, &self.view)
            && self.adopted.ever_had(from)
            && is_up_to_date
        {
            let decision = ViewMessage::Decision(view.clone());
            output.sends.push((from, decision));
        }
    }

    /// Joins a view that is decided (rule 7), as a member tells. Nothing is written but a
    /// change of the members.
    fn join(&mut self, now: Moment, from: NodeId, view: &View, output: &mut Output) {
        let configuration = self.configuration_of(&view.configuration);
        let has_successor = configuration.number != view.number;
        self.adopt(now, from, has_successor, &configuration, output);
        if !self.unheard.is_empty() || !rules::may_join(self, view) {
            return;
        }
        self.view = Some(view.clone());
        self.of_view = configuration;
        self.proposal = None;
        // The others acknowledge the beats of the new view.
        self.beat_soon(now);
        output.joined = Some(view.clone());
    }
}

#[cfg(test)]
mod model_hooks;
#[cfg(test)]
mod tests;
