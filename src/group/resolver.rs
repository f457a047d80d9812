//! Asking for the addresses of hosts, of many at once.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::{Address, AddressError};

/// The addresses of a host, at least one, or why there are none.
pub type Found = Result<Vec<SocketAddr>, AddressError>;

/// How long the start waits for the addresses of the other members. One that comes later
/// is looked up again.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// How many hosts are looked up at the same time.
const MAX_THREADS: usize = 16;

/// What knows the addresses of hosts: the system, or a test. It may take long.
#[derive(Clone)]
pub struct Resolver {
    resolve: Arc<dyn Fn(&Address) -> Found + Send + Sync>,
    max_wait: Duration,
}

impl Default for Resolver {
    /// The system's.
    fn default() -> Self {
        Resolver {
            resolve: Arc::new(Address::resolve),
            max_wait: MAX_WAIT,
        }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl Resolver {
    /// One that answers like this function, and for which a start waits so long.
    #[cfg(test)]
    pub(crate) fn new(
        max_wait: Duration,
        resolve: impl Fn(&Address) -> Found + Send + Sync + 'static,
    ) -> Self {
        Resolver {
            resolve: Arc::new(resolve),
            max_wait,
        }
    }

    /// Asks for the addresses of a host. This takes as long as it does.
    ///
    /// # Errors
    /// [`AddressError`] if the host is not known.
    pub fn resolve(&self, address: &Address) -> Found {
        (self.resolve)(address)
    }

    /// Asks for all of them at once: a host whose name servers are silent must not hold up
    /// the others. Waits for that at `own`, and for the others only a few seconds.
    pub(crate) fn resolve_all(&self, addresses: &[Address], own: Option<usize>) -> Vec<Found> {
        let until = Instant::now() + self.max_wait;
        let late = |address: &Address| {
            let host = address.host().unwrap_or_default();
            let why = format!("cannot find host {host}: the resolver has not answered yet");
            Err(AddressError::new(why))
        };
        let mut found: Vec<Found> = addresses.iter().map(late).collect();
        let is_slow = |place: &usize| addresses[*place].is_by_name() && Some(*place) != own;
        let (slow, quick): (Vec<usize>, Vec<usize>) = (0..addresses.len()).partition(is_slow);
        let (sender, answers) = mpsc::channel();
        for first in 0..slow.len().min(MAX_THREADS) {
            let part = slow.iter().skip(first).step_by(MAX_THREADS);
            let part = part.map(|place| (*place, addresses[*place].clone()));
            self.resolve_aside(part.collect(), sender.clone());
        }
        drop(sender);
        for place in quick {
            found[place] = self.resolve(&addresses[place]);
        }
        for _ in &slow {
            let left = until.saturating_duration_since(Instant::now());
            let Ok((place, answer)) = answers.recv_timeout(left) else {
                break;
            };
            found[place] = answer;
        }
        found
    }

    /// Asks in a thread of its own.
    fn resolve_aside(&self, part: Vec<(usize, Address)>, answers: Sender<(usize, Found)>) {
        let resolver = self.clone();
        let resolve = move || {
            for (place, address) in part {
                if answers.send((place, resolver.resolve(&address))).is_err() {
                    // Nothing waits for it any more.
                    return;
                }
            }
        };
        if let Err(error) = thread::Builder::new().spawn(resolve) {
            log::warn!("cannot look up names: {error}");
        }
    }
}
