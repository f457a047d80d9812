//! Records a run of a plan.

use std::fmt::Write;

use super::cluster::{Cluster, Handled, Parcel, Program, ProgramStep};
use super::plan::Micros;
use super::transcript::step_lines;
use crate::protocol::Member;
use crate::trace::{Header, Record, Run};

/// The record of a run of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// In words.
    pub log: String,
    /// The trace of each run of each turno node, in the order of their starts.
    pub runs: Vec<Run>,
}

impl Recording {
    /// Adds a line to the log.
    pub(super) fn report(&mut self, now: Micros, what: &str) {
        let _ = writeln!(self.log, "{:>13.6} {what}", now as f64 / 1e6);
    }

    /// Adds a run: a turno node was put in its place.
    pub(super) fn begin(&mut self, member: &Member) {
        self.runs.push(Run::new(Header::new(member)));
    }

    /// Adds what an event led to in a program.
    pub(super) fn step(
        &mut self,
        now: Micros,
        cluster: &Cluster,
        step: &ProgramStep,
        arrived: Option<&Parcel>,
    ) {
        let id = step.id;
        for line in step_lines(cluster, step, arrived) {
            self.report(now, &format!("{id}| {line}"));
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
