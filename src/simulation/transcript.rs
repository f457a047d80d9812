//! What a program did, in the words that a real one prints.

use super::cluster::{Cluster, Done, Handled, Parcel, Program, ProgramStep};
use crate::engine::NodeEvent;
use crate::group::Group;
use crate::narrate::narrate;
use crate::printable::Printable;

/// The lines about a step, in order, without whose they are. A seed process
/// tells less than ours: what arrived, what it sent, that it entered or left.
#[must_use]
pub fn told(cluster: &Cluster, step: &ProgramStep, arrived: Option<&Parcel>) -> Vec<String> {
    let Some(program) = cluster.program(step.id) else {
        return Vec::new();
    };
    let happening = match (program, &step.handled, arrived) {
        (Program::Seed(peer, group), ..) => {
            return of_a_seed(peer.clock(), group, step, arrived);
        }
        (Program::Turno(member, _), Some(Handled::Handled(event, outcome)), _) => {
            NodeEvent::Handled {
                event,
                outcome: outcome.as_deref().map_err(|rejected| *rejected),
                member,
            }
        }
        (Program::Turno(member, _), Some(Handled::Dropped(reason)), Some(parcel)) => {
            NodeEvent::Dropped {
                source: parcel.source,
                bytes: &parcel.text,
                reason: *reason,
                member,
            }
        }
        _ => return Vec::new(),
    };
    narrate(&happening).into_iter().map(|l| l.text).collect()
}

fn of_a_seed(
    clock: u64,
    group: &Group,
    step: &ProgramStep,
    arrived: Option<&Parcel>,
) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(parcel) = arrived {
        lines.push(format!("{} received, clock {clock}", parcel.head()));
    }
    for done_one in &step.done {
        match done_one {
            Done::Sent(parcel) => {
                let host = parcel.destination.ip();
                let mut members = group.members.iter();
                let place = members.position(|member| member.ip() == host);
                let to = place.map_or_else(|| host.to_string(), |place| (place + 1).to_string());
                lines.push(format!("{} sent to {to}", parcel.head()));
            }
            Done::Entered(_) => lines.push("Process entered CS".to_owned()),
            Done::Left => lines.push("Process exited CS".to_owned()),
            Done::Reserved(_) | Done::Delegated(..) | Done::Timer(..) => {}
        }
    }
    lines
}

impl Parcel {
    /// What the seed reads of it: `kind<clock,id>`.
    #[must_use]
    pub fn head(&self) -> String {
        let end = self.text.iter().position(|byte| *byte == b'>');
        let end = end.map_or(self.text.len(), |place| place + 1);
        Printable::new(&self.text[..end]).to_string()
    }
}
