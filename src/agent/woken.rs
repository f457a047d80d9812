//! The clients to serve because the outcome of their request has come.

use std::mem;
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use crate::system::locked;

/// The tokens of these clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Woken(Arc<Mutex<Vec<usize>>>);

impl Woken {
    /// Returns a waker that adds this client.
    pub(super) fn waker(&self, client: usize) -> Waker {
        let woken = self.clone();
        Waker::from(Arc::new(ClientWaker { client, woken }))
    }

    /// Takes the clients out.
    pub(super) fn take(&self) -> Vec<usize> {
        mem::take(&mut locked(&self.0))
    }
}

struct ClientWaker {
    client: usize,
    woken: Woken,
}

impl Wake for ClientWaker {
    fn wake(self: Arc<Self>) {
        locked(&self.woken.0).push(self.client);
    }
}
