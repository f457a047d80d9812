//! What a search must see, so that it cannot pass because nothing happened.

/// The name of each bit, from the lowest bit up.
pub(super) const NAMES: &[&str] = &[
    "entered",
    "takeover",
    "rejoined",
    "lost",
    "held-across-a-join",
    "decided-late",
    "entered-after-restart",
    "two-views-entered",
    "resumed",
    "changed",
    "entered-after-a-change",
    "entered-as-a-new-member",
];

pub(super) const ENTERED: u16 = 1;
/// An entry in a view without some member.
pub(super) const TAKEOVER: u16 = 2;
/// An entry in a view of all members, after one without some of them was decided.
pub(super) const REJOINED: u16 = 4;
/// An entry that ended with the lease.
pub(super) const LOST: u16 = 8;
/// An entry that goes on while its member joins a view.
pub(super) const HELD_ACROSS_A_JOIN: u16 = 16;
/// A decision after some member has voted for a later view.
pub(super) const DECIDED_LATE: u16 = 32;
pub(super) const ENTERED_AFTER_RESTART: u16 = 64;
/// An entry after another one in an older view.
pub(super) const TWO_VIEWS_ENTERED: u16 = 128;
/// The command of an earlier run goes on with the lease of this one.
pub(super) const RESUMED: u16 = 256;
/// A member has adopted a change of the configured members.
pub(super) const CHANGED: u16 = 512;
/// An entry in a view with other configured members than at the start.
pub(super) const ENTERED_AFTER_A_CHANGE: u16 = 1024;
/// An entry of a member that was added.
pub(super) const ENTERED_AS_NEW: u16 = 2048;
