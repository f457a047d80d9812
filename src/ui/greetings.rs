//! Hellos and welcomes in one line: they tell clocks and grant nothing, and a line for each
//! would be in the way of what the user is here to see.

use std::collections::BTreeSet;

use crate::engine::NodeEvent;
use crate::mutex::{Body, NodeId};
use crate::narrate::{Line, Tone, listed};
use crate::protocol::Event;

/// The beginning of the line.
pub(super) const GREETED: &str = "heard the clocks of";

/// So many members are listed; of more only the number is shown.
const MAX_LISTED: usize = 9;

/// The members that have welcomed this node, and so told it their clocks.
#[derive(Debug, Default)]
pub(super) struct Greetings {
    members: BTreeSet<NodeId>,
}

impl Greetings {
    /// How many members it is.
    pub(super) fn count(&self) -> usize {
        self.members.len()
    }

    /// Takes the line about a greeting out of the lines about an event, and returns the one
    /// line about all greetings in its place. A greeting that means trouble stays.
    pub(super) fn take_from(
        &mut self,
        lines: &mut Vec<Line>,
        what: &NodeEvent<'_>,
    ) -> Option<Line> {
        let (sender, tells_clock) = greeting(what)?;
        if tells_clock {
            self.members.insert(sender);
        }
        let place = lines.iter().position(|line| line.tone == Tone::Ignored)?;
        lines.remove(place);
        let members = match self.members.len() {
            0 => return None,
            1..=MAX_LISTED => listed(&self.members),
            many => format!("{many} members"),
        };
        Some(Line {
            text: format!("{GREETED} {members} (hello and welcome: no permission)"),
            tone: Tone::Ignored,
        })
    }
}

/// The sender of a hello or a welcome that was taken, and whether it is a welcome.
fn greeting(what: &NodeEvent<'_>) -> Option<(NodeId, bool)> {
    let NodeEvent::Handled {
        event: Event::Received { message, .. },
        outcome: Ok(_),
        ..
    } = what
    else {
        return None;
    };
    match message.body {
        Body::Hello => Some((message.from, false)),
        Body::Welcome { .. } => Some((message.from, true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::narrate;
    use crate::protocol::tests::{hello, request, unstarted, welcome};

    /// The line about all greetings, and the other lines.
    fn lines_about(
        greetings: &mut Greetings,
        member: &mut crate::protocol::Member,
        event: &Event,
    ) -> (Option<String>, usize) {
        let mut effects = Vec::new();
        let outcome = member.handle(event, &mut effects);
        let what = NodeEvent::Handled {
            event,
            outcome: outcome.map(|()| &*effects),
            member,
        };
        let mut lines = narrate(&what);
        let greeted = greetings.take_from(&mut lines, &what);
        (greeted.map(|line| line.text), lines.len())
    }

    #[test]
    fn all_greetings_are_one_line_and_a_request_is_a_line_of_its_own() {
        let (mut greetings, mut member) = (Greetings::default(), unstarted(1, 3));
        let hello = lines_about(&mut greetings, &mut member, &hello(3));
        assert_eq!(hello, (None, 0), "it does not tell a clock");
        let first = lines_about(&mut greetings, &mut member, &welcome(1, 3));
        let text = "heard the clocks of 3 (hello and welcome: no permission)";
        assert_eq!(first, (Some(text.to_owned()), 0));
        let second = lines_about(&mut greetings, &mut member, &welcome(1, 2));
        let text = "heard the clocks of 2, 3 (hello and welcome: no permission)";
        assert_eq!(second, (Some(text.to_owned()), 0));
        let asked = lines_about(&mut greetings, &mut member, &request(4, 2));
        assert_eq!(asked, (None, 1));
    }
}
