//! What happened in a play, written down.

use std::fmt::Write;

use super::cluster::{Cluster, Handled, Parcel, Program, ProgramStep};
use super::plan::Micros;
use super::transcript::told;
use crate::protocol::Member;
use crate::trace::{Header, Record, Run};

/// What happened in a play.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// In words.
    pub log: String,
    /// As the trace of each run of each turno node, in the order of starting.
    pub runs: Vec<Run>,
}

impl Recording {
    /// A line about something that happened.
    pub(super) fn tell(&mut self, now: Micros, what: &str) {
        let _ = writeln!(self.log, "{:>13.6} {what}", now as f64 / 1e6);
    }

    /// A turno node has been put in its place.
    pub(super) fn begin(&mut self, member: &Member) {
        self.runs.push(Run::new(Header::new(member)));
    }

    /// What came of something that happened to a program.
    pub(super) fn step(
        &mut self,
        now: Micros,
        cluster: &Cluster,
        step: &ProgramStep,
        arrived: Option<&Parcel>,
    ) {
        let id = step.id;
        for line in told(cluster, step, arrived) {
            self.tell(now, &format!("{id}| {line}"));
        }
        let Some(Program::Turno(member, _)) = cluster.program(id) else {
            return;
        };
        if let Some(Handled::Handled(event, outcome)) = &step.handled {
            let header = Header::new(member);
            let outcome = outcome.as_deref().map_err(|rejected| *rejected);
            let run = self.runs.iter_mut().find(|run| run.header == header);
            if let (Some(run), Some(record)) = (run, Record::new(now, event, outcome, member)) {
                run.records.push(record);
            }
        }
    }
}
