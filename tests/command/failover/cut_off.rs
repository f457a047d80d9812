//! A holder is cut off.

use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::group::{Group, ends_with};
use super::log::ENDLESS;
use super::{LEASE, LONG_LEASE};
use crate::fixtures::program::Program;
use crate::fixtures::random::Random;
use crate::fixtures::wait::eventually;

/// How many groups run their rounds at the same time.
const GROUPS: u32 = 2;

/// Microseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_micros().try_into().unwrap()
}

/// What happened to a holder that was cut off.
struct Outcome {
    /// By how much its command was dead before the next entry.
    margin: Duration,
    /// How long after the cut the next entry was.
    takeover: Duration,
    /// Whether the supervisor ended the command, first with SIGTERM and then with SIGKILL. On
    /// a busy machine it may be late, and the client kills the command.
    is_in_time: bool,
}

/// A random member holds the lock and is cut off.
fn cut_a_holder_off(group: &Group, round: u32, random: &mut Random) -> Outcome {
    let log = group.log(&format!("round-{round}"));
    let holder = *random.pick(&Group::ids());
    let cut_off = group.write(holder, &log, "holder", ENDLESS);
    log.wait_for("holder");
    // The cut is at any moment of the beats.
    thread::sleep(LEASE / 1000 * random.within(0..=200) as u32);
    let cut_at = now();
    group.network.cut(holder);
    let next = Group::others(holder)
        .into_iter()
        .map(|id| group.write(id, &log, "next", 15));
    let next: Vec<Program> = next.collect();
    next.into_iter().for_each(|next| drop(ends_with(next, 0)));
    let lines = ends_with(cut_off, 125).join("\n");
    let by_supervisor = ["SIGTERM", "SIGKILL"].map(|signal| {
        lines.contains(&format!(
            "turno: job: the lease ends, and the agent has not renewed it (turno status says why): \
             the command gets {signal}"
        ))
    });
    let by_client = "turno: job: the command was killed, because the lease ended and its \
                     supervisor did not end it";
    assert!(by_supervisor[1] || lines.contains(by_client), "{lines}");
    let (margin, entered_at) = log.judge("holder");
    group.network.heal(holder);
    group.enter(holder);
    Outcome {
        margin,
        takeover: Duration::from_micros(entered_at - cut_at),
        is_in_time: by_supervisor == [true; 2],
    }
}

/// `TURNO_FAILOVER_ROUNDS` sets the number of rounds.
#[test]
fn the_command_of_a_cut_off_holder_is_dead_before_the_next_entry() {
    let rounds = std::env::var("TURNO_FAILOVER_ROUNDS");
    let rounds = rounds.map_or(20, |rounds| rounds.parse::<u32>().unwrap());
    let mut random = Random::seeded();
    let randoms: Vec<Random> = (0..GROUPS).map(|_| random.split()).collect();
    let mut outcomes: Vec<Outcome> = thread::scope(|scope| {
        let groups = randoms.into_iter().map(|mut random| {
            scope.spawn(move || {
                let group = Group::start(LEASE);
                let rounds = 0..rounds.div_ceil(GROUPS);
                rounds
                    .map(|round| cut_a_holder_off(&group, round, &mut random))
                    .collect::<Vec<_>>()
            })
        });
        let groups: Vec<_> = groups.collect();
        groups
            .into_iter()
            .flat_map(|group| group.join().unwrap())
            .collect()
    });
    let margin = outcomes.iter().map(|outcome| outcome.margin).min().unwrap();
    outcomes.sort_by_key(|outcome| outcome.takeover);
    let takeover = |index: usize| outcomes[index].takeover.as_secs_f64() / LEASE.as_secs_f64();
    let in_time = outcomes.iter().filter(|outcome| outcome.is_in_time).count();
    eprintln!(
        "{} holders cut off: dead at least {} ms before the next entry, which was {:.2} L after \
         the cut (median), {:.2} L at most; {in_time} ended by the supervisor",
        outcomes.len(),
        margin.as_millis(),
        takeover(outcomes.len() / 2),
        takeover(outcomes.len() - 1)
    );
    assert!(in_time > 0);
}

/// How often the network may be cut for longer than it was to be: on a busy machine.
const MAX_LONG: u32 = 5;

#[test]
fn a_lapse_shorter_than_half_a_lease_is_not_noticed() {
    let group = Group::start(LONG_LEASE);
    for round in 0..MAX_LONG {
        let log = group.log(&format!("log-{round}"));
        let holder = group.write(1, &log, "holder", ENDLESS);
        log.wait_for("holder");
        let views = || Group::ids().map(|id| group.view(id)["changes"].clone());
        let before = views();
        let began = Instant::now();
        group.network.cut(1);
        thread::sleep(LONG_LEASE * 2 / 5);
        group.network.heal(1);
        let cut_for = began.elapsed();
        // Of this member's beats, one that was sent after the lapse is acknowledged.
        group.wait_for_view(1, "a renewed lease", |view| left(view) > LONG_LEASE * 4 / 5);
        log.end();
        let (status, lines) = holder.finish();
        if cut_for > LONG_LEASE / 2 {
            continue;
        }
        assert_eq!(status.code(), Some(0), "{lines:#?}");
        assert_eq!(views(), before);
        return;
    }
    panic!("the network is always cut for longer than half a lease");
}

/// What is left of the lease.
fn left(view: &Value) -> Duration {
    Duration::from_millis(view["left_ms"].as_u64().unwrap_or(0))
}

#[test]
fn a_command_is_told_the_length_of_the_lease_and_that_it_was_not_renewed() {
    let group = Group::start(LONG_LEASE);
    let log = group.path("log").display().to_string();
    let script = "trap 'echo signalled >> \"$0\"' USR1; trap 'echo ended >> \"$0\"; exit 3' TERM; \
                  echo lease $TURNO_LEASE_MS >> \"$0\"; while :; do sleep 0.01; done";
    let lapsed = group.path("lapsed").display().to_string();
    let command = format!("echo $TURNO_LOCK >> {lapsed}");
    let options = ["--lapse-signal", "USR1", "--lapse-command", &command];
    let lock = group.lock(1, &options, &["bash", "-c", script, &log]);
    eventually("the first line", || {
        (!group.text_of("log").is_empty()).then_some(())
    });
    group.network.cut(1);
    ends_with(lock, 125);
    assert_eq!(group.text_of("log"), "lease 3000\nsignalled\nended\n");
    assert_eq!(group.text_of("lapsed"), "job\n");
}

/// On a busy machine the renewal may come too late, and end the command.
#[test]
fn a_command_that_was_warned_goes_on_when_the_lease_is_renewed_in_time() {
    let group = Group::start(LONG_LEASE);
    for round in 0..MAX_LONG {
        let end = group.path(&format!("end-{round}")).display().to_string();
        let script = "trap 'echo signalled' USR1; echo begun; \
                      until [ -e \"$0\" ]; do sleep 0.01; done; exit 7";
        let options = ["--lapse-signal", "USR1"];
        let lock = group.lock(1, &options, &["bash", "-c", script, &end]);
        lock.wait_for("begun");
        group.network.cut(1);
        lock.wait_for("signalled");
        group.network.heal(1);
        group.wait_for_view(1, "a renewed lease", |view| left(view) > LONG_LEASE * 4 / 5);
        std::fs::write(&end, "").unwrap();
        let (status, lines) = lock.finish();
        if status.code() == Some(7) {
            return;
        }
        assert!(lines.join("\n").contains("the lease ends"), "{lines:#?}");
    }
    panic!("the lease is never renewed in time");
}
