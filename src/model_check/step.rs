//! Every step that can be taken out of a state, and what comes of it.

use super::bounds::Bounds;
use super::coverage;
use super::memo::{Memo, MessageNumber};
use super::oracle::Violation;
use super::world::World;
use crate::mutex::{LockName, Token};
use crate::protocol::{Event, Member};

/// One step of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Acquire(usize),
    Release(usize),
    Cancel(usize),
    Lend(usize),
    Deliver(MessageNumber),
    Crash(usize),
    /// What outlived the crash of its node ends.
    End(usize),
    Restart(usize),
}

/// One step out of a state; with a number, whoever takes it crashes when it has
/// done so many of the things that it asks for.
pub(super) type Way = (Action, Option<usize>);

impl Bounds {
    /// All have been started and have greeted each other. `delivered` is told what
    /// arrives meanwhile.
    pub(super) fn start(&self, memo: &mut Memo, mut delivered: impl FnMut(MessageNumber)) -> World {
        let mut world = World::new(self);
        for place in 0..usize::from(self.members) {
            self.begin(memo, &mut world, place, usize::MAX);
        }
        // Before anybody asks.
        while let Some(message) = world.network.pop() {
            delivered(message);
            let place = usize::from(memo.sent(message).to.0) - 1;
            let member = world.members[place].expect("all have been started");
            if let Some(step) = memo.deliver(member, message) {
                let outcome = world.take(place, &step, usize::MAX);
                assert_eq!(outcome, Ok(()), "nobody enters by greeting");
            }
        }
        world
    }

    /// Starts a member, which takes up what has outlived its earlier run, and
    /// performs so many of its first effects.
    pub(super) fn begin(&self, memo: &mut Memo, world: &mut World, place: usize, effects: usize) {
        world.lives[place] += 1;
        let config = self.config(place, world.lives[place], world.below[place]);
        let events = beginning(world.outlived_by(place));
        let mut member = memo.add_member(Member::new(config));
        world.members[place] = Some(member);
        let mut effects_left = effects;
        for event in events {
            if let Some(step) = memo.handle(member, event) {
                member = step.after;
                let outcome = world.take(place, &step, effects_left);
                assert_eq!(outcome, Ok(()), "nobody enters by starting");
                effects_left = effects_left.saturating_sub(step.acts.len());
            }
        }
    }

    /// All steps that can be taken from here. Some lead back here.
    pub(super) fn actions(&self, memo: &Memo, world: &World, actions: &mut Vec<Action>) {
        actions.clear();
        for place in 0..usize::from(self.members) {
            let Some(member) = world.members[place] else {
                actions.push(Action::Restart(place));
                if world.outlived_by(place).is_some() {
                    actions.push(Action::End(place));
                }
                continue;
            };
            let known = memo.member(member);
            if known.is_held {
                actions.push(Action::Release(place));
                if world.lends_left > 0 {
                    actions.push(Action::Lend(place));
                }
            }
            if known.is_free && world.asked[place] < self.entries_of(place) {
                actions.push(Action::Acquire(place));
            }
            if known.is_waiting && world.cancels_left > 0 {
                actions.push(Action::Cancel(place));
            }
            if self.may_crash(memo, world) {
                actions.push(Action::Crash(place));
            }
        }
        actions.extend(world.network.iter().copied().map(Action::Deliver));
    }

    /// Whether somebody may crash now. Where clocks are not on disk, not while
    /// another one is down or has not heard all: then the last that knows could
    /// go.
    fn may_crash(&self, memo: &Memo, world: &World) -> bool {
        let mut members = world.members[..usize::from(self.members)].iter();
        let mut all_know = || {
            members.all(|member| {
                member.is_some_and(|member| memo.member(member).member.unsynced().is_empty())
            })
        };
        world.crashes_left > 0 && (self.is_durable || all_know())
    }

    /// Takes a step; none if it leads back to where it began. With `crash_after`
    /// whoever takes it crashes when it has done so many of the things that it
    /// asks for.
    pub(super) fn step(
        &self,
        memo: &mut Memo,
        world: &World,
        action: Action,
        crash_after: Option<usize>,
    ) -> Option<Result<World, Violation>> {
        let mut step = self.step_unreduced(memo, world, action, crash_after);
        if let Some(Ok(next)) = &mut step {
            if next.is_behind_token(memo) {
                return Some(Err(Violation::ClockBehindToken));
            }
            if !self.is_unreduced {
                next.reduce(self, memo);
            }
        }
        step
    }

    fn step_unreduced(
        &self,
        memo: &mut Memo,
        world: &World,
        action: Action,
        crash_after: Option<usize>,
    ) -> Option<Result<World, Violation>> {
        let mut next = world.clone();
        let lock = LockName::default;
        let (place, step) = match action {
            Action::Acquire(place) => {
                next.asked[place] += 1;
                let member = world.members[place]?;
                (place, memo.handle(member, Event::Acquire(lock()))?)
            }
            Action::Release(place) => {
                next.section.leave(place);
                let member = world.members[place]?;
                (place, memo.handle(member, Event::Release(lock()))?)
            }
            Action::Cancel(place) => {
                next.cancels_left -= 1;
                let member = world.members[place]?;
                (place, memo.handle(member, Event::Cancel(lock()))?)
            }
            Action::Lend(place) => {
                next.lends_left -= 1;
                let member = world.members[place]?;
                let (lock, entries) = (lock(), self.lent);
                (
                    place,
                    memo.handle(member, Event::Delegate { lock, entries })?,
                )
            }
            Action::Deliver(message) => {
                let place = usize::from(memo.sent(message).to.0) - 1;
                let member = world.members[place]?;
                (place, memo.deliver(member, message)?)
            }
            Action::Crash(place) => {
                next.crash(self, place);
                return Some(Ok(next));
            }
            Action::End(place) => {
                next.section.leave(place);
                next.shown = coverage::ENDED_WHILE_DOWN;
                return Some(Ok(next));
            }
            Action::Restart(_) if crash_after.is_some() && !self.may_crash(memo, world) => {
                return None;
            }
            Action::Restart(place) => {
                self.begin(memo, &mut next, place, crash_after.unwrap_or(usize::MAX));
                if crash_after.is_some() {
                    next.crash(self, place);
                }
                return Some(Ok(next));
            }
        };
        assert!(
            step.acts.len() <= self.most_acts(),
            "some places to crash at are left out: {step:?}"
        );
        let effects = match crash_after {
            Some(effects) if effects >= step.acts.len() || !self.may_crash(memo, world) => {
                return None;
            }
            Some(effects) => effects,
            None => usize::MAX,
        };
        next.shown = self.shown(memo, action, &step);
        if let Err(violation) = next.take(place, &step, effects) {
            return Some(Err(violation));
        }
        if crash_after.is_some() {
            next.crash(self, place);
        }
        Some(Ok(next))
    }
}

/// What a member is told first, if this has outlived its earlier run.
pub(super) fn beginning(outlived: Option<Token>) -> impl Iterator<Item = Event> {
    let resume = outlived.map(|token| Event::Resume {
        lock: LockName::default(),
        token,
    });
    resume.into_iter().chain([Event::Start])
}

/// A step, in words.
pub(super) fn told(memo: &Memo, (action, crash_after): Way) -> String {
    let id = |place: usize| place + 1;
    let mut told = match action {
        Action::Acquire(place) => format!("{} asks", id(place)),
        Action::Release(place) => format!("{} leaves", id(place)),
        Action::Cancel(place) => format!("{} gives up", id(place)),
        Action::Lend(place) => format!("{} has tokens lent", id(place)),
        Action::Crash(place) => format!("{} crashes", id(place)),
        Action::End(place) => format!("what outlived the crash of {} ends", id(place)),
        Action::Restart(place) => format!("{} is started anew", id(place)),
        Action::Deliver(message) => {
            let sent = memo.sent(message);
            format!("{} arrives at {}", sent.message, sent.to)
        }
    };
    if let Some(effects) = crash_after {
        told.push_str(&format!(", which crashes after {effects} effects of that"));
    }
    told
}
