//! What the model check of the views reads of them, decides for them, and removes from
//! them. `crate::model_check::views` says why.

use super::*;

/// Later than anything that happens in a search.
const NEVER: Moment = Moment(u64::MAX);

impl Views {
    /// Forgets what only heuristics use, so that two members that behave alike are equal:
    /// all members hear all, a beat is always due, and no proposal is made, repeated or
    /// withdrawn by the passing of time.
    pub(crate) fn forget_heuristics(&mut self, now: Moment, with_leaves: bool) {
        let members = &self.adopted.members;
        self.hearing.hear_all(members, now);
        self.beats.is_due_at_once();
        self.intent = None;
        self.propose_after = NEVER;
        if let Some(proposal) = &mut self.proposal {
            proposal.never_ends(NEVER);
        }
        if !with_leaves {
            self.acknowledgments.forget_nonces();
        }
    }

    /// Proposes a view whose number has this counter.
    pub(crate) fn propose_as_told(
        &mut self,
        now: Moment,
        counter: u64,
        members: BTreeSet<NodeId>,
        change: Option<&Change>,
        below: u64,
    ) -> Output {
        let mut output = Output::default();
        self.propose(now, counter, members, change, below, &mut output);
        output
    }

    /// The number of its proposal that is not decided.
    pub(crate) fn proposes(&self) -> Option<ViewNumber> {
        self.proposal.as_ref().map(|proposal| proposal.number())
    }

    /// Whether another member may still count on this one.
    pub(crate) fn is_counted_on(&self, by: NodeId, now: Moment) -> bool {
        self.acknowledgments.is_given(by, now)
    }

    /// Whether this member counts on another one.
    pub(crate) fn counts_on(&self, on: NodeId) -> bool {
        self.acknowledgments.has_got(on)
    }

    /// What this member acknowledged to another has ended.
    pub(crate) fn end_given(&mut self, to: NodeId) {
        self.acknowledgments.end_given(to);
    }

    /// What another member acknowledged to this one has ended.
    pub(crate) fn end_got(&mut self, from: NodeId) {
        self.acknowledgments.end_got(from);
    }
}
