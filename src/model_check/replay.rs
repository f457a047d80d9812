//! A way that the search went, gone again with real members and their real
//! clocks, and written down by what writes every trace.
//!
//! The search leaves out what cannot matter, and moves clocks down to where they
//! compare the same. Here nothing is left out; and after each step the real
//! members are seen to be what the search took them for.

use std::mem::discriminant;

use super::bounds::Bounds;
use super::liveness::Healing;
use super::memo::{Memo, MessageNumber};
use super::step::{Action, Way, beginning};
use super::world::{MOST, World};
use crate::mutex::{Body, LockName, Message, State, Timer, Token};
use crate::protocol::{Event, Member};
use crate::trace::{Header, Record, Run};

/// The traces of a way from the start, a microsecond a step; and of how all goes
/// well then, if it does.
pub(super) fn traced(bounds: &Bounds, memo: &mut Memo, ways: &[Way], heals: bool) -> Vec<Run> {
    let mut delivered = Vec::new();
    let world = bounds.start(memo, |message| delivered.push(message));
    let mut replay = Replay {
        members: [const { None }; MOST],
        lives: [0; MOST],
        moved_by: 0,
        steps: 0,
        runs: Vec::new(),
    };
    for place in 0..usize::from(bounds.members) {
        replay.begin(bounds, place, 1, None);
    }
    for message in delivered {
        replay.deliver(memo, message);
    }
    replay.compare(memo, &world);
    let there = replay.go(bounds, memo, world, ways);
    if let (Some(world), true) = (there, heals) {
        replay.heal(bounds, memo, &world);
    }
    let mut runs = replay.runs;
    runs.sort_by_key(|run| (run.header.id, run.header.run.clone()));
    runs
}

/// The real members, beside those of the search.
struct Replay {
    members: [Option<Member>; MOST],
    lives: [u8; MOST],
    /// How much lower the search has its clocks.
    moved_by: u64,
    steps: u64,
    runs: Vec<Run>,
}

impl Replay {
    /// Takes these steps. None if the last one leads to what must not be.
    fn go(
        &mut self,
        bounds: &Bounds,
        memo: &mut Memo,
        mut world: World,
        ways: &[Way],
    ) -> Option<World> {
        for (action, crash_after) in ways {
            self.steps += 1;
            let lock = LockName::default();
            let place = match *action {
                Action::Acquire(place) => self.handle(place, &Event::Acquire(lock)),
                Action::Release(place) => self.handle(place, &Event::Release(lock)),
                Action::Cancel(place) => self.handle(place, &Event::Cancel(lock)),
                Action::Lend(place) => {
                    let entries = bounds.lent;
                    self.handle(place, &Event::Delegate { lock, entries })
                }
                Action::Deliver(message) => self.deliver(memo, message),
                Action::Restart(place) => {
                    self.begin(bounds, place, world.below[place], world.outlived_by(place))
                }
                Action::End(place) => place,
                Action::Crash(place) => {
                    self.members[place] = None;
                    place
                }
            };
            if crash_after.is_some() {
                self.members[place] = None;
            }
            let step = bounds.step(memo, &world, *action, *crash_after);
            match step.expect("the search has gone this way") {
                Ok(next) => world = next,
                Err(_) => return None,
            }
            self.compare(memo, &world);
        }
        Some(world)
    }

    fn heal(&mut self, bounds: &Bounds, memo: &mut Memo, world: &World) {
        let mut happened = Vec::new();
        // What comes of it is known.
        let _ = bounds.heals(memo, world, |healing| happened.push(healing));
        for healing in happened {
            self.steps += 1;
            match healing {
                Healing::Restarted(place) => {
                    self.begin(bounds, place, world.below[place], world.outlived_by(place))
                }
                Healing::Delivered(message) => self.deliver(memo, message),
                Healing::Met(place, mut event) => {
                    if let Event::Expired(Timer::Resend { request, .. }) = &mut event {
                        *request += self.moved_by;
                    }
                    self.handle(place, &event)
                }
            };
        }
    }

    /// Where somebody crashes no clocks are moved: the token is as it was.
    fn begin(
        &mut self,
        bounds: &Bounds,
        place: usize,
        below: u64,
        outlived: Option<Token>,
    ) -> usize {
        self.lives[place] += 1;
        let member = Member::new(bounds.config(place, self.lives[place], below));
        self.runs.push(Run::new(Header::new(&member)));
        self.members[place] = Some(member);
        for event in beginning(outlived) {
            self.handle(place, &event);
        }
        place
    }

    fn deliver(&mut self, memo: &Memo, message: MessageNumber) -> usize {
        let sent = memo.sent(message);
        let mut message = sent.message.clone();
        self.raise(&mut message);
        let event = Event::Received {
            message,
            reply_to: None,
        };
        self.handle(usize::from(sent.to.0) - 1, &event)
    }

    /// The clocks that the search has moved down.
    fn raise(&self, message: &mut Message) {
        match &mut message.body {
            Body::Request { clock, .. } | Body::Welcome { clock, .. } => *clock += self.moved_by,
            Body::Reply { clock, echo, .. } | Body::Superseded { clock, echo, .. } => {
                *clock += self.moved_by;
                echo.clock += self.moved_by;
            }
            Body::Hello => {}
        }
    }

    /// Hands an event to a member and writes down what it makes of it.
    fn handle(&mut self, place: usize, event: &Event) -> usize {
        let member = self.members[place].as_mut().expect("it is there");
        let mut effects = Vec::new();
        let outcome = member.handle(event, &mut effects).map(|()| &*effects);
        let record = Record::new(self.steps, event, outcome, member);
        let header = Header::new(member);
        let mut runs = self.runs.iter_mut();
        let run = runs.find(|run| run.header == header);
        run.expect("it has begun").records.extend(record);
        place
    }

    /// Sees that the real members are in the states that the search has them in,
    /// and how far their clocks are above.
    fn compare(&mut self, memo: &Memo, world: &World) {
        let lock = LockName::default();
        let mut moved_by = None;
        for (place, real) in self.members.iter().enumerate() {
            let searched = world.members[place];
            let searched = searched.map(|number| &memo.member(number).member);
            let (real, searched) = match (real, searched) {
                (Some(real), Some(searched)) => (real, searched),
                (None, None) => continue,
                _ => panic!("one of the two {}s has crashed", place + 1),
            };
            let by = *moved_by.get_or_insert_with(|| real.clock() - searched.clock());
            assert_eq!(real.clock(), searched.clock() + by);
            let (real, searched) = (real.state(&lock), searched.state(&lock));
            assert_eq!(discriminant(real), discriminant(searched));
            assert_eq!(number(real), number(searched).map(|number| number + by));
        }
        self.moved_by = moved_by.unwrap_or(self.moved_by);
    }
}

/// The clock of the request that waits, or the token.
fn number(state: &State) -> Option<u64> {
    match state {
        State::Free => None,
        State::Wait { request, .. } => Some(request.clock),
        State::Held { token } => Some(token.get()),
    }
}
