//! Somebody on the network who is no member, and sends what it likes to whom it
//! likes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::relayed::Relayed;
use super::{Program, eventually};

/// How many datagrams of a process it dropped, by cause.
pub type Drops = BTreeMap<String, u64>;

/// How many are thrown at a time: what the buffer of a socket holds.
const BATCH: usize = 50;

/// A datagram that nobody else sends, and under which cause it is counted.
const LAST: (&[u8], &str) = (b"", "malformed");

/// A datagram, and under which cause the process that it is thrown at counts it.
#[derive(Clone)]
pub struct Missile {
    pub bytes: Vec<u8>,
    /// None: it is heard, and must have no effect.
    pub cause: Option<&'static str>,
}

pub struct Outsider {
    socket: UdpSocket,
}

impl Outsider {
    /// On the host of the members.
    pub fn here() -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into()).unwrap()
    }

    /// At another address of this machine, which is another host to those on
    /// loopback. None where there is no such address, or no way from there.
    pub fn elsewhere() -> Option<Self> {
        // Nothing is sent: it only asks from which address it would be.
        let probe = UdpSocket::bind("0.0.0.0:0").ok()?;
        probe.connect("198.51.100.1:9").ok()?;
        let address = probe.local_addr().ok()?.ip();
        if address.is_loopback() || address.is_unspecified() {
            return None;
        }
        let outsider = Self::at(address)?;
        let receiver = UdpSocket::bind("127.0.0.1:0").ok()?;
        receiver
            .set_read_timeout(Some(Duration::from_secs(1)))
            .ok()?;
        outsider.send(b"?", &receiver.local_addr().ok()?.to_string());
        let (_, source) = receiver.recv_from(&mut [0]).ok()?;
        (source.ip() == address).then_some(outsider)
    }

    fn at(address: IpAddr) -> Option<Self> {
        let socket = UdpSocket::bind((address, 0)).ok()?;
        Some(Outsider { socket })
    }

    pub fn send(&self, bytes: &[u8], to: &str) {
        // A full buffer somewhere loses it, as it may lose anybody's.
        let _ = self.socket.send_to(bytes, to);
    }

    /// Throws all these at a process that listens there, and waits until it has
    /// dealt with each: it must count them as it says with each.
    pub fn throw(&self, missiles: &[Missile], process: &Program, address: &str) {
        let mut expected = drops(process);
        for batch in missiles.chunks(BATCH) {
            for missile in batch {
                self.send(&missile.bytes, address);
            }
            let causes = batch.iter().filter_map(|missile| missile.cause);
            for cause in causes.chain([LAST.1]) {
                *expected.entry(cause.to_owned()).or_default() += 1;
            }
            self.has_been_dealt_with(process, address);
            assert_eq!(drops(process), expected);
        }
    }

    /// Waits until a process has dealt with all that was sent to it there.
    pub fn has_been_dealt_with(&self, process: &Program, address: &str) {
        // What arrives at one socket is dealt with in order.
        let (last, cause) = LAST;
        let count = |drops: Drops| drops.get(cause).copied().unwrap_or(0);
        let before = count(drops(process));
        self.send(last, address);
        // Nothing is printed when a drop is counted: it is asked again.
        eventually("the last drop's count", || {
            (count(drops(process)) != before).then_some(())
        });
    }
}

impl Outsider {
    /// The same at the section, to which all that have a cause are undecodable.
    pub fn throw_at_section(&self, missiles: &[Missile], group: &Relayed) {
        let mut expected = undecodable(&group.shared);
        for batch in missiles.chunks(BATCH) {
            for missile in batch {
                self.send(&missile.bytes, &group.section);
            }
            self.send(LAST.0, &group.section);
            expected += 1 + batch.iter().filter(|it| it.cause.is_some()).count() as u64;
            // Nothing is printed when one is counted: it is asked again.
            eventually(&format!("{expected} undecodable"), || {
                (undecodable(&group.shared) == expected).then_some(())
            });
        }
    }
}

/// How many datagrams the section could not read so far.
fn undecodable(shared: &Program) -> u64 {
    let line = shared.so_far();
    let mut counts = line.split(", ");
    let count = counts.find_map(|count| count.strip_prefix("undecodable "));
    count.expect("it is told").parse().expect("a number")
}

/// What this process has dropped so far.
pub fn drops(process: &Program) -> Drops {
    let line = process.so_far();
    let causes = line
        .strip_prefix("dropped so far: ")
        .expect("it begins the line");
    causes
        .split(", ")
        .filter_map(|cause| cause.rsplit_once(' '))
        .map(|(cause, count)| (cause.to_owned(), count.parse().expect("a number")))
        .collect()
}

/// Somebody who sends all the time, as fast as the machine can, until dropped.
pub struct Flood {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Flood {
    /// Of these datagrams, each to an address of its own.
    pub fn start(datagrams: Vec<(String, Vec<u8>)>) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let seen = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let outsider = Outsider::here();
            let all = datagrams.iter().cycle();
            (0..)
                .zip(all)
                .take_while(|_| !seen.load(Ordering::Relaxed))
                .map(|(number, (to, bytes))| {
                    outsider.send(bytes, to);
                    number
                })
                .last()
                .unwrap_or(0)
        });
        Flood {
            is_over,
            thread: Some(thread),
        }
    }

    /// Ends it; how many were sent.
    pub fn end(mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}
