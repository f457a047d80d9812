//! What `--trace` costs: `cargo bench --bench trace`.
//!
//! Three members in one process take turns without a network. An observer gets the
//! events of each and ignores them, or also writes a trace; the difference is the cost.
//! It is processor time, so other work of the machine does not count.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use turno::internals::engine::{NodeEvent, Observer, Snapshot};
use turno::internals::mutex::{Config, Durability, Effect, Incarnation, LockName, Message, NodeId};
use turno::internals::protocol::{Event, Member};
use turno::internals::trace::Traced;

const MEMBERS: u16 = 3;
const ENTRIES: usize = 50_000;

/// Ignores all events.
struct Ignore;

impl Observer for Ignore {
    fn happened(&mut self, _: &NodeEvent<'_>) -> io::Result<()> {
        Ok(())
    }

    fn refresh(&mut self, _: &Snapshot<'_>) -> io::Result<()> {
        Ok(())
    }
}

/// A group whose datagrams arrive at once.
struct Group {
    members: Vec<(Member, Traced<Ignore>)>,
    under_way: VecDeque<(NodeId, Message)>,
    events: usize,
}

impl Group {
    fn new(folder: Option<&Path>) -> io::Result<Self> {
        let mut members = Vec::new();
        for id in 1..=MEMBERS {
            let durability = Durability::Durable {
                below: 1,
                synced: true,
            };
            let config = Config::new(NodeId(id), MEMBERS, Incarnation(id.into()));
            let member = Member::new(Config {
                durability,
                ..config
            });
            members.push((member, Traced::new(Ignore, folder)?));
        }
        Ok(Group {
            members,
            under_way: VecDeque::new(),
            events: 0,
        })
    }

    /// Hands an event to a member, and delivers all datagrams that it leads to.
    fn handle(&mut self, id: NodeId, event: &Event) -> io::Result<()> {
        self.handle_one(id, event)?;
        while let Some((to, message)) = self.under_way.pop_front() {
            let reply_to = None;
            self.handle_one(to, &Event::Received { message, reply_to })?;
        }
        Ok(())
    }

    fn handle_one(&mut self, id: NodeId, event: &Event) -> io::Result<()> {
        let (member, observer) = &mut self.members[usize::from(id.0) - 1];
        let mut effects = Vec::new();
        let outcome = member.handle(event, &mut effects).map(|()| &*effects);
        observer.happened(&NodeEvent::Handled {
            event,
            outcome,
            member,
        })?;
        self.events += 1;
        for effect in effects {
            if let Effect::Send { to, message, .. } = effect {
                self.under_way.push_back((to, message));
            }
        }
        Ok(())
    }
}

/// The processor time of this process so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).expect("it is not negative")
}

/// Returns the processor time of all entries, and how many events they were.
fn measure(folder: Option<&Path>) -> io::Result<(Duration, usize)> {
    let mut group = Group::new(folder)?;
    let began = processor_time();
    for (_, id) in (0..ENTRIES).zip((1..=MEMBERS).cycle()) {
        group.handle(NodeId(id), &Event::Acquire(LockName::default()))?;
        group.handle(NodeId(id), &Event::Release(LockName::default()))?;
    }
    Ok((processor_time() - began, group.events))
}

fn main() -> io::Result<()> {
    // The arguments that cargo passes to a benchmark do not matter.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    measure(None)?;
    let (without, events) = measure(None)?;
    let (with, _) = measure(Some(folder.path()))?;
    let mut bytes = 0;
    for file in folder.path().read_dir()? {
        bytes += file?.metadata()?.len();
    }
    let micros = |time: Duration, of: usize| time.as_secs_f64() * 1e6 / of as f64;
    let cost = with.saturating_sub(without);
    println!("{ENTRIES} entries of {MEMBERS} members, {events} events");
    println!("without a trace {:.2} µs an event", micros(without, events));
    println!("with a trace    {:.2} µs an event", micros(with, events));
    println!(
        "the trace costs {:.2} µs an event, {:.1} µs an entry, all members together",
        micros(cost, events),
        micros(cost, ENTRIES)
    );
    println!("and {} bytes an event", bytes / events as u64);
    Ok(())
}
