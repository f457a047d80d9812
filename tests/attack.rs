//! An outsider against real processes: forges, replays, redirects, claims ids,
//! throws clocks far ahead, and floods. Nobody enters who should not, no clock
//! moves that should not, and whoever asks still enters.

#![forbid(unsafe_code)]

mod support;

use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::Program;
use support::forgery::{Request, again, forgeries, missile, named, redirected, replayed};
use support::outsider::{Flood, Missile, Outsider, drops};
use support::random::Random;
use support::target::{KeyFile, Target};
use turno::internals::mutex::NodeId;
use turno::internals::mutex::{MAX_CLOCK, MAX_JUMP};
use turno::internals::wire::{GroupDigest, Key, SIGNATURE};

const ENTERED: &str = "Process entered CS";

/// 3 is stopped and owes its reply, so whoever enters enters without it.
#[test]
fn with_a_key_nothing_that_an_outsider_sends_lets_anybody_in() {
    let key = KeyFile::make();
    let mut target = Target::start(&["--key", &key.path]);
    let request = target.makes_one_wait();
    let captured = target.group.relay.captured();
    let outsider = Outsider::here();
    for id in [1, 2] {
        target.withstands(id, &outsider, &forgeries(&request, id as u16));
        target.withstands(id, &outsider, &redirected(&captured, &request, id));
        target.withstands(id, &outsider, &replayed(&captured, |to| to == id));
    }
    target.lets_it_enter();
}

/// Whoever can send from a member's host can break a lock without a key; but
/// not with what was said before.
#[test]
fn without_a_key_a_late_repeated_or_redirected_reply_does_not_count() {
    let mut target = Target::start(&[]);
    target.makes_one_wait();
    let captured = target.group.relay.captured();
    let outsider = Outsider::here();
    for id in [1, 2] {
        target.withstands(id, &outsider, &replayed(&captured, |_| true));
    }
    target.lets_it_enter();
}

#[test]
fn without_a_key_what_comes_from_another_host_is_dropped() {
    let Some(outsider) = Outsider::elsewhere() else {
        eprintln!("SKIPPED: this machine has no address but that of loopback");
        return;
    };
    let mut target = Target::start(&[]);
    let request = target.makes_one_wait();
    let mut missiles = Vec::new();
    for (from, clock) in named(&[1, 2, 3], request.clock) {
        let seeds = request.forged_as_the_seed(from, clock).into_iter();
        for text in seeds.chain(request.forged(from, clock)) {
            missiles.push(missile(text, "from another host"));
        }
    }
    for (from, clock) in named(&[0, 4, u16::MAX], request.clock) {
        for text in request.forged(from, clock) {
            missiles.push(missile(text, "of no member"));
        }
    }
    for id in [1, 2] {
        target.withstands(id, &outsider, &missiles);
    }
    target.lets_it_enter();
}

/// Each moves a clock by as much as is believed, or not at all; and the group
/// gets over it. (Who has overheard the nonce of its run can say more to it.)
#[test]
fn without_a_key_clocks_far_ahead_move_no_clock_beyond_the_bound() {
    let mut target = Target::start(&[]);
    for id in [1, 2, 3] {
        target.enters(id);
    }
    let request = Request {
        incarnation: "00000000000000aa".into(),
        ..target.overheard_request(1)
    };
    let outsider = Outsider::here();
    let bombs = |clock: u64| {
        let seeds = request.forged_as_the_seed(2, clock).into_iter();
        seeds.chain(request.forged(2, clock))
    };
    let address = target.group.listen[0].clone();
    let before = target.clock(1);
    for clock in [
        before + 2 * MAX_JUMP,
        MAX_CLOCK / 2,
        MAX_CLOCK - 1,
        MAX_CLOCK,
    ] {
        for text in bombs(clock).cycle().take(20) {
            outsider.send(text.as_bytes(), &address);
        }
        outsider.has_been_dealt_with(target.process(1), &address);
    }
    // It asked 2, whose clock may have been a little ahead.
    assert!(target.clock(1) < before + 100);
    for jumps in 1..=3 {
        let now = target.clock(1);
        outsider.send(format!("req<{},2>", now + MAX_JUMP).as_bytes(), &address);
        outsider.has_been_dealt_with(target.process(1), &address);
        assert_eq!(target.clock(1), now + MAX_JUMP + 2, "jump {jumps}");
        for id in [2, 1, 3] {
            target.enters(id);
        }
    }
    target.finish();
}

/// All that was said to its earlier run is said to it again.
#[test]
fn with_a_key_what_an_earlier_run_was_told_is_nothing_to_the_next() {
    let key = KeyFile::make();
    let mut target = Target::start(&["--key", &key.path]);
    for id in [1, 2, 3, 1] {
        target.enters(id);
    }
    let captured = target.group.relay.captured();
    target.starts_anew(3);
    let outsider = Outsider::here();
    let address = target.group.listen[2].clone();
    let replays = replayed(&captured, |to| to == 3);
    outsider.throw(&replays, target.process(3), &address);
    // The others last, so that it must ask them.
    for id in [3, 1, 2] {
        target.enters(id);
    }
    target.process(1).signal(Signal::STOP);
    target.asks_and_hears(3, 2);
    target.withstands(3, &outsider, &replays);
    assert_eq!(target.process(3).count(ENTERED), 1);
    target.process(1).signal(Signal::CONT);
    target.all_leave();
    target.finish();
}

/// What the section has heard so far, as it was on the wire.
fn said_to_section(shared: &Program, key: &Key) -> Vec<Vec<u8>> {
    let signed = |line: &String| {
        let (id, rest) = line.strip_prefix("[PID: ")?.split_once(", Clock: ")?;
        let (clock, text) = rest.split_once("] ")?;
        let mut bytes = format!("cs<{clock},{id}>({text})").into_bytes();
        let id = NodeId(id.parse().ok()?);
        key.sign(GroupDigest(0), id, NodeId(0), &mut bytes);
        Some(bytes)
    };
    shared.lines().iter().filter_map(signed).collect()
}

#[test]
fn with_a_key_the_section_hears_its_holders_alone_and_each_once() {
    let mut random = Random::seeded();
    let key = KeyFile::make();
    let secret: Key = std::fs::read_to_string(&key.path).unwrap().parse().unwrap();
    let mut target = Target::start(&["--key", &key.path]);
    let outsider = Outsider::here();
    for id in [1, 1, 2, 3, 3, 1, 2] {
        target.enters(id);
        let said = said_to_section(&target.group.shared, &secret);
        // In any order, and often enough for some to come as bad as can be.
        let mut missiles = Vec::new();
        for _ in 0..100 {
            let text: &Vec<u8> = random.pick(&said);
            missiles.push(again(text));
        }
        for text in &said {
            let unsigned = &text[..text.len() - SIGNATURE];
            let mut by_another = unsigned.to_vec();
            Key::new([7; 32]).sign(GroupDigest(0), NodeId(2), NodeId(0), &mut by_another);
            let text = String::from_utf8(text.clone()).unwrap();
            let later = text.replacen("cs<", "cs<9", 1);
            missiles.push(missile(unsigned, "undecodable"));
            missiles.push(missile(by_another, "undecodable"));
            missiles.push(missile(later, "undecodable"));
        }
        outsider.throw_at_section(&missiles, &target.group);
        let now = said_to_section(&target.group.shared, &secret);
        assert_eq!(now.len(), said.len(), "more than the holders have said");
    }
    target.finish();
}

/// How long each of these entries took, from the wish on, shortest first.
fn latencies(target: &mut Target, entries: usize) -> Vec<Duration> {
    for process in &target.processes {
        process.so_far();
    }
    let mut latencies: Vec<Duration> = (0..entries)
        .map(|turn| {
            let id = turn % 3 + 1;
            let before = target.process(id).count(ENTERED);
            let asked = Instant::now();
            target.asks(id);
            target.process(id).wait_for_nth(before + 1, ENTERED);
            let latency = asked.elapsed();
            target.all_leave();
            latency
        })
        .collect();
    latencies.sort();
    latencies
}

fn median_and_worst(latencies: &[Duration]) -> String {
    let (median, worst) = (
        latencies[latencies.len() / 2],
        latencies[latencies.len() - 1],
    );
    format!("median {median:.1?}, worst {worst:.1?}")
}

/// How much memory a process has, in KiB.
fn resident(process: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let (kib, _) = line.unwrap().trim().split_once(' ').unwrap();
    kib.parse().unwrap()
}

#[test]
fn a_flood_keeps_nobody_out_and_fills_neither_memory_nor_disk() {
    const ENTRIES: usize = 30;
    let key = KeyFile::make();
    let mut target = Target::start(&["--key", &key.path]);
    for id in 1..=3 {
        target.enters(id);
    }
    let calm = latencies(&mut target, ENTRIES);
    let request = target.overheard_request(1);
    let to_each = |id: u16| {
        let rubbish = [0, 7, 1400, 60_000].map(|length| missile(vec![b'?'; length], ""));
        let all = rubbish.into_iter().chain(forgeries(&request, id));
        let address = &target.group.listen[usize::from(id) - 1];
        all.map(|missile| (address.clone(), missile.bytes))
    };
    let datagrams = [1, 2, 3].into_iter().flat_map(to_each).collect();
    let lines_before: Vec<usize> = target.processes.iter().map(|p| p.lines().len()).collect();
    let began = Instant::now();
    let flood = Flood::start(datagrams);
    let flooded = latencies(&mut target, ENTRIES);
    let memory: Vec<u64> = target.processes.iter().map(resident).collect();
    let sent = flood.end();
    let seconds = began.elapsed().as_secs_f32();
    eprintln!("entries without a flood: {}", median_and_worst(&calm));
    eprintln!("and with one: {}", median_and_worst(&flooded));
    eprintln!("{sent} datagrams were sent in {seconds:.1} s");
    for ((process, before), memory) in target.processes.iter().zip(lines_before).zip(memory) {
        let dropped: u64 = drops(process).values().sum();
        let lines = process.lines();
        let told = lines
            .iter()
            .filter(|line| line.starts_with("dropped"))
            .count();
        let new = lines.len() - before;
        eprintln!(
            "a process dropped {dropped}, told of {told}, printed {new} lines, had {memory} KiB"
        );
        assert!(memory < 64 << 10);
        // Ten and a sum a second.
        let most_told = (seconds as usize + 2) * 11;
        assert!(told <= most_told);
        assert!(new <= most_told + ENTRIES * 30);
    }
    target.finish();
}

/// How many lines a program may print, beside those of its own doing, in so much
/// time: a hundred at first, then ten a second and a sum, of two kinds.
fn most_told(began: Instant) -> usize {
    120 + (began.elapsed().as_secs() as usize + 2) * 22
}

#[test]
fn with_a_key_a_repeated_hello_of_an_earlier_run_is_no_claim() {
    let key = KeyFile::make();
    let mut target = Target::start(&["--key", &key.path]);
    target.enters(3);
    let captured = target.group.relay.captured();
    let to_itself = captured
        .iter()
        .find(|it| it.text.starts_with(b"req<0,3>") && it.to == 3);
    let to_itself = to_itself.expect("it had to hear itself").text.clone();
    target.starts_anew(3);
    let outsider = Outsider::here();
    let address = target.group.listen[2].clone();
    outsider.send(&to_itself, &address);
    outsider.has_been_dealt_with(target.process(3), &address);
    target.enters(3);
    assert_eq!(target.process(3).count("another node claims"), 0);
    target.finish();
}

#[test]
fn with_a_key_replays_are_told_of_in_a_few_lines() {
    let key = KeyFile::make();
    let mut target = Target::start(&["--key", &key.path]);
    for id in [1, 2, 3] {
        target.enters(id);
    }
    // Of two runs.
    target.starts_anew(3);
    target.enters(3);
    let (outsider, address) = (Outsider::here(), target.group.listen[0].clone());
    for replay in replayed(&target.group.relay.captured(), |to| to == 1) {
        target.process(1).so_far();
        let before = target.process(1).lines().len();
        let asked_before = target.process(1).count("dropped so far");
        let began = Instant::now();
        let often = vec![replay; 500];
        outsider.throw(&often, target.process(1), &address);
        let asked = target.process(1).count("dropped so far") - asked_before;
        let lines = target.process(1).lines().len() - before - asked;
        let text = often[0].bytes.escape_ascii();
        assert!(lines <= most_told(began), "{lines} lines: {text}");
    }
    target.finish();
}

#[test]
fn without_a_key_clocks_far_ahead_are_told_of_in_a_few_lines() {
    let mut target = Target::start(&[]);
    for id in [1, 2, 3] {
        target.enters(id);
    }
    let (outsider, address) = (Outsider::here(), target.group.listen[0].clone());
    target.process(1).so_far();
    let before = target.process(1).lines().len();
    let asked_before = target.process(1).count("dropped so far");
    let began = Instant::now();
    for _ in 0..200 {
        let bomb = format!("req<{MAX_CLOCK},2>");
        outsider.send(bomb.as_bytes(), &address);
        outsider.has_been_dealt_with(target.process(1), &address);
    }
    let lines = target.process(1).lines().len() - before;
    let asked = target.process(1).count("dropped so far") - asked_before;
    assert!(lines - asked <= most_told(began), "{} lines", lines - asked);
}

#[test]
fn what_the_section_refuses_is_told_of_in_a_few_lines() {
    let mut target = Target::start(&[]);
    target.enters(1);
    let outsider = Outsider::here();
    target.group.shared.so_far();
    let before = target.group.shared.lines().len();
    let began = Instant::now();
    let both = [
        missile("rubbish", "undecodable"),
        again(b"cs<1,2>(too late)"),
    ];
    let missiles: Vec<Missile> = both.into_iter().cycle().take(2000).collect();
    outsider.throw_at_section(&missiles, &target.group);
    let lines = target.group.shared.lines().len() - before;
    let asked = target.group.shared.count("so far: entries ") - 1;
    assert!(lines - asked <= most_told(began), "{} lines", lines - asked);
    target.enters(1);
    target.finish();
}
