//! The number of a view: a tag of messages. What a view is, [`crate::views`] says.

use core::fmt;

/// The number of a view. Two proposals never share one: it carries the id of its
/// proposer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewNumber {
    /// How many views there may have been: the proposer takes one more than the largest
    /// that it knows of.
    pub counter: u64,
    /// The id of the proposer; 0 in view 0, which nobody proposes.
    pub proposer: u16,
}

impl ViewNumber {
    /// The view in which a group begins: all its members.
    pub const FIRST: ViewNumber = ViewNumber {
        counter: 0,
        proposer: 0,
    };
}

/// `4.2`: the fourth view, proposed by member 2.
impl fmt::Display for ViewNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.counter, self.proposer)
    }
}
