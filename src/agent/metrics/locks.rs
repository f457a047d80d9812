//! The metrics of each lock.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::super::protocol::{AgentStatus, ClientStatus};
use super::super::usage::{Histogram, LockUsage, NotHad, Usage};
use super::{labelled, push};
use crate::printable::Printable;
use crate::wire::WAITING;

/// The clients of one lock as they are now.
#[derive(Default)]
struct Now {
    waiting: usize,
    longest_wait_ms: Option<u64>,
    longest_hold_ms: Option<u64>,
}

impl Now {
    fn add(&mut self, client: &ClientStatus) {
        let longest = match &*client.state {
            WAITING => {
                self.waiting += 1;
                &mut self.longest_wait_ms
            }
            _ => &mut self.longest_hold_ms,
        };
        *longest = (*longest).max(Some(client.since_ms));
    }
}

/// Appends the metrics of all locks.
pub(super) fn push_all(text: &mut String, status: &AgentStatus, usage: &Usage) {
    let seconds = |ms: u64| ms as f64 / 1e3;
    let all = || usage.all().map(|(name, it)| (lock(name), it));
    let entries = all().map(|(lock, it)| sample(&[lock], it.waits.count));
    let help = "Entries of clients that began under the lock.";
    push(text, "lock_entries_total", "counter", help, entries);
    let not_had = all().flat_map(|(lock, it)| {
        NotHad::ALL.map(|why| {
            sample(
                &[lock.clone(), ("reason", why.name().into())],
                it.not_had(why),
            )
        })
    });
    let help = "Clients that asked for the lock and did not begin under it.";
    push(text, "lock_not_had_total", "counter", help, not_had);
    let help = "How long clients waited before they began under the lock.";
    push_histogram(text, "lock_wait_seconds", help, usage, |it| &it.waits);
    let help = "How long the lock was held.";
    push_histogram(text, "lock_hold_seconds", help, usage, |it| &it.holds);

    let mut now: BTreeMap<&str, Now> = BTreeMap::new();
    for client in &status.clients {
        let name = usage.counted_as(&client.lock);
        now.entry(name).or_default().add(client);
    }
    let waiting = now.iter();
    let waiting = waiting.map(|(name, it)| sample(&[lock(name)], it.waiting));
    let help = "Clients that wait for the lock now.";
    push(text, "lock_waiting", "gauge", help, waiting);
    let wait = now
        .iter()
        .filter_map(|(name, it)| Some((name, it.longest_wait_ms?)));
    let wait = wait.map(|(name, ms)| sample(&[lock(name)], seconds(ms)));
    let help = "How long the client has waited that waits longest now.";
    push(text, "lock_current_wait_seconds", "gauge", help, wait);
    let hold = now
        .iter()
        .filter_map(|(name, it)| Some((name, it.longest_hold_ms?)));
    let hold = hold.map(|(name, ms)| sample(&[lock(name)], seconds(ms)));
    let help = "How long the lock has been held by the client that has it now.";
    push(text, "lock_current_hold_seconds", "gauge", help, hold);
}

fn push_histogram(
    text: &mut String,
    name: &str,
    help: &str,
    usage: &Usage,
    of: impl Fn(&LockUsage) -> &Histogram,
) {
    let samples = usage.all().flat_map(|(name, usage)| {
        let (lock, histogram) = (lock(name), of(usage));
        let bucket = |bound: String, count| {
            format!("_bucket{}", sample(&[lock.clone(), ("le", bound)], count))
        };
        let bounds = histogram.buckets();
        let mut samples: Vec<String> = bounds
            .map(|(bound, count)| bucket(bound.to_string(), count))
            .collect();
        samples.push(bucket("+Inf".to_owned(), histogram.count));
        let sum = histogram.sum.as_secs_f64();
        samples.push(format!("_sum{}", sample(std::slice::from_ref(&lock), sum)));
        samples.push(format!(
            "_count{}",
            sample(std::slice::from_ref(&lock), histogram.count)
        ));
        samples
    });
    push(text, name, "histogram", help, samples);
}

/// Any client can choose a name, and a terminal may show the metrics. Two names stay two.
fn lock(name: &str) -> (&'static str, String) {
    ("lock", Printable::whole(name.as_bytes()).to_string())
}

fn sample(labels: &[(&str, String)], value: impl Display) -> String {
    let labels: Vec<(&str, &str)> = labels
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    format!("{} {value}", labelled(&labels))
}
