//! Laws of a member, whatever happens to it and in whatever order.

mod event_source;
mod reference;

use turno::internals::mutex::{Config, Effect, Rejected};
use turno::internals::protocol::{Event, Member};

use event_source::EventSource;
pub use event_source::STEP;
use reference::Reference;

/// How many locks that are not wanted here a member keeps at most.
pub const MAX_FOREIGN_LOCKS: usize = 1024;

/// How many requests of one peer a reply queue holds at most. One of them is of a
/// turno node.
const MAX_QUEUED_OF_A_PEER: usize = 9;

/// A member, and the reference that it is compared with.
struct Checked {
    member: Member,
    reference: Reference,
}

/// Hands the events that these bytes stand for to a member, and returns how often
/// it entered. The first bytes say which member it is. With `TURNO_EVENTS` in the
/// environment it prints the events.
///
/// # Panics
/// If the member breaks one of the laws.
pub fn check(bytes: &[u8]) -> u32 {
    let mut steps = bytes.chunks_exact(STEP);
    let Some(first) = steps.next() else {
        return 0;
    };
    let is_shown = std::env::var_os("TURNO_EVENTS").is_some();
    let mut checked = Checked::new(event_source::config(first));
    checked.handle(&Event::Start).expect("it starts");
    let mut source = EventSource::default();
    for step in steps {
        let event = source.event(step, &checked.member);
        if is_shown {
            eprintln!("{event:?}");
        }
        let before = checked.reference.timers().len();
        let _ = checked.handle(&event);
        source.keep_timers(&checked.reference.timers()[before..]);
    }
    checked.reference.entries()
}

impl Checked {
    fn new(config: Config) -> Self {
        Checked {
            member: Member::new(config),
            reference: Reference::new(config),
        }
    }

    /// Hands in an event, and checks its effects.
    fn handle(&mut self, event: &Event) -> Result<(), Rejected> {
        let before = self.member.clone();
        // An effect that was there before.
        let earlier = Effect::Reserve { below: 0 };
        let mut effects = vec![earlier.clone()];
        let outcome = self.member.handle(event, &mut effects);
        assert_eq!(effects.first(), Some(&earlier), "the earlier effects stay");
        let effects = &effects[1..];
        if outcome.is_err() {
            assert_eq!(self.member, before, "{event:?} was rejected");
            assert_eq!(effects, [], "{event:?} was rejected");
        }
        assert!(
            self.member.clock() >= before.clock(),
            "{event:?}: the clock went back"
        );
        let sent = effects
            .iter()
            .filter(|e| matches!(e, Effect::Send { .. }))
            .count();
        assert!(sent <= max_sent(&before), "{event:?}: {sent} datagrams");
        if outcome.is_ok() {
            self.reference.check(event, &before, effects, &self.member);
        }
        self.reference.compare(&self.member);
        self.check_bounds();
        outcome
    }

    /// Checks that the number of members and of own locks bounds what a member
    /// keeps, whatever peers send.
    fn check_bounds(&self) {
        let members = usize::from(self.member.config().members);
        let max_locks = 1 + self.reference.own_locks() + MAX_FOREIGN_LOCKS;
        assert!(
            self.member.locks().count() <= max_locks,
            "the locks are bounded"
        );
        for (name, lock) in self.member.locks() {
            let max = (members - 1) * MAX_QUEUED_OF_A_PEER;
            assert!(
                lock.reply_queue().len() <= max,
                "the queue of {name} is bounded"
            );
        }
        assert!(self.member.suspect_clocks().is_subset(self.member.peers()));
    }
}

/// How many datagrams one event may cause: a reply to each queued request, a
/// hello to each member, and a request to each for each wanted lock.
fn max_sent(member: &Member) -> usize {
    let queued: usize = member
        .locks()
        .map(|(_, lock)| lock.reply_queue().len())
        .sum();
    queued + usize::from(member.config().members) * usize::from(event_source::OWN_LOCKS + 2)
}
