//! Hellos and welcomes in one line of the log: they tell clocks and grant nothing, and
//! one line for each would push what the user is here to see out of it.

use std::collections::BTreeSet;

use crate::engine::NodeEvent;
use crate::mutex::{Body, NodeId};
use crate::narrate::{Line, Tone, listed};
use crate::protocol::Event;

/// The beginning of the line.
pub(super) const GREETED: &str = "hello and welcome of";

/// So many members are listed; of more only the number is shown.
const MAX_LISTED: usize = 9;

/// The members that this node has heard a hello or a welcome of.
#[derive(Debug, Default)]
pub(super) struct Greetings {
    members: BTreeSet<NodeId>,
}

impl Greetings {
    /// Takes the line about a greeting out of the lines about an event, and returns the one
    /// line about all greetings in its place. A greeting that means trouble stays.
    pub(super) fn take_from(
        &mut self,
        lines: &mut Vec<Line>,
        what: &NodeEvent<'_>,
    ) -> Option<Line> {
        let sender = sender_of_greeting(what)?;
        let place = lines.iter().position(|line| line.tone == Tone::Ignored)?;
        lines.remove(place);
        self.members.insert(sender);
        let members = match self.members.len() {
            0..=MAX_LISTED => listed(&self.members),
            many => format!("{many} members"),
        };
        Some(Line {
            text: format!("{GREETED} {members}: no permission"),
            tone: Tone::Ignored,
        })
    }
}

/// The sender, if the event is a hello or a welcome that was taken.
fn sender_of_greeting(what: &NodeEvent<'_>) -> Option<NodeId> {
    match what {
        NodeEvent::Handled {
            event: Event::Received { message, .. },
            outcome: Ok(_),
            ..
        } if matches!(message.body, Body::Hello | Body::Welcome { .. }) => Some(message.from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::narrate;
    use crate::protocol::tests::{hello, request, unstarted};

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
        let first = lines_about(&mut greetings, &mut member, &hello(3));
        let text = "hello and welcome of 3: no permission";
        assert_eq!(first, (Some(text.to_owned()), 0));
        let second = lines_about(&mut greetings, &mut member, &hello(2));
        let text = "hello and welcome of 2, 3: no permission";
        assert_eq!(second, (Some(text.to_owned()), 0));
        let asked = lines_about(&mut greetings, &mut member, &request(4, 2));
        assert_eq!(asked, (None, 1));
    }
}
