//! What holds for a member, whatever happens to it and in whatever order.

mod onlooker;
mod tape;

use turno::internals::mutex::{Config, Effect, Rejected};
use turno::internals::protocol::{Event, Member};

use onlooker::Onlooker;
pub use tape::STEP;
use tape::Tape;

/// How many locks that nobody wants here a member keeps in mind at the most, for
/// those who do.
pub const MOST_LOCKS_OF_OTHERS: usize = 1024;

/// A request in a reply queue: of one peer so many, one of them a turno node's.
const MOST_QUEUED_OF_A_PEER: usize = 9;

/// A member under watch.
struct Watched {
    member: Member,
    onlooker: Onlooker,
}

/// Panics if the events that these bytes stand for, whatever they are, make a
/// member break one of the laws. The first bytes say which member it is. With
/// `TURNO_EVENTS` in the environment it says what happens to it. How often it
/// entered.
pub fn check(bytes: &[u8]) -> u32 {
    let mut steps = bytes.chunks_exact(STEP);
    let Some(first) = steps.next() else {
        return 0;
    };
    let is_shown = std::env::var_os("TURNO_EVENTS").is_some();
    let mut watched = Watched::new(tape::config(first));
    watched.take(&Event::Start).expect("it begins");
    let mut tape = Tape::default();
    for step in steps {
        let event = tape.event(step, &watched.member);
        if is_shown {
            eprintln!("{event:?}");
        }
        let before = watched.onlooker.timers().len();
        let _ = watched.take(&event);
        tape.note(before, watched.onlooker.timers());
    }
    watched.onlooker.entries()
}

impl Watched {
    fn new(config: Config) -> Self {
        Watched {
            member: Member::new(config),
            onlooker: Onlooker::new(config),
        }
    }

    /// Hands in an event, and looks at what comes of it.
    fn take(&mut self, event: &Event) -> Result<(), Rejected> {
        let before = self.member.clone();
        // Something that somebody else wants done.
        let earlier = Effect::Reserve { below: 0 };
        let mut effects = vec![earlier.clone()];
        let outcome = self.member.handle(event, &mut effects);
        assert_eq!(effects.first(), Some(&earlier), "the earlier effects stay");
        let effects = &effects[1..];
        if outcome.is_err() {
            assert_eq!(self.member, before, "{event:?} was refused");
            assert_eq!(effects, [], "{event:?} was refused");
        }
        assert!(
            self.member.clock() >= before.clock(),
            "{event:?}: the clock went back"
        );
        let sent = effects
            .iter()
            .filter(|e| matches!(e, Effect::Send { .. }))
            .count();
        assert!(sent <= most_sent(&before), "{event:?}: {sent} datagrams");
        if outcome.is_ok() {
            self.onlooker.look(event, &before, effects, &self.member);
        }
        self.onlooker.agrees_with(&self.member);
        self.is_bounded();
        outcome
    }

    /// What is kept is no more than the members and our own locks make it,
    /// whatever others say.
    fn is_bounded(&self) {
        let members = usize::from(self.member.config().members);
        let most_locks = 1 + self.onlooker.own_locks() + MOST_LOCKS_OF_OTHERS;
        assert!(
            self.member.locks().count() <= most_locks,
            "the locks are bounded"
        );
        for (name, lock) in self.member.locks() {
            let most = (members - 1) * MOST_QUEUED_OF_A_PEER;
            assert!(
                lock.reply_queue().len() <= most,
                "the queue of {name} is bounded"
            );
        }
        assert!(self.member.suspect_clocks().is_subset(self.member.peers()));
    }
}

/// What one event may lead to: everybody is answered, and greeted, and asked for
/// each lock that we want.
fn most_sent(member: &Member) -> usize {
    let queued: usize = member
        .locks()
        .map(|(_, lock)| lock.reply_queue().len())
        .sum();
    queued + usize::from(member.config().members) * usize::from(tape::OWN_LOCKS + 2)
}
