//! What a program did, in the words that a real one prints.

use super::cluster::{Cluster, Done, Handled, Parcel, Program, ProgramStep};
use crate::engine::NodeEvent;
use crate::group::Group;
use crate::narrate::{ENTERED, EXITED, Line, Tone, narrate, received, sent};
use crate::printable::Printable;

/// The lines about a step, in order, without the id of the program. A process of the
/// original reports less: what arrived, what it sent, that it entered or left.
pub fn step_lines(cluster: &Cluster, step: &ProgramStep, arrived: Option<&Parcel>) -> Vec<String> {
    let lines = step_narration(cluster, step, arrived);
    lines.into_iter().map(|line| line.text).collect()
}

/// The same lines, each with what it means.
pub(crate) fn step_narration(
    cluster: &Cluster,
    step: &ProgramStep,
    arrived: Option<&Parcel>,
) -> Vec<Line> {
    let Some(program) = cluster.program(step.id) else {
        return Vec::new();
    };
    let event = match (program, &step.handled, arrived) {
        (Program::Original(peer, group), ..) => {
            return original_lines(peer.clock, group, step, arrived);
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
    narrate(&event)
}

fn original_lines(
    clock: u64,
    group: &Group,
    step: &ProgramStep,
    arrived: Option<&Parcel>,
) -> Vec<Line> {
    let line = |tone, text| Line { text, tone };
    let clock = format!(", clock {clock}");
    let arrived = arrived.map(|parcel| line(Tone::Ordinary, received(&parcel.head(), &clock)));
    let done = step.done.iter().filter_map(|done| match done {
        Done::Sent(parcel) => {
            let host = parcel.destination.ip();
            let mut members = group.members.iter();
            let index = members.position(|member| member.is_some_and(|it| it.ip() == host));
            let to = index.map_or_else(|| host.to_string(), |index| (index + 1).to_string());
            Some(line(Tone::Ordinary, sent(&parcel.head(), to)))
        }
        Done::Entered(..) => Some(line(Tone::Section, ENTERED.to_owned())),
        Done::Left => Some(line(Tone::Section, EXITED.to_owned())),
        Done::Reserved(_)
        | Done::Promised(_)
        | Done::Joined
        | Done::Lost
        | Done::Contended
        | Done::Refused
        | Done::Delegated(..)
        | Done::Timer(..) => None,
    });
    arrived.into_iter().chain(done).collect()
}

impl Parcel {
    /// The part that a process of the original reads: `kind<clock,id>`.
    pub fn head(&self) -> String {
        let end = self.text.iter().position(|byte| *byte == b'>');
        let end = end.map_or(self.text.len(), |index| index + 1);
        Printable::new(&self.text[..end]).to_string()
    }
}
