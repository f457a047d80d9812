//! A node in a thread of its own.

use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::error::LockError;
use super::guard::Guard;
use super::handle::Handle;
use super::local_node::LocalNode;
use super::mailbox::Command;
use super::request::Request;
use super::settings::{Settings, StartError};
use super::status::Status;

/// A node in a thread of its own. Its [`Handle`]s give access to its locks from other
/// threads.
///
/// Dropping it refuses new requests; waiting callers get
/// [`LockError::Ended`](super::LockError::Ended). The drop returns when the peers that
/// wait for this node have their replies. While a [`Guard`](super::Guard) is alive the
/// drop returns at once and the node's thread ends with the last guard; until then no
/// other member enters that lock.
///
/// ```
/// use turno::{Node, Settings};
///
/// # let port = std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
/// let node = Node::start(&Settings::new(1, [format!(":{port}")]))?;
/// let nightly = node.lock("nightly")?;
/// println!("our turn, with token {}", nightly.token());
/// drop(nightly);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Node {
    handle: Handle,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Node {
    /// Binds the socket and begins to take part.
    ///
    /// # Errors
    /// [`StartError`] says what prevents it and what to do.
    pub fn start(settings: &Settings) -> Result<Self, StartError> {
        // Errors are found before there is a thread.
        let mut local = LocalNode::start_delegating(settings)?;
        let handle = local.handle();
        let name = format!("turno node {}", local.id());
        let thread = thread::Builder::new().name(name).spawn(move || {
            let ended = local.drive();
            if let Err(error) = &ended {
                log::error!("the node has ended: {error}");
            }
            ended
        });
        Ok(Node {
            handle,
            thread: Some(thread.map_err(StartError::System)?),
        })
    }

    /// Access to its locks, for any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// As [`Handle::lock`].
    ///
    /// # Errors
    /// As there.
    pub fn lock(&self, name: &str) -> Result<Guard, LockError> {
        self.handle.lock(name)
    }

    /// As [`Handle::lock_timeout`].
    ///
    /// # Errors
    /// As there.
    pub fn lock_timeout(&self, name: &str, timeout: Duration) -> Result<Guard, LockError> {
        self.handle.lock_timeout(name, timeout)
    }

    /// As [`Handle::try_lock`].
    ///
    /// # Errors
    /// As there.
    pub fn try_lock(&self, name: &str) -> Result<Guard, LockError> {
        self.handle.try_lock(name)
    }

    /// As [`Handle::request`].
    ///
    /// # Errors
    /// As there.
    pub fn request(&self, name: &str) -> Result<Request, LockError> {
        self.handle.request(name)
    }

    /// As [`Handle::status`].
    ///
    /// # Errors
    /// As there.
    pub fn status(&self) -> Result<Status, LockError> {
        self.handle.status()
    }

    /// Ends the node as dropping it does, but waits for the guards too: it returns
    /// when the last one is dropped.
    ///
    /// # Errors
    /// The error that ended the node before: the system's, or the state directory's.
    ///
    /// # Panics
    /// If the node's thread has panicked.
    pub fn shutdown(mut self) -> io::Result<()> {
        let (only_holders_left, _) = mpsc::channel();
        // If the node has ended already, its thread returns why.
        let _ = self.handle.send(Command::Shutdown(only_holders_left));
        let thread = self.thread.take();
        thread.map_or(Ok(()), |thread| {
            thread.join().expect("the node's thread does not panic")
        })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let (sender, only_holders_left) = mpsc::channel();
        let sent = self.handle.send(Command::Shutdown(sender));
        if let Some(thread) = self.thread.take()
            && sent.is_ok()
            && only_holders_left.recv().is_err()
        {
            // The sender is gone: the node has ended, or is about to. Its log says
            // how.
            let _ = thread.join();
        }
    }
}
