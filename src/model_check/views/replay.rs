//! A path of the search as a trace: what each step was to the real members, recorded as
//! every trace is.

use super::action::Action;
use super::bounds::{Bounds, NOW};
use super::memo::{Asked, Memo};
use crate::model_check::model::Model;
use crate::mutex::Effect;
use crate::protocol::{Event, Member};
use crate::trace::{Header, Record, Run};

/// Returns the traces of a path from the start, a microsecond a step.
pub(super) fn replay(bounds: &Bounds, memo: &mut Memo, path: &[Action]) -> Vec<Run> {
    let mut replay = Replay {
        bounds,
        at: NOW.0,
        runs: Vec::new(),
    };
    memo.log = Some(Vec::new());
    let mut state = bounds.start_group(memo);
    replay.record(memo);
    for action in path {
        let step = bounds.step(memo, &state, *action, &mut 0);
        replay.record(memo);
        match step {
            None => {}
            Some(Ok(next)) => state = next,
            // The last step.
            Some(Err(_)) => break,
        }
    }
    memo.log = None;
    let mut runs = replay.runs;
    runs.sort_by_key(|run| (run.header.id, run.header.run.clone()));
    runs
}

struct Replay<'b> {
    bounds: &'b Bounds,
    at: u64,
    runs: Vec<Run>,
}

impl Replay<'_> {
    /// Records what the members were asked.
    fn record(&mut self, memo: &mut Memo) {
        for asked in std::mem::take(memo.log.as_mut().expect("it is taken again")) {
            self.at += 1;
            match asked {
                Asked::Started(number) => {
                    let member = &memo.member(number).member;
                    self.runs.push(Run::new(Header::new(member)));
                    self.add(&Event::Start, &[], member);
                }
                Asked::Asked(number, input) => {
                    let mut member = Member::clone(&memo.member(number).member);
                    let (event, handled, output) = memo.perform(self.bounds, &mut member, input);
                    // An entry that has ended is an effect, though nothing was handled.
                    let is_worth_it = handled.is_ok() || !output.effects.is_empty();
                    if is_worth_it {
                        self.add(&event, &output.effects, &member);
                    }
                }
            }
        }
    }

    fn add(&mut self, event: &Event, effects: &[Effect], member: &Member) {
        let header = Header::new(member);
        let run = self.runs.iter_mut().find(|run| run.header == header);
        let run = run.expect("it has started");
        run.records
            .extend(Record::new(self.at, event, Ok(effects), member));
    }
}
