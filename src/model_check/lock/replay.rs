//! A path of the search, taken again by real members with their real clocks, and
//! recorded as every trace is.
//!
//! The search leaves out what cannot matter, and moves clocks down to where they
//! compare the same. The replay leaves out nothing; and after each step it checks
//! that the real members are in the states that the search has them in.

use std::mem::discriminant;

use super::action::{Action, Transition};
use super::bounds::Bounds;
use super::group_state::{GroupState, MAX_MEMBERS};
use super::liveness::Recovery;
use super::memo::{Memo, MessageNumber, as_read, clocks};
use super::step::start_events;
use crate::model_check::model::Model;
use crate::mutex::{LockName, Mode, State, Timer, Token};
use crate::protocol::{Event, Member};
use crate::trace::{Header, Record, Run};

/// Returns the traces of a path from the start, a microsecond a step; with `recovers`,
/// also of the recovery after it.
pub(super) fn replay(
    bounds: &Bounds,
    memo: &mut Memo,
    path: &[Transition],
    recovers: bool,
) -> Vec<Run> {
    let mut delivered = Vec::new();
    let state = bounds.start_group(memo, |message| delivered.push(message));
    let mut replay = Replay {
        bounds,
        members: [const { None }; MAX_MEMBERS],
        run_counts: [0; MAX_MEMBERS],
        shifted_by: 0,
        steps: 0,
        runs: Vec::new(),
    };
    for index in 0..usize::from(bounds.members) {
        replay.start_member(index, 1, None);
    }
    for message in delivered {
        replay.deliver(memo, message);
    }
    replay.compare(memo, &state);
    let end = replay.take(memo, state, path);
    if let (Some(state), true) = (end, recovers) {
        replay.recover(memo, &state);
    }
    let mut runs = replay.runs;
    runs.sort_by_key(|run| (run.header.id, run.header.run.clone()));
    runs
}

/// The real members, beside those of the search.
struct Replay<'b> {
    bounds: &'b Bounds,
    members: [Option<Member>; MAX_MEMBERS],
    run_counts: [u8; MAX_MEMBERS],
    /// How much lower the clocks of the search are.
    shifted_by: u64,
    steps: u64,
    runs: Vec<Run>,
}

impl Replay<'_> {
    /// Takes a path, and returns the state at its end; `None` if the last step is a
    /// violation.
    fn take(
        &mut self,
        memo: &mut Memo,
        mut state: GroupState,
        path: &[Transition],
    ) -> Option<GroupState> {
        for transition in path {
            self.steps += 1;
            let index = match transition.action {
                Action::Deliver(message) => self.deliver(memo, message),
                Action::Restart(index) => self.restart(index, &state),
                Action::End(index) => index,
                Action::Crash(index) => {
                    self.members[index] = None;
                    index
                }
                Action::Rush => {
                    for index in 0..usize::from(self.bounds.members) {
                        self.handle(index, &Event::Try(LockName::default()));
                    }
                    0
                }
                action => {
                    let user_event = action.user_event(self.bounds);
                    let (index, event) = user_event.expect("a user acts");
                    self.handle(index, &event)
                }
            };
            if transition.crash_after.is_some() {
                self.members[index] = None;
            }
            let step = self.bounds.step(memo, &state, *transition, &mut 0);
            state = step.expect("the search has taken this step").ok()?;
            self.compare(memo, &state);
        }
        Some(state)
    }

    fn recover(&mut self, memo: &mut Memo, state: &GroupState) {
        let mut recoveries = Vec::new();
        // The outcome is the violation that the search has found.
        let _ = (self.bounds).recover(memo, state, |recovery| recoveries.push(recovery));
        for recovery in recoveries {
            self.steps += 1;
            match recovery {
                Recovery::Restarted(index) => self.restart(index, state),
                Recovery::Delivered(message) => self.deliver(memo, message),
                Recovery::Handled(index, mut event) => {
                    if let Event::Expired(Timer::Resend { request, .. }) = &mut event {
                        *request += self.shifted_by;
                    }
                    self.handle(index, &event)
                }
            };
        }
    }

    /// Where nodes crash no clock is shifted: bound and token are real.
    fn restart(&mut self, index: usize, state: &GroupState) -> usize {
        self.start_member(index, state.reserved[index], state.outliving(index))
    }

    fn start_member(
        &mut self,
        index: usize,
        below: u64,
        outliving: Option<(Token, Mode)>,
    ) -> usize {
        self.run_counts[index] += 1;
        let config = self.bounds.config(index, self.run_counts[index], below);
        let member = Member::new(config);
        self.runs.push(Run::new(Header::new(&member)));
        self.members[index] = Some(member);
        for event in start_events(outliving) {
            self.handle(index, &event);
        }
        index
    }

    fn deliver(&mut self, memo: &Memo, message: MessageNumber) -> usize {
        let index = memo.receiver(message);
        let mut message = memo.sent(message).message.clone();
        clocks(&mut message.body).for_each(|clock| *clock += self.shifted_by);
        let member = self.members[index].as_ref().expect("it runs");
        let (message, reply_to) = (as_read(member, message), None);
        self.handle(index, &Event::Received { message, reply_to })
    }

    /// Hands an event to a member, and records what the member makes of it.
    fn handle(&mut self, index: usize, event: &Event) -> usize {
        let member = self.members[index].as_mut().expect("it runs");
        let mut effects = Vec::new();
        let outcome = member.handle(event, &mut effects).map(|()| &*effects);
        let record = Record::new(self.steps, event, outcome, member);
        let header = Header::new(member);
        let mut runs = self.runs.iter_mut();
        let run = runs.find(|run| run.header == header);
        run.expect("it has started").records.extend(record);
        index
    }

    /// Checks that the real members are in the states that the search has them in, and
    /// finds out how far their clocks are above.
    fn compare(&mut self, memo: &Memo, state: &GroupState) {
        let lock = LockName::default();
        let mut shifted_by = None;
        for (index, real) in self.members.iter().enumerate() {
            let searched = state.members[index];
            let searched = searched.map(|number| &memo.member(number).member);
            let (real, searched) = match (real, searched) {
                (Some(real), Some(searched)) => (real, searched),
                (None, None) => continue,
                _ => panic!("one of the two {}s has crashed", index + 1),
            };
            let by = *shifted_by.get_or_insert_with(|| real.clock() - searched.clock());
            assert_eq!(real.clock(), searched.clock() + by);
            let (real, searched) = (real.state(&lock), searched.state(&lock));
            assert_eq!(discriminant(real), discriminant(searched));
            assert_eq!(clock_of(real), clock_of(searched).map(|clock| clock + by));
        }
        self.shifted_by = shifted_by.unwrap_or(self.shifted_by);
    }
}

/// The clock of the request that waits, or of the token.
fn clock_of(state: &State) -> Option<u64> {
    match state {
        State::Free => None,
        State::Wait { request, .. } => Some(request.clock),
        State::Held { token, .. } => Some(token.get()),
    }
}
