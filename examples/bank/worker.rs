//! The thread that does a batch: it waits for the disk or the database, and the loop need not.
//!
//! Meanwhile the loop serves its clients and the lock. That matters with failover: a server
//! whose node is silent loses its membership lease.

use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;

use mio::Waker;

use crate::bank::{self, Outcome};
use crate::language::Texts;
use crate::ledger::Ledger;
use crate::protocol::Operation;
use crate::turns::Turn;

/// A batch, and the turn in which it is done.
type Batch = (Turn, Vec<Operation>);

/// The thread that does batches, one after the other.
pub struct Worker {
    batches: Sender<Batch>,
    done: Receiver<Vec<Outcome>>,
}

impl Worker {
    /// Starts the thread. It wakes the poll whenever a batch is done.
    pub fn start(mut ledger: Ledger, texts: &'static Texts, waker: Waker) -> io::Result<Self> {
        let (batches, to_do) = channel::<Batch>();
        let (outcomes, done) = channel();
        let work = move || {
            for (turn, operations) in to_do {
                let outcome = bank::execute(&mut ledger, turn, &operations, texts);
                if outcomes.send(outcome).is_err() || waker.wake().is_err() {
                    break;
                }
            }
        };
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(work)?;
        Ok(Worker { batches, done })
    }

    /// Begins a batch. There is none in progress.
    pub fn begin(&self, turn: Turn, operations: Vec<Operation>) -> io::Result<()> {
        self.batches.send((turn, operations)).map_err(|_| ended())
    }

    /// The outcomes of the batch, once it is done.
    pub fn try_recv(&self) -> io::Result<Option<Vec<Outcome>>> {
        match self.done.try_recv() {
            Ok(outcomes) => Ok(Some(outcomes)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(ended()),
        }
    }
}

/// It ends early only by a panic, which standard error has.
fn ended() -> io::Error {
    io::Error::other("the thread of the ledger has ended")
}
