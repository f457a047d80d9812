//! The clients to serve because the outcome of their request has come.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Wake, Waker};

/// The tokens of these clients.
#[derive(Debug)]
pub(super) struct Woken {
    sender: Sender<usize>,
    receiver: Receiver<usize>,
}

impl Woken {
    pub(super) fn new() -> Self {
        let (sender, receiver) = channel();
        Woken { sender, receiver }
    }

    /// Returns a waker that adds this client.
    pub(super) fn waker(&self, client: usize) -> Waker {
        let woken = self.sender.clone();
        Waker::from(Arc::new(ClientWaker { client, woken }))
    }

    /// Takes the clients out.
    pub(super) fn take(&self) -> Vec<usize> {
        self.receiver.try_iter().collect()
    }
}

struct ClientWaker {
    client: usize,
    woken: Sender<usize>,
}

impl Wake for ClientWaker {
    fn wake(self: Arc<Self>) {
        // Without a receiver the agent has ended.
        let _ = self.woken.send(self.client);
    }
}
