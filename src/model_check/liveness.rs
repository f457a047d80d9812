//! From a state on all goes well: does everybody enter who asks?

use super::bounds::Bounds;
use super::memo::{Memo, MessageNumber};
use super::oracle::Violation;
use super::world::World;
use crate::mutex::{LockName, State, Timer};
use crate::protocol::Event;

/// What happens to a member while all goes well.
#[derive(Clone, Debug)]
pub(super) enum Healing {
    Restarted(usize),
    Met(usize, Event),
    Delivered(MessageNumber),
}

impl Bounds {
    /// Whether everybody who asks enters, if from now on nothing is lost, nobody
    /// crashes, and all that was under way is. `happens` is told what happens.
    pub(super) fn heals(
        &self,
        memo: &mut Memo,
        world: &World,
        mut happens: impl FnMut(Healing),
    ) -> Result<(), Violation> {
        let mut world = world.clone();
        world.network.clear();
        let members = usize::from(self.members);
        for place in 0..members {
            if world.members[place].is_none() {
                happens(Healing::Restarted(place));
                self.begin(memo, &mut world, place, usize::MAX);
            }
        }
        // In a round whoever is inside leaves, and all that is said is heard: each of
        // them needs one to enter in, and the rest is for what is heard first.
        for _ in 0..4 * members + 4 {
            let is_quiet = world.members[..members].iter().flatten().all(|member| {
                let known = memo.member(*member);
                known.is_free
            });
            if is_quiet {
                return Ok(());
            }
            for place in 0..members {
                for event in world.due(memo, place) {
                    let Some(member) = world.members[place] else {
                        continue;
                    };
                    happens(Healing::Met(place, event.clone()));
                    if matches!(event, Event::Release(_)) {
                        world.section.leave(place);
                    }
                    if let Some(step) = memo.handle(member, event) {
                        world.take(place, &step, usize::MAX)?;
                    }
                }
            }
            while let Some(message) = world.network.pop() {
                happens(Healing::Delivered(message));
                let place = usize::from(memo.sent(message).to.0) - 1;
                let member = world.members[place].expect("all have been started");
                if let Some(step) = memo.deliver(member, message) {
                    world.take(place, &step, usize::MAX)?;
                }
            }
        }
        Err(Violation::NeverEnters)
    }
}

impl World {
    /// What comes of time passing at a member.
    fn due(&self, memo: &Memo, place: usize) -> Vec<Event> {
        let Some(number) = self.members[place] else {
            return Vec::new();
        };
        let member = &memo.member(number).member;
        let lock = LockName::default();
        let mut due = Vec::new();
        match member.state(&lock) {
            State::Held { .. } => due.push(Event::Release(lock)),
            State::Wait { request, .. } => due.push(Event::Expired(Timer::Resend {
                lock,
                request: request.clock,
                sent: 1,
            })),
            State::Free => {}
        }
        if !member.unsynced().is_empty() {
            due.push(Event::Expired(Timer::Hello { sent: 1 }));
        }
        due
    }
}
